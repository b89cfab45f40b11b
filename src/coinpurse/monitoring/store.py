"""The SQL of monitoring. A look reads a bounded number of rows by index, however large the tables are."""

from __future__ import annotations

from typing import Any

from coinpurse.db import UnitOfWork
from coinpurse.inbox import PAID_TYPES
from coinpurse.monitoring.rules import ALIVE_SECONDS, CREDIT_SECONDS, States

# Beyond it, how many there are no longer matters.
MOST = 10_000

# An event that came before its payment's row waits, and is most often another application's.
WAITS = "error LIKE '%%errors.RetryLater: %%'"
OPEN_EVENTS = f"""
    WITH open AS (
        (SELECT id, type, state, received_at FROM coinpurse.stripe_events
          WHERE next_attempt_at IS NOT NULL ORDER BY next_attempt_at LIMIT %(most)s)
         UNION
        (SELECT id, type, state, received_at FROM coinpurse.stripe_events
          WHERE state IN ('failed', 'dead') ORDER BY received_at LIMIT %(most)s)
    )
    SELECT count(*) FILTER (WHERE state = 'received') AS received, count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'dead') AS dead,
           extract(epoch FROM now() - min(received_at) FILTER (WHERE state <> 'dead'))::float AS oldest_seconds,
           (SELECT count(*) FROM open AS o JOIN coinpurse.stripe_events AS e USING (id)
             WHERE o.type = ANY (%(paid_types)s) AND o.received_at < now() - make_interval(secs => %(credit_seconds)s)
               AND coalesce(e.payload #>> '{{data,object,payment_status}}', 'paid') = 'paid'
               AND ({WAITS}) IS NOT TRUE) AS paid
      FROM open
"""
RECENT_EVENTS = f"""
    SELECT count(*) AS events,
           count(*) FILTER (WHERE state IN ('failed', 'dead') AND ({WAITS}) IS NOT TRUE) AS failed
      FROM (SELECT state, error FROM coinpurse.stripe_events
             WHERE received_at > now() - interval '1 hour' ORDER BY received_at DESC LIMIT %(most)s) AS recent
"""
RECENT_PAYMENTS = """
    SELECT outcome, count(*) AS found
      FROM (SELECT CASE WHEN transaction_id IS NOT NULL THEN 'credited'
                        WHEN review_reason IS NOT NULL AND reviewed_at IS NULL THEN 'in_review'
                        WHEN status = 'failed' THEN 'failed'
                        WHEN declined_at IS NOT NULL THEN 'declined'
                        WHEN status IN ('cancelled', 'expired') THEN 'abandoned'
                        WHEN status = 'pending' THEN 'open'
                        ELSE 'other' END AS outcome
              FROM coinpurse.payment_sessions
             WHERE created_at > now() - interval '1 day' ORDER BY created_at DESC LIMIT %(most)s) AS recent
     GROUP BY outcome
"""
REVIEWS = """
    SELECT count(*) AS found, count(*) FILTER (WHERE transaction_id IS NULL) AS not_credited
      FROM (SELECT transaction_id FROM coinpurse.payment_sessions
             WHERE review_reason IS NOT NULL AND reviewed_at IS NULL ORDER BY created_at LIMIT %(most)s) AS reviews
"""
# A job that was not given a time is due since it was made.
JOBS = """
    SELECT count(*) AS waiting,
           extract(epoch FROM now() - min(coalesce(scheduled_at,
               (SELECT min(at) FROM coinpurse.procrastinate_events WHERE job_id = jobs.id))))::float AS oldest_seconds
      FROM (SELECT id, scheduled_at FROM coinpurse.procrastinate_jobs
             WHERE status = 'todo' ORDER BY priority DESC, id LIMIT %(most)s) AS jobs
     WHERE scheduled_at IS NULL OR scheduled_at <= now()
"""
WORKERS = """
    SELECT count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => %(alive_seconds)s)) AS alive,
           extract(epoch FROM now() - max(last_heartbeat))::float AS age_seconds
      FROM coinpurse.procrastinate_workers
"""
# One that went back a month knows of what the hourly ones no longer look at.
RECONCILIATION = """
    WITH ended AS (
        SELECT id, finished_at, since < started_at - interval '20 days' AS whole
          FROM coinpurse.reconciliations WHERE repairing AND finished_at IS NOT NULL
    ), latest AS (
        (SELECT id, finished_at FROM ended ORDER BY id DESC LIMIT 1)
         UNION
        (SELECT id, finished_at FROM ended WHERE whole ORDER BY id DESC LIMIT 1)
    )
    SELECT extract(epoch FROM now() - max(finished_at))::float AS seconds_ago,
           (SELECT count(DISTINCT (kind, subject)) FROM coinpurse.reconciliation_findings
             WHERE outcome = 'left' AND reconciliation_id IN (SELECT id FROM latest)) AS left
      FROM latest
"""
DISPUTES = """
    SELECT count(*) AS open
      FROM (SELECT 1 FROM coinpurse.disputes
             WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented') LIMIT %(most)s) AS disputes
"""
REFUNDS = """
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float AS oldest_seconds
      FROM (SELECT created_at FROM coinpurse.refund_requests
             WHERE state = 'requested' ORDER BY created_at LIMIT %(most)s) AS requests
"""
DELIVERIES = """
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead,
           extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'waiting'))::float AS oldest_seconds
      FROM ((SELECT state, created_at FROM coinpurse.deliveries WHERE state = 'dead' ORDER BY id LIMIT %(most)s)
             UNION ALL
            (SELECT state, created_at FROM coinpurse.deliveries
              WHERE state = 'waiting' ORDER BY channel, next_attempt_at LIMIT %(most)s)) AS deliveries
"""
CONNECTIONS = """
    SELECT coalesce(state, 'unknown') AS state, count(*) AS found FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'coinpurse' AND pid <> pg_backend_pid()
     GROUP BY 1
"""
FIGURES = """
    SELECT name, value, extract(epoch FROM now() - taken_at)::float AS age_seconds, took_seconds
      FROM coinpurse.figures
"""
# The only statement here that reads whole tables.
COUNT_FIGURES = """
    SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'paid'), 0)::float AS coins_paid,
           coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0)::float AS coins_bonus,
           coalesce(sum(held), 0)::float AS coins_held, coalesce(sum(frozen), 0)::float AS coins_frozen,
           (SELECT coalesce(sum(debt), 0)::float FROM coinpurse.wallets WHERE debt > 0) AS coins_owed,
           (SELECT count(*)::float FROM coinpurse.payment_sessions
             WHERE created_at > now() - interval '30 days' AND transaction_id IS NOT NULL) AS payments_30d,
           (SELECT count(*)::float FROM coinpurse.disputes
             WHERE created_at > now() - interval '30 days' AND NOT starts_with(status, 'warning_')) AS disputes_30d
      FROM coinpurse.grants WHERE NOT exhausted
"""
KEEP_FIGURES = """
    INSERT INTO coinpurse.figures (name, value, taken_at, took_seconds)
    SELECT name, value, now(), extract(epoch FROM clock_timestamp() - now())
      FROM unnest(%(names)s::text[], %(values)s::float[]) AS counted (name, value)
    ON CONFLICT (name) DO UPDATE
       SET value = excluded.value, taken_at = excluded.taken_at, took_seconds = excluded.took_seconds
"""
LOCK_FIGURES = "LOCK TABLE coinpurse.figures IN SHARE ROW EXCLUSIVE MODE"


def look(work: UnitOfWork) -> States:
    """Read how the store stands."""
    events = _one(
        work, OPEN_EVENTS, most=MOST, paid_types=list(PAID_TYPES), credit_seconds=CREDIT_SECONDS
    )
    recent = _one(work, RECENT_EVENTS, most=MOST)
    reviews = _one(work, REVIEWS, most=MOST)
    jobs = _one(work, JOBS, most=MOST)
    workers = _one(work, WORKERS, alive_seconds=ALIVE_SECONDS)
    reconciliation = _one(work, RECONCILIATION)
    refunds = _one(work, REFUNDS, most=MOST)
    deliveries = _one(work, DELIVERIES, most=MOST)
    figures = work.rows(FIGURES)
    return States(
        events={"received": events.received, "failed": events.failed, "dead": events.dead},
        oldest_event_seconds=events.oldest_seconds,
        recent_events=recent.events,
        recent_failed=recent.failed,
        recent_payments={row.outcome: row.found for row in work.rows(RECENT_PAYMENTS, most=MOST)},
        in_review=reviews.found,
        review_not_credited=reviews.not_credited,
        paid_waiting=events.paid,
        jobs_waiting=jobs.waiting,
        oldest_job_seconds=jobs.oldest_seconds,
        workers=workers.alive,
        heartbeat_age_seconds=workers.age_seconds,
        drift=reconciliation.left,
        reconciled_seconds_ago=reconciliation.seconds_ago,
        disputes_open=_one(work, DISPUTES, most=MOST).open,
        refunds_waiting=refunds.waiting,
        oldest_refund_seconds=refunds.oldest_seconds,
        deliveries={"waiting": deliveries.waiting, "dead": deliveries.dead},
        oldest_delivery_seconds=deliveries.oldest_seconds,
        connections={row.state: row.found for row in work.rows(CONNECTIONS)},
        figures={row.name: row.value for row in figures},
        figures_age_seconds=max((row.age_seconds for row in figures), default=None),
    )


def figures_taken(work: UnitOfWork) -> tuple[float, float] | None:
    """Return how many seconds ago the figures were taken and how long that took; None where they never were.

    Others that would take them wait until the work ends.
    """
    work.execute(LOCK_FIGURES)
    rows = work.rows(FIGURES)
    if not rows:
        return None
    return min(row.age_seconds for row in rows), max(row.took_seconds for row in rows)


def take_figures(work: UnitOfWork) -> None:
    """Count over whole tables and keep the figures. Takes seconds where there are millions of wallets."""
    counted = _one(work, COUNT_FIGURES)._asdict()
    work.execute(KEEP_FIGURES, names=list(counted), values=list(counted.values()))


def _one(work: UnitOfWork, sql: str, **values: object) -> Any:
    row = work.row(sql, **values)
    assert row is not None
    return row
