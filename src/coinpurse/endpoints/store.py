"""The SQL of endpoints and of what was sent to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.endpoints.rules import Endpoint, SentWebhook, Signing

COLUMNS = ", ".join(field.name for field in fields(Endpoint))
INSERT = f"""
    INSERT INTO coinpurse.webhook_endpoints (id, url, description, event_types, secret)
    VALUES (%(id)s, %(url)s, %(description)s, %(event_types)s, %(secret)s)
    RETURNING {COLUMNS}
"""
ALL = f"SELECT {COLUMNS} FROM coinpurse.webhook_endpoints ORDER BY created_at DESC, id DESC"
ONE = f"SELECT {COLUMNS} FROM coinpurse.webhook_endpoints WHERE id = %(id)s"
LOCKED = f"{ONE} FOR NO KEY UPDATE"
WANTING = """
    SELECT id FROM coinpurse.webhook_endpoints
     WHERE active AND (event_types = '{}' OR %(type)s = ANY (event_types)) ORDER BY id
"""
EDIT = f"""
    UPDATE coinpurse.webhook_endpoints
       SET url = %(url)s, description = %(description)s, event_types = %(event_types)s
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
ROTATE = f"""
    UPDATE coinpurse.webhook_endpoints
       SET previous_secret = secret, previous_secret_until = now() + %(overlap)s, secret = %(secret)s
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
DISABLE = f"""
    UPDATE coinpurse.webhook_endpoints SET active = false, disabled_at = now(), disabled_why = %(why)s
     WHERE id = %(id)s AND active RETURNING {COLUMNS}
"""
ENABLE = f"""
    UPDATE coinpurse.webhook_endpoints
       SET active = true, disabled_at = NULL, disabled_why = NULL, failing_since = NULL, failures = 0
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
SIGNING = """
    SELECT id, url, active, disabled_why, secret,
           CASE WHEN previous_secret_until > now() THEN previous_secret END AS previous_secret
      FROM coinpurse.webhook_endpoints WHERE id = %(id)s
"""
# Most successes follow one, and then there is nothing to write.
NOTE_SUCCESS = """
    UPDATE coinpurse.webhook_endpoints SET failing_since = NULL, failures = 0
     WHERE id = %(id)s AND failing_since IS NOT NULL
"""
NOTE_FAILURE = f"""
    UPDATE coinpurse.webhook_endpoints
       SET failing_since = coalesce(failing_since, now()), failures = failures + 1
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
SENT = """
    SELECT d.id, d.message_id, d.endpoint_id, m.type, m.payment_id, d.state, d.attempts, d.next_attempt_at,
           d.delivered_at, d.last_status, d.last_error, d.created_at
      FROM coinpurse.deliveries AS d JOIN coinpurse.messages AS m ON m.id = d.message_id
"""
LATEST = f"""
    {SENT} WHERE d.channel = 'webhook'
       AND (CAST(%(endpoint_id)s AS uuid) IS NULL OR d.endpoint_id = %(endpoint_id)s)
       AND (CAST(%(state)s AS text) IS NULL OR d.state = %(state)s)
     ORDER BY d.created_at DESC, d.id DESC LIMIT %(limit)s
"""
DEAD_OF = """
    SELECT id FROM coinpurse.deliveries
     WHERE channel = 'webhook' AND endpoint_id = %(endpoint_id)s AND state = 'dead' ORDER BY id
"""


def insert(
    work: UnitOfWork,
    *,
    id_: UUID,
    url: str,
    description: str,
    event_types: Sequence[str],
    secret: str,
) -> Endpoint:
    """Write a new endpoint."""
    return _endpoint(
        work.row(
            INSERT,
            id=id_,
            url=url,
            description=description,
            event_types=list(event_types),
            secret=secret,
        )
    )


def list_all(work: UnitOfWork) -> list[Endpoint]:
    """Return every endpoint, newest first."""
    return [_endpoint(row) for row in work.rows(ALL)]


def find(work: UnitOfWork, id_: UUID, *, lock: bool = False) -> Endpoint | None:
    """Return one endpoint. lock: nobody else changes it before the end of the work."""
    return _found(work.row(LOCKED if lock else ONE, id=id_))


def wanting(work: UnitOfWork, type_: str) -> list[UUID]:
    """Return the active endpoints that want to hear of a type."""
    return [row.id for row in work.rows(WANTING, type=type_)]


def edit(
    work: UnitOfWork, id_: UUID, *, url: str, description: str, event_types: Sequence[str]
) -> Endpoint | None:
    """Write where an endpoint is and what it wants."""
    return _found(
        work.row(EDIT, id=id_, url=url, description=description, event_types=list(event_types))
    )


def rotate(work: UnitOfWork, id_: UUID, secret: str, *, overlap: timedelta) -> Endpoint | None:
    """Give an endpoint a new secret; the one before signs too for as long as the overlap."""
    return _found(work.row(ROTATE, id=id_, secret=secret, overlap=overlap))


def disable(work: UnitOfWork, id_: UUID, why: str) -> Endpoint | None:
    """Stop sending. None where that was so before, or there is none."""
    return _found(work.row(DISABLE, id=id_, why=why))


def enable(work: UnitOfWork, id_: UUID) -> Endpoint | None:
    """Send again, with a clean slate."""
    return _found(work.row(ENABLE, id=id_))


def find_signing(work: UnitOfWork, id_: UUID) -> Signing | None:
    """Return where an endpoint is and what signs for it now."""
    row = work.row(SIGNING, id=id_)
    if row is None:
        return None
    secrets = tuple(secret for secret in (row.secret, row.previous_secret) if secret is not None)
    return Signing(row.id, row.url, row.disabled_why, secrets)


def note_success(work: UnitOfWork, id_: UUID) -> None:
    """Note that an endpoint took a webhook."""
    work.execute(NOTE_SUCCESS, id=id_)


def note_failure(work: UnitOfWork, id_: UUID) -> Endpoint | None:
    """Note that an endpoint did not take a webhook."""
    return _found(work.row(NOTE_FAILURE, id=id_))


def latest(
    work: UnitOfWork, *, endpoint_id: UUID | None, state: str | None, limit: int
) -> list[SentWebhook]:
    """Return what was sent or is to be sent, newest first."""
    return [
        SentWebhook(**row._asdict())
        for row in work.rows(LATEST, endpoint_id=endpoint_id, state=state, limit=limit)
    ]


def dead_of(work: UnitOfWork, endpoint_id: UUID) -> list[UUID]:
    """Return the deliveries to an endpoint that were given up."""
    return [row.id for row in work.rows(DEAD_OF, endpoint_id=endpoint_id)]


def _found(row: Any | None) -> Endpoint | None:
    return None if row is None else _endpoint(row)


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(**{**row._asdict(), "event_types": tuple(row.event_types)})
