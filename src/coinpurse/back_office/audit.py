"""The audit log: who did what to what, and why."""

from __future__ import annotations

from collections.abc import Mapping

from coinpurse.back_office.rules import AuditEntry
from coinpurse.back_office.store import audit as store
from coinpurse.db import UnitOfWork
from coinpurse.endpoints import Endpoint
from coinpurse.ledger.rules import require_description, require_key


def record(
    work: UnitOfWork,
    *,
    actor: str,
    action: str,
    subject_kind: str,
    subject_id: str,
    reason: str = "",
    facts: Mapping[str, object] | None = None,
) -> AuditEntry:
    """Write what somebody does, in the transaction that does it; it stays for good.

    action: such as `payment.refund`. facts: what JSON can carry, no keys and no secrets; those that are
    None are left out.
    Raises InvalidRequest for an actor, subject or reason that no database takes.
    """
    return store.insert(
        work,
        actor=require_key(actor, field="actor"),
        action=action,
        subject_kind=subject_kind,
        subject_id=require_key(subject_id, field="subject_id"),
        reason=require_description(reason, field="reason"),
        facts={name: fact for name, fact in (facts or {}).items() if fact is not None},
    )


def record_endpoint(
    work: UnitOfWork, done: str, endpoint: Endpoint, *, actor: str, reason: str = ""
) -> AuditEntry:
    """Write what somebody did with an outgoing webhook: its host, because the whole address may hold a secret.

    done: such as `rotated`.
    """
    return record(
        work,
        actor=actor,
        action=f"webhook_endpoint.{done}",
        subject_kind="webhook_endpoint",
        subject_id=str(endpoint.id),
        reason=reason,
        facts={"host": endpoint.host},
    )
