"""Selling a pack: from the buyer's click to the coins in the wallet."""

from coinpurse.purchases.rules import STATUSES, Payment, report_of_intent, report_of_session
from coinpurse.purchases.service import (
    Fulfilment,
    PaymentStatus,
    Purchases,
    StartedCheckout,
    all_payments,
    find_payment,
    fulfil,
    payments_of,
)

__all__ = [
    "STATUSES",
    "Fulfilment",
    "Payment",
    "PaymentStatus",
    "Purchases",
    "StartedCheckout",
    "all_payments",
    "find_payment",
    "fulfil",
    "payments_of",
    "report_of_intent",
    "report_of_session",
]
