"""Selling a pack: from the buyer's click to the coins in the wallet."""

from coinpurse.purchases.rules import Payment, report_of_intent, report_of_session
from coinpurse.purchases.service import (
    Fulfilment,
    PaymentStatus,
    Purchases,
    StartedCheckout,
    fulfil,
)

__all__ = [
    "Fulfilment",
    "Payment",
    "PaymentStatus",
    "Purchases",
    "StartedCheckout",
    "fulfil",
    "report_of_intent",
    "report_of_session",
]
