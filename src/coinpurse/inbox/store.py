"""The SQL of the inbox."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from coinpurse.db import UnitOfWork
from coinpurse.inbox.rules import StoredEvent
from coinpurse.ports import StripeEvent

# The payload is read as the text that came, not as JSON.
COLUMNS = ", ".join(
    "payload::text" if field.name == "payload" else field.name for field in fields(StoredEvent)
)
INSERT = f"""
    INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, api_version, event_at, payload, state,
                                         next_attempt_at)
    VALUES (%(id)s, %(type)s, %(object_id)s, %(livemode)s, %(api_version)s, %(event_at)s,
            CAST(%(payload)s AS json), 'received', now())
    ON CONFLICT (id) DO NOTHING RETURNING {COLUMNS}
"""
GET = f"SELECT {COLUMNS} FROM coinpurse.stripe_events WHERE id = %(id)s"
LOCK = f"{GET} FOR UPDATE"
FINISHED = f"""
    UPDATE coinpurse.stripe_events
       SET state = %(state)s, note = %(note)s, attempts = attempts + 1, error = NULL, next_attempt_at = NULL,
           processed_at = now()
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
FAILED = f"""
    UPDATE coinpurse.stripe_events
       SET state = CASE WHEN CAST(%(next_attempt_at)s AS timestamptz) IS NULL THEN 'dead' ELSE 'failed' END,
           attempts = attempts + 1, error = %(error)s, next_attempt_at = %(next_attempt_at)s
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
DUE = """
    SELECT id FROM coinpurse.stripe_events
     WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT %(limit)s
"""
LIST = f"""
    SELECT {COLUMNS} FROM coinpurse.stripe_events
     WHERE (CAST(%(state)s AS text) IS NULL OR state = %(state)s)
       AND (CAST(%(type)s AS text) IS NULL OR type = %(type)s)
     ORDER BY received_at DESC, id LIMIT %(limit)s
"""
# Oldest first, page by page. A replay changes states and never when an event was received.
PAGE_OF_WRONG = """
    SELECT id, received_at FROM coinpurse.stripe_events
     WHERE state IN ('failed', 'dead') AND (CAST(%(type)s AS text) IS NULL OR type = %(type)s)
       AND (received_at, id) > (%(received_at)s, %(id)s) AND received_at <= %(until)s
     ORDER BY received_at, id LIMIT %(limit)s
"""
PAGE_OF_TYPE = """
    SELECT id, received_at FROM coinpurse.stripe_events
     WHERE type = %(type)s AND (received_at, id) > (%(received_at)s, %(id)s) AND received_at <= %(until)s
     ORDER BY received_at, id LIMIT %(limit)s
"""
NOW = "SELECT now() AS moment"


def insert(work: UnitOfWork, event: StripeEvent) -> StoredEvent | None:
    """Store an event as received; None where it is stored already. The row is held to the end of the work."""
    row = work.row(
        INSERT,
        id=event.id,
        type=event.type,
        object_id=event.object_id,
        livemode=event.livemode,
        api_version=event.api_version,
        event_at=event.event_at,
        payload=event.payload,
    )
    return row and _event(row)


def find(work: UnitOfWork, event_id: str) -> StoredEvent | None:
    """Return the event's row."""
    row = work.row(GET, id=event_id)
    return row and _event(row)


def lock(work: UnitOfWork, event_id: str) -> StoredEvent:
    """Return the event's row, held to the end of the work. The row exists."""
    row = work.row(LOCK, id=event_id)
    assert row is not None
    return _event(row)


def finished(work: UnitOfWork, event_id: str, *, state: str, note: str | None) -> StoredEvent:
    """Note that the event has been dealt with, and how."""
    row = work.row(FINISHED, id=event_id, state=state, note=note)
    assert row is not None
    return _event(row)


def failed(
    work: UnitOfWork, event_id: str, *, error: str, next_attempt_at: datetime | None
) -> StoredEvent:
    """Keep the traceback, and when the event is tried again."""
    row = work.row(FAILED, id=event_id, error=error, next_attempt_at=next_attempt_at)
    assert row is not None
    return _event(row)


def due(work: UnitOfWork, *, limit: int) -> list[str]:
    """Return the ids of events whose next attempt is owed, longest first."""
    return [row.id for row in work.rows(DUE, limit=limit)]


def latest(
    work: UnitOfWork, *, state: str | None, type_: str | None, limit: int
) -> list[StoredEvent]:
    """Return stored events, newest first."""
    return [_event(row) for row in work.rows(LIST, state=state, type=type_, limit=limit)]


def moment(work: UnitOfWork) -> datetime:
    """Return the database's time, by which events are received."""
    row = work.row(NOW)
    assert row is not None
    found: datetime = row.moment
    return found


def page(
    work: UnitOfWork,
    *,
    type_: str | None,
    only_wrong: bool,
    after: tuple[datetime, str],
    until: datetime,
    limit: int,
) -> list[tuple[datetime, str]]:
    """Return when events were received and their ids, oldest first. only_wrong: those that failed or are dead."""
    rows = work.rows(
        PAGE_OF_WRONG if only_wrong else PAGE_OF_TYPE,
        type=type_,
        received_at=after[0],
        id=after[1],
        until=until,
        limit=limit,
    )
    return [(row.received_at, row.id) for row in rows]


def _event(row: Any) -> StoredEvent:
    return StoredEvent(**row._asdict())
