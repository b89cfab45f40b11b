"""The SQL of adjustments that were asked for."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from coinpurse.back_office.rules import Adjustment, AdjustmentState
from coinpurse.db import UnitOfWork

COLUMNS = ", ".join(field.name for field in fields(Adjustment) if field.name != "created")
INSERT = f"""
    INSERT INTO coinpurse.adjustment_requests (id, user_id, coins, reason, requested_by, request_key)
    VALUES (%(id)s, %(user_id)s, %(coins)s, %(reason)s, %(requested_by)s, %(request_key)s)
    ON CONFLICT (request_key) DO NOTHING RETURNING {COLUMNS}
"""
BY_KEY = f"SELECT {COLUMNS} FROM coinpurse.adjustment_requests WHERE request_key = %(request_key)s"
BY_ID = f"SELECT {COLUMNS} FROM coinpurse.adjustment_requests WHERE id = %(id)s"
LOCK = f"{BY_ID} FOR UPDATE"
DECIDED = f"""
    UPDATE coinpurse.adjustment_requests
       SET state = %(state)s, decided_by = %(decided_by)s, decided_at = now(), transaction_id = %(transaction_id)s
     WHERE id = %(id)s RETURNING {COLUMNS}
"""
# Of two requests of one person the second waits here until the first has committed, and then counts it.
LOCK_REQUESTER = (
    "SELECT pg_advisory_xact_lock(hashtextextended('coinpurse.requester:' || %(actor)s, 0))"
)
ADJUSTED_ALONE = """
    SELECT coalesce(sum(abs(coins)), 0)::bigint AS coins FROM coinpurse.adjustment_requests
     WHERE requested_by = %(actor)s AND created_at > now() - %(within)s
       AND state = 'applied' AND decided_by IS NULL
"""
HAS_WALLET = "SELECT 1 AS found FROM coinpurse.wallets WHERE user_id = %(user_id)s"


def insert(work: UnitOfWork, **values: object) -> Adjustment | None:
    """Write a request. None where its key was used before; waits for whoever is using it now."""
    row = work.row(INSERT, **values)
    return row and _adjustment(row, created=True)


def find_by_key(work: UnitOfWork, request_key: str) -> Adjustment | None:
    """Return the request that was made with the key."""
    row = work.row(BY_KEY, request_key=request_key)
    return row and _adjustment(row)


def find(work: UnitOfWork, id_: UUID) -> Adjustment | None:
    """Return a request."""
    row = work.row(BY_ID, id=id_)
    return row and _adjustment(row)


def lock(work: UnitOfWork, id_: UUID) -> Adjustment | None:
    """Return a request as it stands once nobody else is deciding it."""
    row = work.row(LOCK, id=id_)
    return row and _adjustment(row)


def decided(
    work: UnitOfWork,
    id_: UUID,
    *,
    state: AdjustmentState,
    decided_by: str | None = None,
    transaction_id: int | None = None,
    created: bool = False,
) -> Adjustment:
    """Note what became of a request. The row is locked, or new."""
    row = work.row(
        DECIDED, id=id_, state=state, decided_by=decided_by, transaction_id=transaction_id
    )
    return _adjustment(row, created=created)


def lock_requester(work: UnitOfWork, actor: str) -> None:
    """Wait until nobody else is asking for something in this person's name."""
    work.execute(LOCK_REQUESTER, actor=actor)


def sum_adjusted_alone(work: UnitOfWork, actor: str, *, within: timedelta) -> int:
    """Coins that the person gave and took lately without a second one, of all users together."""
    row = work.row(ADJUSTED_ALONE, actor=actor, within=within)
    assert row is not None
    return int(row.coins)


def has_wallet(work: UnitOfWork, user_id: str) -> bool:
    """Whether the user has a wallet."""
    return work.row(HAS_WALLET, user_id=user_id) is not None


def _adjustment(row: Any, *, created: bool = False) -> Adjustment:
    return Adjustment(**row._asdict(), created=created)
