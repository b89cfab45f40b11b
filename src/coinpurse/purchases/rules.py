"""What a payment can become, and what a report from Stripe makes of it. Pure: no I/O.

A report is what any source told us (an event, a look-up): the facts that were signed or fetched, and what
they mean for the payment. Reports may come in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from coinpurse.money import Money
from coinpurse.ports import CheckoutSession, PaymentIntent

STATUSES = (
    "pending",
    "completed",
    "failed",
    "cancelled",
    "expired",
    "partially_refunded",
    "refunded",
    "disputed",
)


class Signal(Enum):
    """What a report means for the payment."""

    OPEN = "open"
    PAID = "paid"
    FREE = "free"
    SETTLING = "settling"
    SETTLEMENT_FAILED = "settlement_failed"
    EXPIRED = "expired"
    DECLINED = "declined"
    UNKNOWN = "unknown"


# Stripe's pairs of session status and payment status. Both are open enums: any other pair is UNKNOWN.
SESSION_SIGNALS = {
    ("open", "unpaid"): Signal.OPEN,
    ("complete", "paid"): Signal.PAID,
    ("complete", "no_payment_required"): Signal.FREE,
    ("complete", "unpaid"): Signal.SETTLING,
    ("expired", "unpaid"): Signal.EXPIRED,
}
INTENT_SIGNALS = {"succeeded": Signal.PAID, "requires_payment_method": Signal.DECLINED}

# Where money decides: a payment that was given up and is paid after all is completed. No row leads out of
# `completed`; refunds and disputes have rules of their own.
TRANSITIONS = {
    ("pending", Signal.PAID): "completed",
    ("pending", Signal.SETTLEMENT_FAILED): "failed",
    ("pending", Signal.EXPIRED): "expired",
    ("failed", Signal.PAID): "completed",
    ("cancelled", Signal.PAID): "completed",
    ("expired", Signal.PAID): "completed",
}


@dataclass(frozen=True, slots=True)
class Payment:
    """Our row of one checkout. `price` is what the buyer was asked; what was sold stays what was sold.

    review_reason: why a paid payment was not credited; reviewed_at: when a person has settled that.
    review_intent_id: the payment intent that it is about. paid_minor, paid_currency: what Stripe took for it, where
    that was not the price. settling_at: since when a delayed method is under way.
    refunded_minor: of all refunds that have not failed. disputed_minor: of chargebacks that are open or lost.
    buyer_email: what the buyer gave to Stripe. locale: the buyer's language tag when the checkout began.
    first_bonus: of the bonus, what came for being a first purchase.
    bonus_expires_days: after completion; None for never.
    """

    id: UUID
    session_id: str | None
    user_id: str
    pack_sku: str
    coins: int
    bonus: int
    price: Money
    livemode: bool
    status: str
    request_digest: bytes
    stripe_parameters: Mapping[str, Any]
    checkout_url: str | None
    payment_intent_id: str | None
    settling_at: datetime | None
    decline_code: str | None
    decline_message: str | None
    declined_at: datetime | None
    cancel_requested_at: datetime | None
    failure_reason: str | None
    review_reason: str | None
    paid_minor: int | None
    paid_currency: str | None
    review_intent_id: str | None
    review_note: str | None
    reviewed_at: datetime | None
    refunded_minor: int
    disputed_minor: int
    fraud_warning_at: datetime | None
    completed_at: datetime | None
    transaction_id: int | None
    created_at: datetime
    updated_at: datetime
    buyer_email: str | None = None
    locale: str | None = None
    first_bonus: int = 0
    bonus_expires_days: int | None = None

    @property
    def paid(self) -> Money:
        """What Stripe took: the price, unless a person credited it for something else."""
        if self.paid_minor is None or self.paid_currency is None:
            return self.price
        return Money(self.paid_minor, self.paid_currency)

    @property
    def is_in_review(self) -> bool:
        """Whether a person must look at it."""
        return self.review_reason is not None and self.reviewed_at is None

    @property
    def is_credited(self) -> bool:
        """Whether its coins have been in the wallet, whatever became of them."""
        return self.transaction_id is not None

    @property
    def total_coins(self) -> int:
        """Coins and bonus together."""
        return self.coins + self.bonus

    @property
    def bonus_expires_at(self) -> datetime | None:
        """When what is left of the bonus is lost; None for never, and until the payment is completed."""
        if self.bonus_expires_days is None or self.completed_at is None:
            return None
        return self.completed_at + timedelta(days=self.bonus_expires_days)

    @property
    def description(self) -> str:
        """The words of the ledger row."""
        return f"Purchased {self.coins} coins + {self.bonus} bonus"


@dataclass(frozen=True, slots=True)
class Report:
    """What a source said about one payment.

    payment_id: from the metadata; text, because others may write anything there.
    user_id: from the metadata; None where the source carries none. buyer_email: only checkout sessions have it.
    """

    signal: Signal
    payment_id: str | None
    session_id: str | None
    payment_intent_id: str | None
    user_id: str | None
    amount_minor: int
    currency: str
    livemode: bool
    decline_code: str | None = None
    decline_message: str | None = None
    buyer_email: str | None = None


def report_of_session(session: CheckoutSession, *, settlement_failed: bool = False) -> Report:
    """Read a checkout session. settlement_failed: its delayed method has ended without the money."""
    signal = SESSION_SIGNALS.get((session.status, session.payment_status), Signal.UNKNOWN)
    return Report(
        signal=Signal.SETTLEMENT_FAILED
        if settlement_failed and signal is Signal.SETTLING
        else signal,
        payment_id=session.metadata.get("payment_id"),
        session_id=session.id,
        payment_intent_id=session.payment_intent_id,
        user_id=session.metadata.get("user_id"),
        amount_minor=session.amount_minor,
        currency=session.currency,
        livemode=session.livemode,
        buyer_email=session.customer_email,
    )


def report_of_intent(intent: PaymentIntent) -> Report:
    """Read a payment intent, which names no session."""
    return Report(
        signal=INTENT_SIGNALS.get(intent.status, Signal.UNKNOWN),
        payment_id=intent.metadata.get("payment_id"),
        session_id=None,
        payment_intent_id=intent.id,
        user_id=intent.metadata.get("user_id"),
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        livemode=intent.livemode,
        decline_code=intent.decline_code,
        decline_message=intent.decline_message,
    )


def facts_of(payment: Payment) -> dict[str, object]:
    """What announcements tell of a payment: complete in itself, and nothing about the buyer but our user id."""
    return {
        "payment_id": str(payment.id),
        "session_id": payment.session_id,
        "user_id": payment.user_id,
        "pack": payment.pack_sku,
        "coins": payment.coins,
        "bonus": payment.bonus,
        "total_coins": payment.total_coins,
        "amount_minor": payment.paid.amount_minor,
        "currency": payment.paid.currency,
        "status": payment.status,
        "livemode": payment.livemode,
    }


def objection(payment: Payment, report: Report) -> str | None:
    """Why a paid report must not be credited without a person looking; None where all agrees."""
    if report.signal is Signal.FREE:
        return "Stripe says that no payment was required"
    if not payment.is_credited and (payment.refunded_minor or payment.disputed_minor):
        return "its money was given back before its coins were credited"
    if (report.amount_minor, report.currency) != (
        payment.price.amount_minor,
        payment.price.currency,
    ):
        return (
            f"Stripe took {report.amount_minor} {report.currency} (minor units),"
            f" the order is {payment.price.amount_minor} {payment.price.currency}"
        )
    intents = {payment.payment_intent_id, report.payment_intent_id} - {None}
    if payment.completed_at is not None and len(intents) > 1:
        return f"paid a second time, by {report.payment_intent_id}"
    if payment.review_reason is not None and not payment.is_credited:
        # Once a person is to look at it, only a person credits it.
        return "paid for, after it went to a person"
    if report.user_id is not None and report.user_id != payment.user_id:
        return "the user in Stripe's metadata is not the buyer"
    return None


def next_status(payment: Payment, signal: Signal) -> str:
    """The status after the signal; the same one where it changes nothing."""
    status = TRANSITIONS.get((payment.status, signal), payment.status)
    return (
        "cancelled" if status == "expired" and payment.cancel_requested_at is not None else status
    )
