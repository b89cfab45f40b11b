"""The SQL of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from coinpurse.api_keys.rules import ApiKey
from coinpurse.db import UnitOfWork

COLUMNS = "id, name, prefix, scopes, created_at, last_used_at, revoked_at"
INSERT = f"""
    INSERT INTO coinpurse.api_keys (id, name, prefix, digest, scopes)
    VALUES (%(id)s, %(name)s, %(prefix)s, %(digest)s, %(scopes)s)
    ON CONFLICT (id) DO NOTHING
    RETURNING {COLUMNS}
"""
USABLE = f"""
    SELECT {COLUMNS}, digest, coalesce(last_used_at < now() - interval '1 minute', true) AS use_is_stale
      FROM coinpurse.api_keys WHERE prefix = %(prefix)s AND revoked_at IS NULL
"""
# Of many requests and processes, one a minute writes.
NOTE_USE = """
    UPDATE coinpurse.api_keys SET last_used_at = now()
     WHERE id = %(id)s AND coalesce(last_used_at < now() - interval '1 minute', true)
"""
ALL = f"SELECT {COLUMNS} FROM coinpurse.api_keys ORDER BY created_at DESC, id DESC"
REVOKE = f"""
    UPDATE coinpurse.api_keys SET revoked_at = now()
     WHERE prefix = %(prefix)s AND revoked_at IS NULL RETURNING {COLUMNS}
"""
BY_PREFIX = f"SELECT {COLUMNS} FROM coinpurse.api_keys WHERE prefix = %(prefix)s"


def insert(
    work: UnitOfWork, *, id_: UUID, name: str, prefix: str, digest: bytes, scopes: Sequence[str]
) -> ApiKey | None:
    """Write a new key. None where the id was used before."""
    row = work.row(INSERT, id=id_, name=name, prefix=prefix, digest=digest, scopes=list(scopes))
    return row and _api_key(row)


def find_usable(work: UnitOfWork, prefix: str) -> tuple[ApiKey, bytes, bool] | None:
    """Return the key with this prefix unless it is revoked, its digest, and whether its last use is out of date."""
    row = work.row(USABLE, prefix=prefix)
    return row and (_api_key(row), row.digest, row.use_is_stale)


def note_use(work: UnitOfWork, id_: UUID) -> None:
    """Write that the key is used now, at most once a minute."""
    work.execute(NOTE_USE, id=id_)


def list_all(work: UnitOfWork) -> list[ApiKey]:
    """Return every key, newest first, also the revoked ones."""
    return [_api_key(row) for row in work.rows(ALL)]


def revoke(work: UnitOfWork, prefix: str) -> ApiKey | None:
    """End a key for good. None where there is none that was not revoked before."""
    row = work.row(REVOKE, prefix=prefix)
    return row and _api_key(row)


def find(work: UnitOfWork, prefix: str) -> ApiKey | None:
    """Return the key with this prefix, also a revoked one."""
    row = work.row(BY_PREFIX, prefix=prefix)
    return row and _api_key(row)


def _api_key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(row.scopes),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
