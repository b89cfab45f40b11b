"""Alerts to whoever runs the store, through apprise: chat, mail, telephone, and a hundred other services."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from coinpurse.db import UnitOfWork
from coinpurse.money import EXPONENTS
from coinpurse.notifications.rules import Delivery, Outcome
from coinpurse.outbox import TYPES, Message

# What each trouble is called, by the type of the message or, for operator.alert, by the event that it names.
TITLES = {
    "payment.in_review": "A payment needs a person",
    "dispute.opened": "A buyer disputes a payment",
    "event.dead": "An event from Stripe could not be handled",
    "reconciliation.drift": "Stripe and the ledger disagree",
    "ledger.broken": "The ledger contradicts itself",
}
# What the operator needs to find it; the rest is in the back office.
SHOWN = (
    *("reason", "payment_id", "user_id", "amount_minor"),
    *("dispute_id", "dispute_status", "dispute_reason", "disputed_minor", "evidence_due_at"),
    *("event_id", "type", "attempts", "error", "reconciliation_id", "repaired", "left"),
)


class AlertChannel:
    """Tells each of the operator's addresses. They may hold passwords: nothing here logs or keeps one."""

    def __init__(self, urls: SecretStr, *, store_name: str, base_url: str) -> None:
        self._given = urls
        self._store_name = store_name
        self._base_url = base_url

    @cached_property
    def _urls(self) -> dict[UUID, str]:
        from apprise.utils.parse import (
            parse_urls,  # Takes a second, which only workers with news spend.
        )

        # Its messages name addresses that it cannot use, with all that is in them.
        logging.getLogger("apprise").addFilter(lambda _record: False)
        return {_id_of(url): url for url in parse_urls(self._given.get_secret_value())}  # type: ignore[no-untyped-call]

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID | None]:  # noqa: ARG002
        """Every address, for what concerns the operator: one that fails is tried again alone."""
        return tuple(self._urls) if TYPES[message.type].operator else ()

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Tell one address."""
        assert delivery.endpoint_id is not None
        url = self._urls.get(delivery.endpoint_id)
        if url is None:
            return Outcome(False, error="no longer among COINPURSE_ALERT_URLS", final=True)
        from apprise import Apprise

        target = Apprise()
        if not target.add(url):
            return Outcome(False, error="apprise does not know an address of this form", final=True)
        title, body = self.words(message)
        if target.notify(title=title, body=body):
            return Outcome(True)
        return Outcome(False, error=f"{target[0].service_name} did not take it")

    def words(self, message: Message) -> tuple[str, str]:
        """The title and the text of an alert."""
        facts = message.facts
        event = str(facts.get("event", message.type))
        lines = [
            f"{name.removesuffix('_minor').replace('_', ' ')}: {_told(name, facts)}"
            for name in SHOWN
            if facts.get(name) not in (None, "")
        ]
        title = f"[{self._store_name}] {TITLES.get(event, event)}"
        return title, "\n".join(
            [*lines, f"at: {message.created_at:%Y-%m-%d %H:%M:%S %Z}", self._base_url]
        )


def _told(name: str, facts: Mapping[str, Any]) -> str:
    """A fact as people read it: amounts in whole units, with their currency."""
    currency = facts.get("currency")
    if name.endswith("_minor") and currency in EXPONENTS:
        # Not as Money: an alert also tells of amounts that cannot be charged.
        return f"{Decimal(facts[name]).scaleb(-EXPONENTS[currency])} {currency.upper()}"
    return str(facts[name])


def _id_of(url: str) -> UUID:
    """A name for an address that stays the same and tells nothing of it."""
    return UUID(bytes=hashlib.sha256(url.encode()).digest()[:16])
