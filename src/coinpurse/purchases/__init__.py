"""Selling a pack: from the buyer's click to the coins in the wallet."""

from coinpurse.purchases.rules import (
    STATUSES,
    Payment,
    facts_of,
    report_of_intent,
    report_of_session,
)
from coinpurse.purchases.service import (
    Fulfilment,
    PaymentStatus,
    Purchases,
    StartedCheckout,
    all_payments,
    announce_review,
    credit,
    find_by_intent,
    find_payment,
    fulfil,
    lock_payment,
    payments_of,
    save_payment,
)
from coinpurse.purchases.terms import Standing

__all__ = [
    "STATUSES",
    "Fulfilment",
    "Payment",
    "PaymentStatus",
    "Purchases",
    "Standing",
    "StartedCheckout",
    "all_payments",
    "announce_review",
    "credit",
    "facts_of",
    "find_by_intent",
    "find_payment",
    "fulfil",
    "lock_payment",
    "payments_of",
    "report_of_intent",
    "report_of_session",
    "save_payment",
]
