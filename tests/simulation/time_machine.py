"""Our own time: instead of waiting, every moment that the database keeps as a deadline comes nearer."""

from __future__ import annotations

import time

import psycopg

from coinpurse import jobs
from coinpurse.db.migrate import SCHEMA

# What waits for a moment: the table, its key, the column, and which rows wait.
DEADLINES = (
    ("payment_sessions", "id", "checked_at", "checked_at IS NOT NULL"),
    ("stripe_events", "id", "next_attempt_at", "next_attempt_at IS NOT NULL"),
    ("refund_requests", "id", "tried_at", "state = 'requested' AND tried_at IS NOT NULL"),
    ("reconciliations", "id", "touched_at", "finished_at IS NULL"),
    ("holds", "id", "expires_at", "state = 'open'"),
    ("wallets", "user_id", "next_due_at", "next_due_at < 'infinity'"),
    ("procrastinate_jobs", "id", "scheduled_at", "status = 'todo' AND scheduled_at IS NOT NULL"),
)


# What the worker that began last has under way, and what it may take now.
UNDER_WAY = """
    SELECT count(*) FROM procrastinate_jobs
     WHERE status = 'doing' AND worker_id = (SELECT max(id) FROM procrastinate_workers)
        OR status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
"""
QUIET_SECONDS = 3.0


def wait_until_quiet(database_url: str) -> None:
    """Wait until the worker has nothing under way: weeks must not pass in the middle of a call to Stripe.

    Who asks Stripe has its turn for two minutes; time that jumps meanwhile would let a second one ask beside it.
    """
    deadline = time.monotonic() + QUIET_SECONDS
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {SCHEMA}".encode())
        while time.monotonic() < deadline:
            row = connection.execute(UNDER_WAY).fetchone()
            if row is None or row[0] == 0:
                return
            time.sleep(0.005)


def let_time_pass(database_url: str, seconds: float) -> None:
    """Bring every deadline nearer. Row by row, so that nobody waits for us with a lock that we wait for."""
    # ruff: noqa: S608  The names are those of the list above.
    with psycopg.connect(database_url, autocommit=True) as connection:
        # The worker's own triggers name no schema.
        connection.execute(f"SET search_path TO {SCHEMA}".encode())
        for table, key, column, waits in DEADLINES:
            rows = connection.execute(f"SELECT {key} FROM coinpurse.{table} WHERE {waits}".encode())
            for (id_,) in rows.fetchall():
                connection.execute(
                    f"UPDATE coinpurse.{table} SET {column} = {column} - make_interval(secs => %s)"
                    f" WHERE {key} = %s AND {waits}".encode(),
                    [seconds, id_],
                )


def run_schedule(database_url: str) -> None:
    """Have the worker do what it does each minute; a task that is still waiting need not wait twice."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {SCHEMA}".encode())
        for name, (_, cron) in jobs.TASKS.items():
            if cron != jobs.EVERY_MINUTE:
                continue
            connection.execute(
                "INSERT INTO procrastinate_jobs (task_name, queue_name, queueing_lock, args)"
                " VALUES (%s, 'default', %s, jsonb_build_object('timestamp', %s::bigint))"
                " ON CONFLICT DO NOTHING",
                [name, name, int(time.time())],
            )
