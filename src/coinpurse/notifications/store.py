"""The SQL of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.notifications.rules import Attempt, Delivery, Outcome, Recipient
from coinpurse.outbox import TYPES, Message

MESSAGE = ", ".join(field.name for field in fields(Message))
DELIVERY = ", ".join(field.name for field in fields(Delivery))
ATTEMPT = ", ".join(field.name for field in fields(Attempt))

NEW = f"""
    SELECT {MESSAGE} FROM coinpurse.messages
     WHERE fanned_out_at IS NULL AND type = ANY (%(types)s) ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
FANNED_OUT = "UPDATE coinpurse.messages SET fanned_out_at = now() WHERE id = ANY (%(ids)s)"
ADD = """
    INSERT INTO coinpurse.deliveries (id, message_id, channel, endpoint_id)
    VALUES (%(id)s, %(message_id)s, %(channel)s, %(endpoint_id)s)
    ON CONFLICT (message_id, channel, endpoint_id) DO NOTHING
"""
# Whoever takes one puts its next attempt off, so that nobody else takes it and that it is due again if they die.
CLAIM = f"""
    WITH due AS MATERIALIZED (
        SELECT id AS due_id FROM coinpurse.deliveries
         WHERE channel = %(channel)s AND state = 'waiting' AND next_attempt_at <= now()
           AND (endpoint_id IS NULL OR endpoint_id <> ALL (%(besides)s::uuid[]))
         ORDER BY next_attempt_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE coinpurse.deliveries
       SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + %(turn)s
      FROM due WHERE id = due_id
    RETURNING {DELIVERY}
"""
# What is locked is being replayed. By the index of messages that are still whole.
OLD = """
    SELECT id, created_at FROM coinpurse.messages
     WHERE cleared_at IS NULL AND fanned_out_at IS NOT NULL AND created_at < now() - %(older_than)s
       AND (created_at, id) > (%(after_at)s, %(after_id)s)
     ORDER BY created_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
# A later statement than the one that found them: it waits for a replay that is under way, and sees how it ended.
LOCK_DELIVERIES = """
    SELECT message_id, state FROM coinpurse.deliveries WHERE message_id = ANY (%(ids)s) ORDER BY id FOR UPDATE
"""
DELETE_DELIVERIES = "DELETE FROM coinpurse.deliveries WHERE message_id = ANY (%(ids)s)"
CLEAR = """
    UPDATE coinpurse.messages SET facts = '{}', user_id = NULL, request_id = NULL, cleared_at = now()
     WHERE id = ANY (%(ids)s)
"""
MESSAGES = (
    f"SELECT {MESSAGE} FROM coinpurse.messages WHERE id = ANY (%(ids)s) AND cleared_at IS NULL"
)
NOTE_ATTEMPT = """
    INSERT INTO coinpurse.delivery_attempts (delivery_id, status, error, duration_ms, answer)
    VALUES (%(id)s, %(status)s, %(error)s, %(duration_ms)s, %(answer)s)
"""
DELIVERED = """
    UPDATE coinpurse.deliveries
       SET state = 'delivered', delivered_at = now(), next_attempt_at = NULL, last_status = %(status)s,
           last_error = NULL
     WHERE id = %(id)s
"""
# A late answer of an earlier attempt decides nothing. The server's clock says when: a claim asks it too.
NOT_DELIVERED = """
    UPDATE coinpurse.deliveries
       SET state = CASE WHEN CAST(%(wait)s AS interval) IS NULL THEN 'dead' ELSE 'waiting' END,
           next_attempt_at = clock_timestamp() + %(wait)s, last_status = %(status)s, last_error = %(error)s
     WHERE id = %(id)s AND state = 'waiting' AND attempts = %(attempts)s
"""
WAKE = """
    UPDATE coinpurse.deliveries
       SET state = 'waiting', attempts = 0, next_attempt_at = now(), delivered_at = NULL
     WHERE id = %(id)s OR (message_id = %(id)s AND state <> 'delivered')
    RETURNING id
"""
WAKE_DEAD = """
    UPDATE coinpurse.deliveries SET state = 'waiting', attempts = 0, next_attempt_at = now()
     WHERE state = 'dead' AND (CAST(%(channel)s AS text) IS NULL OR channel = %(channel)s)
    RETURNING id
"""
FAN_OUT_AGAIN = """
    UPDATE coinpurse.messages SET fanned_out_at = NULL WHERE id = %(id)s AND cleared_at IS NULL RETURNING id
"""
LATEST = f"""
    SELECT {MESSAGE} FROM coinpurse.messages AS m
     WHERE cleared_at IS NULL AND (CAST(%(type)s AS text) IS NULL OR type = %(type)s)
       AND (CAST(%(state)s AS text) IS NULL OR EXISTS (
            SELECT FROM coinpurse.deliveries AS d WHERE d.message_id = m.id AND d.state = %(state)s))
     ORDER BY id DESC LIMIT %(limit)s
"""
DELIVERIES = f"""
    SELECT {DELIVERY} FROM coinpurse.deliveries WHERE message_id = ANY (%(ids)s) ORDER BY created_at, id
"""
DELIVERY_BY_ID = f"SELECT {DELIVERY} FROM coinpurse.deliveries WHERE id = %(id)s"
ATTEMPTS = f"""
    SELECT {ATTEMPT} FROM coinpurse.delivery_attempts WHERE delivery_id = %(id)s ORDER BY id
"""
RECIPIENT = """
    SELECT p.buyer_email AS email, coalesce(p.locale, u.locale) AS locale
      FROM coinpurse.payment_sessions AS p
      LEFT JOIN coinpurse.users AS u
             ON u.id = CASE WHEN p.user_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p.user_id::uuid END
     WHERE p.buyer_email IS NOT NULL
       AND (p.id = %(payment_id)s OR (CAST(%(payment_id)s AS uuid) IS NULL AND p.user_id = %(user_id)s))
     ORDER BY p.created_at DESC LIMIT 1
"""
ACCOUNT = "SELECT email, locale FROM coinpurse.users WHERE id = CAST(%(user_id)s AS uuid)"
# A message's place in time: when it was made, and its id.
Cursor = tuple[datetime, UUID]
BEGINNING: Cursor = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


def find_recipient(work: UnitOfWork, message: Message) -> Recipient | None:
    """Return the buyer of a message's payment, or its user's latest; None while no address is known.

    What is private goes to the account: the address of a payment is anybody's who paid.
    """
    sql = ACCOUNT if TYPES[message.type].private else RECIPIENT
    row = work.row(sql, payment_id=message.payment_id, user_id=message.user_id)
    return row and Recipient(row.email, row.locale)


def lock_new(work: UnitOfWork, *, limit: int) -> list[Message]:
    """Return messages without deliveries yet, oldest first, that nobody else is at; held to the end of the work.

    What a newer release announces waits for its worker.
    """
    return [_message(row) for row in work.rows(NEW, types=list(TYPES), limit=limit)]


def fanned_out(work: UnitOfWork, ids: Sequence[UUID]) -> None:
    """Note that the messages have their deliveries."""
    work.execute(FANNED_OUT, ids=ids)


def add(
    work: UnitOfWork, id_: UUID, message_id: UUID, channel: str, endpoint_id: UUID | None
) -> None:
    """Write a delivery that is due at once; nothing where the message has it."""
    work.execute(ADD, id=id_, message_id=message_id, channel=channel, endpoint_id=endpoint_id)


def claim(
    work: UnitOfWork, channel: str, *, limit: int, besides: Sequence[UUID], turn: timedelta
) -> list[Delivery]:
    """Take deliveries that are due, for the length of a turn. besides: endpoints that have to wait."""
    rows = work.rows(CLAIM, channel=channel, limit=limit, besides=list(besides), turn=turn)
    return [_delivery(row) for row in rows]


def messages(work: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Message]:
    """Return messages by their ids."""
    return {row.id: _message(row) for row in work.rows(MESSAGES, ids=ids)}


def note(
    work: UnitOfWork,
    delivery: Delivery,
    outcome: Outcome,
    *,
    duration_ms: int,
    wait: timedelta | None,
) -> None:
    """Keep how an attempt ended. wait: for the next one; None where there is to be none."""
    facts = {"id": delivery.id, "status": outcome.status}
    work.execute(
        NOTE_ATTEMPT, **facts, error=outcome.error, duration_ms=duration_ms, answer=outcome.answer
    )
    if outcome.ok:
        work.execute(DELIVERED, **facts)
    else:
        work.execute(
            NOT_DELIVERED,
            **facts,
            error=outcome.error,
            attempts=delivery.attempts,
            wait=wait,
        )


def wake(work: UnitOfWork, id_: UUID) -> bool:
    """Make a delivery due again, or what a message has not delivered; False where there is neither."""
    again = work.row(FAN_OUT_AGAIN, id=id_) is not None
    return bool(work.rows(WAKE, id=id_)) or again


def wake_dead(work: UnitOfWork, channel: str | None) -> int:
    """Make all dead deliveries due again, of one channel or of all; returns how many."""
    return len(work.rows(WAKE_DEAD, channel=channel))


def latest(work: UnitOfWork, *, type_: str | None, state: str | None, limit: int) -> list[Message]:
    """Return messages, newest first. state: only those with a delivery that is in it."""
    return [_message(row) for row in work.rows(LATEST, type=type_, state=state, limit=limit)]


def deliveries(work: UnitOfWork, message_ids: Sequence[UUID]) -> list[Delivery]:
    """Return the deliveries of messages, oldest first."""
    return [_delivery(row) for row in work.rows(DELIVERIES, ids=message_ids)]


def clear_old(
    work: UnitOfWork, *, older_than: timedelta, after: Cursor, limit: int
) -> tuple[int, Cursor | None]:
    """Clear a page of old messages of which nothing waits; returns how many, and where to go on, None at the end."""
    rows = work.rows(OLD, older_than=older_than, after_at=after[0], after_id=after[1], limit=limit)
    if not rows:
        return 0, None
    found = work.rows(LOCK_DELIVERIES, ids=[row.id for row in rows])
    waiting = {each.message_id for each in found if each.state == "waiting"}
    ids = [row.id for row in rows if row.id not in waiting]
    work.execute(DELETE_DELIVERIES, ids=ids)
    work.execute(CLEAR, ids=ids)
    return len(ids), (rows[-1].created_at, rows[-1].id)


def find_delivery(work: UnitOfWork, id_: UUID) -> Delivery | None:
    """Return one delivery."""
    row = work.row(DELIVERY_BY_ID, id=id_)
    return None if row is None else _delivery(row)


def attempts(work: UnitOfWork, delivery_id: UUID) -> list[Attempt]:
    """Return the attempts of a delivery, oldest first."""
    return [Attempt(**row._asdict()) for row in work.rows(ATTEMPTS, id=delivery_id)]


def _message(row: Any) -> Message:
    return Message(**row._asdict())


def _delivery(row: Any) -> Delivery:
    return Delivery(**row._asdict())
