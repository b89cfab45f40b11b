"""Telling others what was announced: by mail, by alert, by webhook."""

from coinpurse.notifications.rules import (
    SENDERS,
    STATES,
    Attempt,
    Channel,
    Delivery,
    Outcome,
)
from coinpurse.notifications.service import Claim, Notifications

__all__ = [
    "SENDERS",
    "STATES",
    "Attempt",
    "Channel",
    "Claim",
    "Delivery",
    "Notifications",
    "Outcome",
]
