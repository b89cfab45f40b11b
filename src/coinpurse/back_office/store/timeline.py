"""The SQL of a payment's timeline: what other features' rows say about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork

LEDGER = """
    SELECT id, created_at, type, coins, balance_after, held, frozen, debt, forgiven, description, actor
      FROM coinpurse.transactions WHERE payment_id = %(payment_id)s ORDER BY id
"""
EVENTS = """
    SELECT id, received_at, type, state, object_id, error, note
      FROM coinpurse.stripe_events WHERE object_id = ANY (%(object_ids)s) ORDER BY received_at, id
"""
MESSAGES = """
    SELECT id, created_at, type FROM coinpurse.messages WHERE payment_id = %(payment_id)s ORDER BY created_at, id
"""
DELIVERIES = """
    SELECT d.id, coalesce(d.delivered_at, d.created_at) AS at, d.channel, d.state, d.attempts, d.last_error, m.type
      FROM coinpurse.messages AS m JOIN coinpurse.deliveries AS d ON d.message_id = m.id
     WHERE m.payment_id = %(payment_id)s ORDER BY at, d.id
"""


def ledger_rows(work: UnitOfWork, payment_id: UUID) -> list[Any]:
    """Return the ledger's rows about a payment."""
    return work.rows(LEDGER, payment_id=payment_id)


def events_about(work: UnitOfWork, object_ids: Sequence[str]) -> list[Any]:
    """Return Stripe's events about any of the objects."""
    return work.rows(EVENTS, object_ids=list(object_ids))


def messages_about(work: UnitOfWork, payment_id: UUID) -> list[Any]:
    """Return what was announced of a payment."""
    return work.rows(MESSAGES, payment_id=payment_id)


def deliveries_about(work: UnitOfWork, payment_id: UUID) -> list[Any]:
    """Return where that went, with how it ended."""
    return work.rows(DELIVERIES, payment_id=payment_id)
