"""The SQL of accounts."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from coinpurse.accounts.rules import Account
from coinpurse.db import UnitOfWork

ACCOUNT = ", ".join(field.name for field in fields(Account))
INSERT = f"""
    INSERT INTO coinpurse.users (id, email, password_hash, locale)
    VALUES (%(id)s, %(email)s, %(password_hash)s, %(locale)s)
    ON CONFLICT (lower(email)) DO NOTHING
    RETURNING {ACCOUNT}
"""
BY_ID = f"SELECT {ACCOUNT} FROM coinpurse.users WHERE id = %(id)s"
WITH_HASH = f"SELECT {ACCOUNT}, password_hash FROM coinpurse.users WHERE id = %(id)s"
BY_EMAIL = f"""
    SELECT {ACCOUNT}, password_hash FROM coinpurse.users WHERE lower(email) = lower(%(email)s)
"""
# Of another password meanwhile, the hash of the old one must not come back.
RENEW_HASH = """
    UPDATE coinpurse.users SET password_hash = %(renewed)s WHERE id = %(id)s AND password_hash = %(known)s
"""
CHANGE_PASSWORD = f"""
    UPDATE coinpurse.users SET password_hash = %(changed)s, session_version = session_version + 1
     WHERE id = %(id)s AND password_hash = %(known)s AND session_version = %(session_version)s
    RETURNING {ACCOUNT}
"""
END_SESSIONS = f"""
    UPDATE coinpurse.users SET session_version = session_version + 1 WHERE id = %(id)s RETURNING {ACCOUNT}
"""


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


def find_with_hash(work: UnitOfWork, id_: UUID) -> tuple[Account, str] | None:
    """Return the account and its password's hash."""
    row = work.row(WITH_HASH, id=id_)
    return row and (_account(row), row.password_hash)


def find_by_email(work: UnitOfWork, email: str) -> tuple[Account, str] | None:
    """Return the account of an address, in whatever case it is written, and its password's hash."""
    row = work.row(BY_EMAIL, email=email)
    return row and (_account(row), row.password_hash)


def renew_hash(work: UnitOfWork, id_: UUID, *, known: str, renewed: str) -> None:
    """Replace the hash of the same password, unless it was changed meanwhile."""
    work.execute(RENEW_HASH, id=id_, known=known, renewed=renewed)


def change_password(
    work: UnitOfWork, account: Account, *, known: str, changed: str
) -> Account | None:
    """Replace the password's hash and end all sessions. None where either has changed since they were read.

    known: the hash that was read with the account.
    """
    row = work.row(
        CHANGE_PASSWORD,
        id=account.id,
        session_version=account.session_version,
        known=known,
        changed=changed,
    )
    return row and _account(row)


def end_sessions(work: UnitOfWork, id_: UUID) -> Account | None:
    """Make every session of the account worth nothing."""
    row = work.row(END_SESSIONS, id=id_)
    return row and _account(row)


def _account(row: Any) -> Account:
    return Account(**{field.name: getattr(row, field.name) for field in fields(Account)})
