"""What one configuration needs, each part made at its first use: pool, gateway, features."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from coinpurse import jobs
from coinpurse.api_keys import ApiKeys
from coinpurse.back_office import BackOffice
from coinpurse.catalog import Catalog, Catalogs, CatalogSync
from coinpurse.db import CommitWatcher, Database, UnitOfWork
from coinpurse.endpoints import Endpoints, Reach, Sender, WebhookChannel
from coinpurse.inbox import Inbox
from coinpurse.ledger.group_commit import GroupCommit
from coinpurse.monitoring import Monitoring
from coinpurse.notifications import AlertChannel, Channel, Notifications
from coinpurse.purchases import Purchases
from coinpurse.reconciliation import Reconciliation
from coinpurse.refunds import AfterSales, Policies, Refunds, Reviews
from coinpurse.settings import Settings
from coinpurse.stripe_gateway import Gateway


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
            from coinpurse.web.alerts import Alerts

            channels["alert"] = AlertChannel(settings.alert_urls, write=Alerts(settings).write)
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
