"""Telling others what was announced: by mail, by alert, by webhook."""

from coinpurse.notifications.alerts import AlertChannel
from coinpurse.notifications.expiry import announce_expiring
from coinpurse.notifications.retention import clear_old
from coinpurse.notifications.rules import (
    BACK_OFF,
    SENDERS,
    STATES,
    Attempt,
    Channel,
    Delivery,
    Outcome,
    Recipient,
)
from coinpurse.notifications.service import Claim, Notifications
from coinpurse.notifications.store import find_recipient

__all__ = [
    "BACK_OFF",
    "SENDERS",
    "STATES",
    "AlertChannel",
    "Attempt",
    "Channel",
    "Claim",
    "Delivery",
    "Notifications",
    "Outcome",
    "Recipient",
    "announce_expiring",
    "clear_old",
    "find_recipient",
]
