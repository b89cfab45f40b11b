"""Coinpurse, the object: the composition root, the same in Flask and in scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from flask import Flask, current_app, has_app_context

from coinpurse.api_keys import ApiKeys
from coinpurse.back_office import BackOffice
from coinpurse.catalog import Catalog, Catalogs, CatalogSync
from coinpurse.db import CommitWatcher, Database, UnitOfWork, require_migrated
from coinpurse.endpoints import Endpoints, Reach, Sender, WebhookChannel
from coinpurse.errors import ConfigurationError
from coinpurse.inbox import Inbox
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.group_commit import GroupCommit
from coinpurse.monitoring import Monitoring
from coinpurse.notifications import AlertChannel, Channel, Notifications
from coinpurse.operations import WalletOperations
from coinpurse.payment_operations import PaymentOperations
from coinpurse.purchases import Purchases
from coinpurse.reconciliation import Reconciliation
from coinpurse.refunds import AfterSales, Policies, Refunds, Reviews
from coinpurse.settings import Settings

UserIdLoader = Callable[[], str | None]
RoleLoader = Callable[[], str | None]


class Services:
    """Everything that one configuration needs, made at its first use and then kept."""

    def __init__(self, settings: Settings) -> None:
        # Stripe's SDK takes its time to be imported: not with us, but with the first settings.
        from coinpurse.stripe_gateway import Gateway

        self.settings = settings
        # Wrong keys and a wrong catalog stop the start, not the first buyer.
        self.gateway = Gateway(
            settings.require_stripe_key(),
            webhook_secrets=settings.require_webhook_secrets(),
            api_base=settings.api_base,
        )
        self.catalogs = Catalogs(settings.catalog, lambda: self.database)

    @cached_property
    def database(self) -> Database:
        """The pool; the embedded server starts here where it is used."""
        return Database.from_settings(self.settings)

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self.catalogs.current()

    @cached_property
    def catalog_sync(self) -> CatalogSync:
        """The catalog as products and prices at Stripe."""
        return CatalogSync(self.database, self.gateway)

    @cached_property
    def purchases(self) -> Purchases:
        """Checkouts and their outcome."""
        return Purchases(self.database, self.gateway, self.settings.spend_order)

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The keys of the service API."""
        return ApiKeys(self.database)

    @cached_property
    def commit_watcher(self) -> CommitWatcher:
        """Fires signals once a host has committed."""
        return CommitWatcher(self.database)

    @cached_property
    def group_commit(self) -> GroupCommit | None:
        """Lets concurrent spends share a commit, where the operator wants it."""
        return GroupCommit(self.database) if self.settings.group_commit else None

    @cached_property
    def inbox(self) -> Inbox:
        """Stripe's events."""
        from coinpurse import jobs

        deferring = jobs.application(self.database.conninfo)

        def schedule(work: UnitOfWork, event_id: str, at: datetime) -> None:
            jobs.schedule_event(deferring, work, event_id, at)

        return Inbox(
            self.database, self.gateway, self.after_sales, schedule, self.settings.spend_order
        )

    @cached_property
    def policies(self) -> Policies:
        """What the operator decided about money that goes back."""
        settings = self.settings
        return Policies(
            spent_coins=settings.spent_coins_policy,
            chargeback=settings.chargeback_policy,
            inquiry=settings.inquiry_policy,
            fraud_warning=settings.fraud_warning_policy,
        )

    @cached_property
    def after_sales(self) -> AfterSales:
        """What Stripe knows of payments after they were paid."""
        return AfterSales(self.database, self.gateway, self.policies, self.settings.spend_order)

    @cached_property
    def refunds(self) -> Refunds:
        """Refunds that we are asked for."""
        return Refunds(self.database, self.gateway, self.after_sales, self.policies)

    @cached_property
    def reviews(self) -> Reviews:
        """Payments that a person must settle."""
        return Reviews(self.database, self.after_sales, self.refunds, self.settings.spend_order)

    @cached_property
    def monitoring(self) -> Monitoring:
        """How the store stands."""
        return Monitoring(self.database)

    @cached_property
    def back_office(self) -> BackOffice:
        """Staff, audit log, adjustments, lists and figures."""
        return BackOffice(
            self.database,
            spend_order=self.settings.spend_order,
            approval_above=self.settings.approval_above,
            time_zone=self.settings.time_zone,
        )

    @cached_property
    def channels(self) -> Mapping[str, Channel]:
        """The ways to tell others that the operator has set up."""
        settings = self.settings
        channels: dict[str, Channel] = {
            "webhook": WebhookChannel(self.database, Sender(self.webhook_reach))
        }
        if settings.mail_server:
            from coinpurse.web.mail import MailChannel

            channels["mail"] = MailChannel(self.database, settings)
        if settings.alert_urls is not None:
            channels["alert"] = AlertChannel(
                settings.alert_urls, store_name=settings.store_name, base_url=settings.base_url
            )
        return channels

    @cached_property
    def webhook_reach(self) -> Reach:
        """Where outgoing webhooks may go besides the public Internet."""
        settings = self.settings
        return Reach(private=settings.webhooks_allow_private, loopback=settings.demo)

    @cached_property
    def webhook_endpoints(self) -> Endpoints:
        """Who receives webhooks."""
        return Endpoints(self.webhook_reach)

    @cached_property
    def notifications(self) -> Notifications:
        """What was announced, on its way to others."""
        return Notifications(self.database, self.channels)

    @cached_property
    def reconciliation(self) -> Reconciliation:
        """Stripe against our books."""
        return Reconciliation(
            self.database,
            self.gateway,
            after_sales=self.after_sales,
            inbox=self.inbox,
            catalog=self.catalogs.current,
            spend_order=self.settings.spend_order,
        )


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
        self._given = Services(settings) if settings is not None else None
        self._services = self._given
        self._user_id = user_id
        self._staff_role = staff_role
        self._pages_prefix = pages_prefix
        self._service_api = service_api
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add the routes, pages and this object to an app. It may be given several apps."""
        from coinpurse import jobs, web

        assert jobs  # Imported now, before a server forks, and not with its first event.
        services = self._given or Services(Settings.from_flask(app.config))
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
