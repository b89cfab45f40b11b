"""The SQL of accounts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from coinpurse.accounts.rules import Account
from coinpurse.db import UnitOfWork

INSERT = """
    INSERT INTO coinpurse.users (id, email, password_hash, locale)
    VALUES (%(id)s, %(email)s, %(password_hash)s, %(locale)s)
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING id, email, locale, created_at
"""
BY_ID = "SELECT id, email, locale, created_at FROM coinpurse.users WHERE id = %(id)s"
BY_EMAIL = """
    SELECT id, email, locale, created_at, password_hash
      FROM coinpurse.users WHERE lower(email) = lower(%(email)s)
"""
CHANGE_HASH = "UPDATE coinpurse.users SET password_hash = %(password_hash)s WHERE id = %(id)s"


def insert(
    work: UnitOfWork, *, id_: UUID, email: str, password_hash: str, locale: str | None
) -> Account | None:
    """Write a new account. None where the address has one, in whatever case it is written."""
    row = work.row(INSERT, id=id_, email=email, password_hash=password_hash, locale=locale)
    return row and _account(row)


def find(work: UnitOfWork, id_: UUID) -> Account | None:
    """Return the account."""
    row = work.row(BY_ID, id=id_)
    return row and _account(row)


def find_by_email(work: UnitOfWork, email: str) -> tuple[Account, str] | None:
    """Return the account of an address, in whatever case it is written, and its password's hash."""
    row = work.row(BY_EMAIL, email=email)
    return row and (_account(row), row.password_hash)


def change_hash(work: UnitOfWork, id_: UUID, password_hash: str) -> None:
    """Replace the hash of the same password."""
    work.execute(CHANGE_HASH, id=id_, password_hash=password_hash)


def _account(row: Any) -> Account:
    return Account(id=row.id, email=row.email, locale=row.locale, created_at=row.created_at)
