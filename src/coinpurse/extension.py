"""Coinpurse, the object: the composition root, the same in Flask and in scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property

from flask import Flask, current_app, has_app_context

from coinpurse import jobs
from coinpurse.api_keys import ApiKeys
from coinpurse.catalog import Catalog, load_catalog
from coinpurse.db import CommitWatcher, Database, UnitOfWork, require_migrated
from coinpurse.errors import ConfigurationError, RedirectNotAllowed
from coinpurse.inbox import Inbox
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.group_commit import GroupCommit
from coinpurse.operations import WalletOperations
from coinpurse.purchases import (
    Payment,
    PaymentStatus,
    Purchases,
    StartedCheckout,
    all_payments,
    find_payment,
    payments_of,
)
from coinpurse.settings import Settings, origin_of
from coinpurse.stripe_gateway import Gateway

UserIdLoader = Callable[[], str | None]


class Services:
    """Everything that one configuration needs, made at its first use and then kept."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Wrong keys and a wrong catalog stop the start, not the first buyer.
        self.gateway = Gateway(
            settings.require_stripe_key(),
            webhook_secrets=settings.require_webhook_secrets(),
            api_base=settings.api_base,
        )
        self.catalog: Catalog = load_catalog(settings.catalog)

    @cached_property
    def database(self) -> Database:
        """The pool; the embedded server starts here where it is used."""
        return Database.from_settings(self.settings)

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
        deferring = jobs.application(self.database.conninfo)

        def schedule(work: UnitOfWork, event_id: str, at: datetime) -> None:
            jobs.schedule_event(deferring, work, event_id, at)

        return Inbox(self.database, self.gateway, schedule, self.settings.spend_order)


class Coinpurse(WalletOperations):
    """Coins for one application.

        purse = Coinpurse(app)                      # in Flask, with app.config
        purse = Coinpurse(); purse.init_app(app)    # in an app factory
        purse = Coinpurse(settings=Settings(...))   # without Flask

    user_id: returns the id of the logged-in user as text, or None; default: Flask-Login's current user.
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
        pages_prefix: str | None = "/coins",
        service_api: bool = True,
    ) -> None:
        self._given = Services(settings) if settings is not None else None
        self._services = self._given
        self._user_id = user_id
        self._pages_prefix = pages_prefix
        self._service_api = service_api
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add the routes, pages and this object to an app. It may be given several apps."""
        from coinpurse import web

        services = self._given or Services(Settings.from_flask(app.config))
        # Outside of any app, the first one's settings hold.
        self._services = self._services or services
        app.extensions["coinpurse"] = self
        app.extensions["coinpurse.services"] = services
        web.register(
            app,
            user_id=self._user_id,
            pages_prefix=self._pages_prefix,
            service_api=self._service_api,
        )

    @property
    def services(self) -> Services:
        """The current app's services, or those of the settings that this object was made with."""
        if has_app_context() and "coinpurse.services" in current_app.extensions:
            services: Services = current_app.extensions["coinpurse.services"]
            return services
        if self._services is None:
            raise ConfigurationError(
                "Coinpurse has no settings yet: call init_app(app) or pass settings=."
            )
        return self._services

    @property
    def settings(self) -> Settings:
        """The frozen settings."""
        return self.services.settings

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
    def catalog(self) -> Catalog:
        """The packs on sale."""
        return self.services.catalog

    @property
    def api_keys(self) -> ApiKeys:
        """The keys with which other backends call the service API."""
        return self.services.api_keys

    @property
    def inbox(self) -> Inbox:
        """Stripe's events: receive, replay, list."""
        return self.services.inbox

    def require_ready(self) -> None:
        """Raise ConfigurationError, with the mend, unless the database can be reached and is migrated."""
        require_migrated(self.database)

    def start_checkout(
        self,
        user_id: str,
        *,
        pack: str,
        currency: str = "usd",
        success_url: str,
        cancel_url: str,
        key: str | None = None,
        locale: str | None = None,
    ) -> StartedCheckout:
        """Open a Stripe checkout for a pack on sale and return where to send the buyer.

        pack: its sku. success_url, cancel_url: on an allowed origin; `{CHECKOUT_SESSION_ID}` in them is
        filled in by Stripe. key: the same key and content return the same checkout.
        Raises PackUnavailable, RedirectNotAllowed, IdempotencyConflict and CheckoutFailed.
        """
        chosen = self.catalog.by_sku(pack, currency)
        for field, url in (("success_url", success_url), ("cancel_url", cancel_url)):
            self._require_allowed(field, url)
        return self.services.purchases.start(
            user_id,
            chosen,
            currency,
            success_url=success_url,
            cancel_url=cancel_url,
            request_key=key,
            locale=locale,
        )

    def payment_status(self, session_id: str, user_id: str) -> PaymentStatus:
        """Return how the user's payment stands, asking Stripe where it is pending (rate-limited).

        Raises NotFound and Forbidden.
        """
        return self.services.purchases.status(session_id, user_id)

    def cancel_checkout(self, session_id: str, user_id: str) -> PaymentStatus:
        """Close an open checkout at Stripe; one that was paid first stays paid.

        Raises NotFound, Forbidden and GatewayError.
        """
        return self.services.purchases.cancel(session_id, user_id)

    def payments(self, user_id: str, limit: int = 50) -> Sequence[Payment]:
        """Return the user's payments, newest first."""
        with self.database.unit_of_work() as work:
            return payments_of(work, user_id, limit=limit)

    def all_payments(
        self, *, status: str | None = None, in_review: bool = False, limit: int = 50
    ) -> Sequence[Payment]:
        """Return everybody's payments, newest first. in_review: only those that a person must look at."""
        with self.database.unit_of_work() as work:
            return all_payments(work, status=status, in_review=in_review, limit=limit)

    def find_payment(self, id_or_session: str) -> Payment | None:
        """Return a payment by its id or by Stripe's session id."""
        with self.database.unit_of_work() as work:
            return find_payment(work, id_or_session)

    def _require_allowed(self, field: str, url: str) -> None:
        origin = origin_of(url)
        if origin not in self.settings.allowed_redirect_origins():
            raise RedirectNotAllowed(
                f"{field} must have an origin on the allow-list; add it to COINPURSE_REDIRECT_ORIGINS.",
                field=field,
                origin=origin or "",
            )
