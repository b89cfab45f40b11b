"""What Stripe and our books disagree about. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from coinpurse.catalog import Catalog, Pack
from coinpurse.ports import CheckoutSession
from coinpurse.purchases import Payment
from coinpurse.purchases.rules import Report, Signal, next_status

# Events and refunds may come late by a month; two days more for the clocks and the run itself.
DEFAULT_WINDOW = timedelta(days=32)

# What each kind of finding means, for the report.
KINDS = {
    "payment_missing": "Stripe has a checkout of ours that we have no row of",
    "paid_not_credited": "Stripe was paid, the coins were not credited",
    "credited_not_paid": "coins were credited, Stripe was not paid",
    "state_different": "the payment stands otherwise at Stripe",
    "session_unknown": "Stripe does not know the checkout session",
    "never_opened": "the checkout was never opened at Stripe",
    "refund_missed": "a refund that we did not follow",
    "dispute_missed": "a dispute that we did not follow",
    "warning_missed": "a fraud warning that we did not follow",
    "event_missed": "an event that was not delivered to us",
    "event_stuck": "an event that was delivered and has had no effect",
    "amount_different": "Stripe's balance moved by another amount",
    "unreadable": "something at Stripe that we cannot read",
    "needs_review": "a payment that a person must settle",
}
REPAIRED, LEFT, FOUND = "repaired", "left", "found"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. subject: the id of what it is about. outcome: repaired, left for a person, or found (dry run)."""

    kind: str
    subject: str
    payment_id: UUID | None
    detail: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """How a reconciliation ended. looked_at: how many of each list; findings: how many of each kind and outcome."""

    id: int
    since: datetime
    dry_run: bool
    looked_at: Mapping[str, int]
    findings: Mapping[str, Mapping[str, int]]
    started_at: datetime
    finished_at: datetime | None

    @property
    def left(self) -> int:
        """Differences that are still there."""
        return sum(
            count
            for outcomes in self.findings.values()
            for outcome, count in outcomes.items()
            if outcome != REPAIRED
        )

    @property
    def repaired(self) -> int:
        """Differences that are gone."""
        return sum(outcomes.get(REPAIRED, 0) for outcomes in self.findings.values())


@dataclass(frozen=True, slots=True)
class LostPayment:
    """What Stripe's copy of our metadata says of a payment whose row is lost."""

    id: UUID
    user_id: str
    coins: int
    bonus: int


def difference(payment: Payment, report: Report) -> str | None:
    """Name the kind of difference between a row and Stripe's session; None where they agree."""
    if report.signal in (Signal.PAID, Signal.FREE):
        return None if payment.is_credited or payment.reviewed_at else "paid_not_credited"
    if payment.is_credited:
        return "credited_not_paid"
    if report.signal is Signal.SETTLING:
        return None if payment.settling_at or payment.status != "pending" else "state_different"
    return None if next_status(payment, report.signal) == payment.status else "state_different"


def read_lost(session: CheckoutSession) -> LostPayment | None:
    """Read what we had written into a session's metadata; None where it does not hold together."""
    facts = session.metadata
    try:
        lost = LostPayment(
            id=UUID(facts["payment_id"]),
            user_id=facts["user_id"],
            coins=int(facts["coins"]),
            bonus=int(facts["bonus"]),
        )
        total = int(facts["total_coins"])
    except (KeyError, ValueError):
        return None
    sound = lost.coins > 0 and lost.bonus >= 0 and lost.coins + lost.bonus == total
    named = lost.user_id and session.client_reference_id == lost.user_id
    return lost if sound and named and session.amount_minor > 0 else None


def find_pack(catalog: Catalog, lost: LostPayment, session: CheckoutSession) -> Pack | None:
    """Find the pack, on sale or withdrawn, that was sold; None where there is no such pack any more."""
    for pack in catalog.packs:
        price = pack.prices.get(session.currency)
        if (
            pack.coins == lost.coins
            and lost.bonus in (pack.bonus, pack.bonus + pack.first_purchase_bonus)
            and price is not None
            and price.amount_minor == session.amount_minor
        ):
            return pack
    return None
