"""The SQL of the staff, and of the names of people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from uuid import UUID

from coinpurse.back_office.rules import Role, Staff
from coinpurse.db import UnitOfWork

COLUMNS = ", ".join(field.name for field in fields(Staff))
# Whether somebody is the last owner is decided by one change at a time.
LOCK = "LOCK TABLE coinpurse.staff IN SHARE ROW EXCLUSIVE MODE"
FIND = f"SELECT {COLUMNS} FROM coinpurse.staff WHERE user_id = %(user_id)s"
OTHER_OWNER = (
    "SELECT user_id FROM coinpurse.staff WHERE role = 'owner' AND user_id <> %(user_id)s LIMIT 1"
)
SAVE = f"""
    INSERT INTO coinpurse.staff (user_id, role, created_by) VALUES (%(user_id)s, %(role)s, %(actor)s)
    ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, changed_at = now()
    RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM coinpurse.staff WHERE user_id = %(user_id)s"
ALL = f"SELECT {COLUMNS} FROM coinpurse.staff ORDER BY created_at, user_id"
EMAILS = "SELECT id, email FROM coinpurse.users WHERE id = ANY (%(ids)s)"


def lock(work: UnitOfWork) -> None:
    """Keep others from changing the staff until the work ends; reading goes on."""
    work.execute(LOCK)


def find(work: UnitOfWork, user_id: str) -> Staff | None:
    """Return a member of the staff."""
    row = work.row(FIND, user_id=user_id)
    return row and Staff(**row._asdict())


def has_other_owner(work: UnitOfWork, user_id: str) -> bool:
    """Whether somebody else is an owner too."""
    return work.row(OTHER_OWNER, user_id=user_id) is not None


def save(work: UnitOfWork, user_id: str, role: Role, *, actor: str) -> Staff:
    """Give somebody a role, in place of the one before."""
    row = work.row(SAVE, user_id=user_id, role=role, actor=actor)
    assert row is not None
    return Staff(**row._asdict())


def delete(work: UnitOfWork, user_id: str) -> None:
    """Take somebody off the staff."""
    work.execute(DELETE, user_id=user_id)


def list_all(work: UnitOfWork) -> list[Staff]:
    """Return the staff, oldest first."""
    return [Staff(**row._asdict()) for row in work.rows(ALL)]


def emails(work: UnitOfWork, ids: Collection[UUID]) -> dict[str, str]:
    """Return the e-mail addresses of our own accounts by their ids as text."""
    return {str(row.id): row.email for row in work.rows(EMAILS, ids=list(ids))}
