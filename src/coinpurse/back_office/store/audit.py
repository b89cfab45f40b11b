"""The SQL of the audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields

from coinpurse.back_office.rules import AuditEntry
from coinpurse.db import UnitOfWork

COLUMNS = ", ".join(field.name for field in fields(AuditEntry))
INSERT = f"""
    INSERT INTO coinpurse.audit_log (actor, action, subject_kind, subject_id, reason, facts)
    VALUES (%(actor)s, %(action)s, %(subject_kind)s, %(subject_id)s, %(reason)s, %(facts)s)
    RETURNING {COLUMNS}
"""
ABOUT = f"""
    SELECT {COLUMNS} FROM coinpurse.audit_log
     WHERE subject_kind = %(subject_kind)s AND subject_id = %(subject_id)s ORDER BY id
"""


def insert(
    work: UnitOfWork,
    *,
    actor: str,
    action: str,
    subject_kind: str,
    subject_id: str,
    reason: str,
    facts: Mapping[str, object],
) -> AuditEntry:
    """Write one entry."""
    row = work.row(
        INSERT,
        actor=actor,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        reason=reason,
        facts=json.dumps(facts, default=str),
    )
    assert row is not None
    return AuditEntry(**row._asdict())


def about(work: UnitOfWork, subject_kind: str, subject_id: str) -> list[AuditEntry]:
    """Return what was done to one thing, oldest first."""
    rows = work.rows(ABOUT, subject_kind=subject_kind, subject_id=subject_id)
    return [AuditEntry(**row._asdict()) for row in rows]
