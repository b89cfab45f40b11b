"""The ledger's SQL: the kernel's functions and the reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from coinpurse.db import UnitOfWork
from coinpurse.errors import IdempotencyConflict
from coinpurse.ledger.rules import NewGrant, Transaction, Wallet
from coinpurse.money import Money

COLUMNS = (
    "id, user_id, type, coins, balance_after, amount_minor, currency, payment_id, session_id, description,"
    " idempotency_key, grant_ids, grant_coins, created_at"
)
CREDIT = """
    SELECT (result.posted).*, result.created
      FROM coinpurse.credit(:user_id, :key, :digest, :type, :description, :source, :grants,
                            :amount_minor, :currency, :payment_id, :session_id) AS result
"""
WALLET = """
    SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'paid'), 0) AS paid,
           coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0) AS bonus
      FROM coinpurse.grants WHERE user_id = :user_id AND remaining > 0
"""
LIST = f"""
    SELECT {COLUMNS} FROM coinpurse.transactions
     WHERE user_id = :user_id AND (CAST(:before AS bigint) IS NULL OR id < :before)
     ORDER BY id DESC LIMIT :limit
"""  # noqa: S608  The columns are ours.


def credit(
    work: UnitOfWork,
    user_id: str,
    grants: Sequence[NewGrant],
    *,
    key: str,
    digest: bytes,
    type_: str,
    source: str,
    description: str,
    price: Money | None,
    payment_id: UUID | None,
    session_id: str | None,
) -> Transaction:
    """Call the kernel's `credit`. Raises IdempotencyConflict."""
    listed = [
        {
            "kind": grant.kind,
            "coins": grant.coins,
            "amount_minor": grant.price and grant.price.amount_minor,
            "currency": grant.price and grant.price.currency,
        }
        for grant in grants
    ]
    try:
        row = work.row(
            CREDIT,
            user_id=user_id,
            key=key,
            digest=digest,
            type=type_,
            description=description,
            source=source,
            grants=json.dumps(listed),
            amount_minor=price and price.amount_minor,
            currency=price and price.currency,
            payment_id=payment_id,
            session_id=session_id,
        )
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error) and error.orig.sqlstate == "CP409":
            raise IdempotencyConflict(key) from None
        raise
    assert row is not None
    return _transaction(row, created=row.created)


def get_wallet(work: UnitOfWork, user_id: str) -> Wallet:
    """Return the wallet; one that has no row is empty."""
    row = work.row(WALLET, user_id=user_id)
    assert row is not None
    paid, bonus = int(row.paid), int(row.bonus)
    return Wallet(user_id=user_id, balance=paid + bonus, paid=paid, bonus=bonus)


def list_transactions(
    work: UnitOfWork, user_id: str, *, before: int | None, limit: int
) -> list[Transaction]:
    """Return the user's rows, newest first."""
    return [
        _transaction(row) for row in work.rows(LIST, user_id=user_id, before=before, limit=limit)
    ]


def _transaction(row: Row[Any], *, created: bool = False) -> Transaction:
    return Transaction(
        id=row.id,
        user_id=row.user_id,
        type=row.type,
        coins=row.coins,
        balance_after=row.balance_after,
        price=None if row.currency is None else Money(row.amount_minor, row.currency),
        payment_id=row.payment_id,
        session_id=row.session_id,
        description=row.description,
        idempotency_key=row.idempotency_key,
        grants=tuple(zip(row.grant_ids, row.grant_coins, strict=True)),
        created_at=row.created_at,
        created=created,
    )
