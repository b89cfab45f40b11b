"""Which events we act on, and when a failed one is tried again. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from coinpurse.ports import CheckoutSession, PaymentIntent, StripeObject
from coinpurse.purchases import report_of_intent, report_of_session
from coinpurse.purchases.rules import Report

# The reading of each event type that reports on a payment: the object's type, and what it means.
REPORTS: dict[str, tuple[type[StripeObject], Callable[..., Report]]] = {
    "checkout.session.completed": (CheckoutSession, report_of_session),
    "checkout.session.async_payment_succeeded": (CheckoutSession, report_of_session),
    "checkout.session.async_payment_failed": (
        CheckoutSession,
        partial(report_of_session, settlement_failed=True),
    ),
    "checkout.session.expired": (CheckoutSession, report_of_session),
    "payment_intent.succeeded": (PaymentIntent, report_of_intent),
    "payment_intent.payment_failed": (PaymentIntent, report_of_intent),
}

# What came after a sale: the event says only which payment to ask Stripe about.
AFTER_SALE_TYPES = frozenset(
    {
        "refund.created",
        "refund.updated",
        "refund.failed",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
        "radar.early_fraud_warning.created",
        "radar.early_fraud_warning.updated",
    }
)

# The events that come when the money of a checkout is there, each once for each checkout.
PAID_TYPES = ("checkout.session.completed", "checkout.session.async_payment_succeeded")

STATES = ("received", "processed", "ignored", "foreign", "failed", "dead")

# What a webhook endpoint at Stripe should send us.
HANDLED_TYPES = (*REPORTS, *sorted(AFTER_SALE_TYPES))

BACK_OFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400, 86400, 86400)
)
# An event may come before its row by moments. One whose row does not come within an hour is another's.
RETRY_LATER_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the inbox.

    state: received, processed, ignored (a type that we do not act on), foreign (not about our payments), failed
    (`error` has the traceback; tried again) or dead (tried in vain for days; a person must look and replay it).
    next_attempt_at: when our own worker tries it again; None when it does not.
    """

    id: str
    type: str
    object_id: str
    livemode: bool
    api_version: str | None
    event_at: datetime
    payload: str
    state: str
    note: str | None
    attempts: int
    error: str | None
    next_attempt_at: datetime | None
    received_at: datetime
    processed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it still waits for its effect; every other state is an end."""
        return self.state in ("received", "failed", "dead")


def back_off(attempts: int) -> timedelta | None:
    """How long to wait after this many attempts; None when a person must look."""
    return BACK_OFF[attempts - 1] if attempts <= len(BACK_OFF) else None
