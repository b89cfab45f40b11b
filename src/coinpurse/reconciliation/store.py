"""The SQL of reconciliations, their findings, and what they compare."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.reconciliation.rules import FOUND, Finding, ReconciliationReport

# A run whose process has not moved for so long is taken over.
ABANDONED_SECONDS = 300

RESUME = """
    UPDATE coinpurse.reconciliations SET holder = %(holder)s, touched_at = now()
     WHERE id = (SELECT id FROM coinpurse.reconciliations
                  WHERE finished_at IS NULL AND repairing = %(repairing)s AND started_at > now() - interval '1 day'
                    AND since <= %(since)s
                    AND touched_at < now() - make_interval(secs => %(abandoned_seconds)s)
                  ORDER BY id DESC LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, since, repairing, step, cursor, started_at
"""
LOCK_RUNS = "LOCK TABLE coinpurse.reconciliations IN SHARE ROW EXCLUSIVE MODE"
RUNNING = """
    SELECT id FROM coinpurse.reconciliations
     WHERE finished_at IS NULL AND touched_at >= now() - make_interval(secs => %(abandoned_seconds)s)
"""
START = """
    INSERT INTO coinpurse.reconciliations (since, repairing, step, holder)
    VALUES (%(since)s, %(repairing)s, %(step)s, %(holder)s)
    RETURNING id, since, repairing, step, cursor, started_at
"""
ADVANCE = """
    UPDATE coinpurse.reconciliations
       SET step = %(step)s, cursor = %(cursor)s, touched_at = now(),
           looked_at = looked_at || jsonb_build_object(CAST(%(name)s AS text),
                                        coalesce((looked_at ->> %(name)s)::bigint, 0) + %(count)s)
     WHERE id = %(id)s AND holder = %(holder)s AND finished_at IS NULL RETURNING id
"""
FINISH = """
    UPDATE coinpurse.reconciliations SET finished_at = now(), touched_at = now()
     WHERE id = %(id)s AND holder = %(holder)s
"""
GIVE_UP = """
    UPDATE coinpurse.reconciliations SET touched_at = 'epoch' WHERE id = %(id)s AND holder = %(holder)s
"""
ADD_FINDING = """
    INSERT INTO coinpurse.reconciliation_findings (reconciliation_id, kind, subject, payment_id, detail, outcome)
    VALUES (%(id)s, %(kind)s, %(subject)s, %(payment_id)s, %(detail)s, %(outcome)s)
    ON CONFLICT (reconciliation_id, kind, subject)
    DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail
"""
REPORT = """
    SELECT r.id, r.since, r.repairing, r.looked_at, r.started_at, r.finished_at,
           (SELECT coalesce(json_agg(json_build_array(kind, outcome, found) ORDER BY kind, outcome), '[]')
              FROM (SELECT kind, outcome, count(*) AS found FROM coinpurse.reconciliation_findings
                     WHERE reconciliation_id = r.id GROUP BY kind, outcome) AS f) AS findings
      FROM coinpurse.reconciliations AS r WHERE r.id = %(id)s
"""
FINDINGS = """
    SELECT id, kind, subject, payment_id, detail, outcome FROM coinpurse.reconciliation_findings
     WHERE reconciliation_id = %(id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
FORGET = """
    DELETE FROM coinpurse.reconciliations WHERE started_at < now() - interval '90 days'
"""
KNOWN_REFUNDS = """
    SELECT id, status, amount_minor FROM coinpurse.refunds WHERE id = ANY (%(ids)s)
"""
KNOWN_DISPUTES = """
    SELECT id, status, amount_minor, withdrawn_minor, reinstated_minor FROM coinpurse.disputes WHERE id = ANY (%(ids)s)
"""
KNOWN_WARNINGS = "SELECT id FROM coinpurse.fraud_warnings WHERE id = ANY (%(ids)s)"
KNOWN_EVENTS = "SELECT id, state FROM coinpurse.stripe_events WHERE id = ANY (%(ids)s)"
MOVING = """
    SELECT id, payment_intent_id FROM coinpurse.payment_sessions AS p
     WHERE id > %(after)s AND payment_intent_id IS NOT NULL
       AND (EXISTS (SELECT FROM coinpurse.refunds
                     WHERE payment_id = p.id AND status IN ('pending', 'requires_action'))
            OR EXISTS (SELECT FROM coinpurse.disputes
                        WHERE payment_id = p.id AND status NOT IN ('won', 'lost', 'warning_closed', 'prevented')))
     ORDER BY id LIMIT %(limit)s
"""
STUCK_EVENTS = """
    SELECT id, type FROM coinpurse.stripe_events
     WHERE state IN ('failed', 'dead') AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
REVIEWS = """
    SELECT id, review_reason FROM coinpurse.payment_sessions
     WHERE review_reason IS NOT NULL AND reviewed_at IS NULL AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""
PAGE = 100


@dataclass(frozen=True, slots=True)
class Run:
    """A reconciliation under way, and where it stands. cursor: None at the beginning of the step."""

    id: int
    since: datetime
    repairing: bool
    step: str
    cursor: str | None
    started_at: datetime


def resume(work: UnitOfWork, *, holder: UUID, repairing: bool, since: datetime) -> Run | None:
    """Take over the latest run that its process has left and that goes back as far; None where there is none."""
    row = work.row(
        RESUME,
        holder=holder,
        repairing=repairing,
        since=since,
        abandoned_seconds=ABANDONED_SECONDS,
    )
    return row and Run(**row._asdict())


def lock_runs(work: UnitOfWork) -> None:
    """Let nobody else begin or move a run until the work ends."""
    work.execute(LOCK_RUNS)


def is_running(work: UnitOfWork) -> bool:
    """Whether some process is reconciling now."""
    return work.row(RUNNING, abandoned_seconds=ABANDONED_SECONDS) is not None


def start(work: UnitOfWork, *, holder: UUID, repairing: bool, since: datetime, step: str) -> Run:
    """Begin a run. Runs of long ago are forgotten."""
    work.execute(FORGET)
    row = work.row(START, holder=holder, repairing=repairing, since=since, step=step)
    assert row is not None
    return Run(**row._asdict())


def advance(
    work: UnitOfWork,
    run: Run,
    *,
    holder: UUID,
    name: str,
    step: str,
    cursor: str | None,
    count: int,
) -> bool:
    """Note where the run goes on, and that the step `name` looked at so many more.

    False where another process has the run now.
    """
    row = work.row(
        ADVANCE, id=run.id, holder=holder, name=name, step=step, cursor=cursor, count=count
    )
    return row is not None


def finish(work: UnitOfWork, run: Run, *, holder: UUID) -> None:
    """End the run."""
    work.execute(FINISH, id=run.id, holder=holder)


def give_up(work: UnitOfWork, run: Run, *, holder: UUID) -> None:
    """Leave the run for whoever resumes it."""
    work.execute(GIVE_UP, id=run.id, holder=holder)


def add_finding(work: UnitOfWork, run: Run, finding: Finding) -> None:
    """Write a finding down, once for each subject."""
    work.execute(
        ADD_FINDING,
        id=run.id,
        kind=finding.kind,
        subject=finding.subject,
        payment_id=finding.payment_id,
        detail=finding.detail,
        outcome=finding.outcome,
    )


def report(work: UnitOfWork, run_id: int) -> ReconciliationReport:
    """Return how a run stands or ended."""
    row = work.row(REPORT, id=run_id)
    assert row is not None
    findings: dict[str, dict[str, int]] = {}
    for kind, outcome, found in row.findings:
        findings.setdefault(kind, {})[outcome] = found
    return ReconciliationReport(
        id=row.id,
        since=row.since,
        dry_run=not row.repairing,
        looked_at=row.looked_at,
        findings=findings,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def findings(work: UnitOfWork, run_id: int) -> Iterator[Finding]:
    """Yield a run's findings in the order in which they were made, a page at a time."""
    after = 0
    while page := work.rows(FINDINGS, id=run_id, after=after, limit=PAGE):
        for row in page:
            yield Finding(row.kind, row.subject, row.payment_id, row.detail, row.outcome)
        after = page[-1].id


def known_refunds(work: UnitOfWork, ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """Return status and amount of those refunds that we know."""
    return {
        row.id: (row.status, row.amount_minor) for row in work.rows(KNOWN_REFUNDS, ids=list(ids))
    }


def known_disputes(work: UnitOfWork, ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """Return status, amount and what moved of those disputes that we know."""
    return {
        row.id: (row.status, row.amount_minor, row.withdrawn_minor, row.reinstated_minor)
        for row in work.rows(KNOWN_DISPUTES, ids=list(ids))
    }


def known_warnings(work: UnitOfWork, ids: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """Return those fraud warnings that we know."""
    return {row.id: () for row in work.rows(KNOWN_WARNINGS, ids=list(ids))}


def known_events(work: UnitOfWork, ids: Sequence[str]) -> set[str]:
    """Return which of the events are in the inbox."""
    return {row.id for row in work.rows(KNOWN_EVENTS, ids=list(ids))}


def moving(work: UnitOfWork, *, after: UUID) -> list[Any]:
    """Return payments with refunds or disputes that have not ended: `id` and `payment_intent_id`."""
    return work.rows(MOVING, after=after, limit=PAGE)


def stuck_events(work: UnitOfWork, *, after: str) -> list[Any]:
    """Return events in the inbox that have failed: `id` and `type`."""
    return work.rows(STUCK_EVENTS, after=after, limit=PAGE)


def reviews(work: UnitOfWork, *, after: UUID) -> list[Any]:
    """Return payments that a person must settle: `id` and `review_reason`."""
    return work.rows(REVIEWS, after=after, limit=PAGE)


def outcome_of(run: Run, *, repaired: bool) -> str:
    """The outcome of a difference in this run: nothing is repaired in a dry one."""
    if not run.repairing:
        return FOUND
    return "repaired" if repaired else "left"
