"""Stripe's events: verified, stored, acted on, and tried again."""

from coinpurse.inbox.rules import HANDLED_TYPES, PAID_TYPES, STATES, StoredEvent
from coinpurse.inbox.service import Inbox

__all__ = ["HANDLED_TYPES", "PAID_TYPES", "STATES", "Inbox", "StoredEvent"]
