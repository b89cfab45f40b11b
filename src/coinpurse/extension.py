"""Coinpurse, the object: the composition root, the same in Flask and in scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask, current_app, has_app_context

from coinpurse.db import require_migrated
from coinpurse.errors import ConfigurationError
from coinpurse.operations import WalletOperations
from coinpurse.payment_operations import PaymentOperations

# What the services need takes longer to be imported than all that a host has; nobody waits for it who makes none.
if TYPE_CHECKING:
    from coinpurse.api_keys import ApiKeys
    from coinpurse.back_office import BackOffice
    from coinpurse.db import CommitWatcher, Database
    from coinpurse.endpoints import Endpoints
    from coinpurse.inbox import Inbox
    from coinpurse.ledger import SpendOrder
    from coinpurse.ledger.group_commit import GroupCommit
    from coinpurse.monitoring import Monitoring
    from coinpurse.notifications import Notifications
    from coinpurse.services import Services
    from coinpurse.settings import Settings

UserIdLoader = Callable[[], str | None]
RoleLoader = Callable[[], str | None]


class Coinpurse(WalletOperations, PaymentOperations):
    """Coins for one application.

        purse = Coinpurse(app)                      # in Flask, with app.config
        purse = Coinpurse(); purse.init_app(app)    # in an app factory
        purse = Coinpurse(settings=Settings(...))   # without Flask

    user_id: returns the id of the logged-in user as text, or None; default: Flask-Login's current user.
    staff_role: returns the role of the logged-in user in the back office (viewer, support, finance or owner), or None;
    default: the roles that `coinpurse staff` and the back office itself give.
    pages_prefix: where the buyers' pages are mounted in a host; None for the JSON API alone.
    service_api: whether other backends may call `/api/v1/` with keys.
    Raises ConfigurationError, with the mend, where a setting is missing or wrong.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        settings: Settings | None = None,
        user_id: UserIdLoader | None = None,
        staff_role: RoleLoader | None = None,
        pages_prefix: str | None = "/coins",
        service_api: bool = True,
    ) -> None:
        self._given = _services_of(settings) if settings is not None else None
        self._services = self._given
        self._user_id = user_id
        self._staff_role = staff_role
        self._pages_prefix = pages_prefix
        self._service_api = service_api
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add the routes, pages and this object to an app. It may be given several apps."""
        from coinpurse import web
        from coinpurse.settings import Settings

        services = self._given or _services_of(Settings.from_flask(app.config))
        # Outside of any app, the first one's settings hold.
        self._services = self._services or services
        app.extensions["coinpurse"] = self
        app.extensions["coinpurse.services"] = services
        web.register(
            app,
            user_id=self._user_id,
            staff_role=self._staff_role,
            pages_prefix=self._pages_prefix,
            service_api=self._service_api,
        )

    @property
    def services(self) -> Services:
        """The current app's services, or those of the settings that this object was made with."""
        if has_app_context():
            services: Services | None = current_app.extensions.get("coinpurse.services")
            if services is not None:
                return services
        if self._services is None:
            raise ConfigurationError(
                "Coinpurse has no settings yet: call init_app(app) or pass settings=."
            )
        return self._services

    @property
    def database(self) -> Database:
        """The connection pool."""
        return self.services.database

    @property
    def _spend_order(self) -> SpendOrder:
        return self.settings.spend_order

    @property
    def _commit_watcher(self) -> CommitWatcher:
        return self.services.commit_watcher

    @property
    def _group_commit(self) -> GroupCommit | None:
        return self.services.group_commit

    @property
    def api_keys(self) -> ApiKeys:
        """The keys with which other backends call the service API."""
        return self.services.api_keys

    @property
    def back_office(self) -> BackOffice:
        """What the operator's people see and do."""
        return self.services.back_office

    @property
    def inbox(self) -> Inbox:
        """Stripe's events: receive, replay, list."""
        return self.services.inbox

    @property
    def monitoring(self) -> Monitoring:
        """How the store stands: its states, and the conditions that a person should hear of."""
        return self.services.monitoring

    @property
    def webhook_endpoints(self) -> Endpoints:
        """Who receives outgoing webhooks: add, rotate, disable, test."""
        return self.services.webhook_endpoints

    @property
    def notifications(self) -> Notifications:
        """What was announced and its deliveries: list, replay."""
        return self.services.notifications

    def require_ready(self) -> None:
        """Raise ConfigurationError, with the mend, unless the database can be reached and is migrated."""
        require_migrated(self.database)


def _services_of(settings: Settings) -> Services:
    from coinpurse.services import Services

    return Services(settings)
