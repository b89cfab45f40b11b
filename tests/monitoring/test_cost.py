"""A look at the store reads little, however much there is."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from coinpurse.db import Database, UnitOfWork
from coinpurse.monitoring import Monitoring, store

MANY = 40_000
LARGE = {"stripe_events", "payment_sessions", "transactions", "wallets", "grants", "procrastinate_jobs",
         "procrastinate_events", "deliveries", "messages", "refund_requests"}  # fmt: skip
FILL = """
    INSERT INTO coinpurse.wallets (user_id) SELECT 'user-' || n FROM generate_series(1, 40000) AS n;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, idempotency_key, digest, grant_ids,
                                        grant_coins)
    SELECT 'user-' || n, 'purchase', 0, 0, 'purchase', '', '{}', '{}' FROM generate_series(1, 40000) AS n;
    INSERT INTO coinpurse.grants (user_id, kind, source, coins, remaining, transaction_id, exhausted)
    SELECT user_id, CASE WHEN id % 4 = 0 THEN 'bonus' ELSE 'paid' END, 'purchase', 10, 7, id, false
      FROM coinpurse.transactions;
    INSERT INTO coinpurse.payment_sessions (id, user_id, pack_sku, coins, bonus, amount_minor, currency, livemode,
                                            request_digest, stripe_parameters, status, transaction_id, created_at)
    SELECT gen_random_uuid(), user_id, 'pack', 10, 0, 499, 'usd', false, '', '{}', 'completed', id,
           now() - id * interval '1 minute'
      FROM coinpurse.transactions;
    INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, received_at)
    SELECT 'evt_' || n, 'checkout.session.completed', 'cs_' || n, false, now(), '{}', 'processed',
           now() - n * interval '1 minute'
      FROM generate_series(1, 40000) AS n;
    INSERT INTO coinpurse.messages (id, type, cause, facts, fanned_out_at)
    SELECT gen_random_uuid(), 'payment.completed', n::text, '{}', now() FROM generate_series(1, 40000) AS n;
    INSERT INTO coinpurse.deliveries (id, message_id, channel, state, next_attempt_at)
    SELECT gen_random_uuid(), id, 'mail', 'delivered', NULL FROM coinpurse.messages;
    INSERT INTO coinpurse.refund_requests (id, payment_id, amount_minor, currency, request_key, payment_intent_id,
                                           state)
    SELECT gen_random_uuid(), id, 499, 'usd', 'key', 'pi', 'made' FROM coinpurse.payment_sessions;
    INSERT INTO coinpurse.procrastinate_jobs (queue_name, task_name, status)
    SELECT 'default', 'process_event', 'failed' FROM generate_series(1, 40000);
    INSERT INTO coinpurse.procrastinate_events (job_id, type) SELECT id, 'failed' FROM coinpurse.procrastinate_jobs;
"""
# Pages of 8 kB, for one look; the tables above have about 10,000.
MOST_PAGES = 700


class Explained(UnitOfWork):
    """Explains what it runs, and keeps the plans."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__(connection)
        self.plans: list[dict[str, Any]] = []

    def rows(self, sql: str, **values: object) -> list[Any]:
        self._explain(sql, values)
        return super().rows(sql, **values)

    def row(self, sql: str, **values: object) -> Any | None:
        self._explain(sql, values)
        return super().row(sql, **values)

    def _explain(self, sql: str, values: dict[str, object]) -> None:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
        self.plans.append(self.connection.execute(explain, values or None).fetchone()[0][0]["Plan"])


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that are read whole."""
    here = {plan["Relation Name"]} if plan["Node Type"].endswith("Seq Scan") else set()
    return here.union(*(scanned(part) for part in plan.get("Plans", [])))


@pytest.fixture
def full(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
    return database_url


def test_a_look_reads_no_large_table_whole(full: str, database: Database) -> None:
    with psycopg.connect(full) as connection:
        work = Explained(connection)
        states = store.look(work)

    pages = sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in work.plans)
    assert set().union(*(scanned(plan) for plan in work.plans)) & LARGE == set()
    assert pages < MOST_PAGES
    assert states.recent_payments["credited"] >= 1400


def test_sums_over_whole_tables_are_right_and_not_taken_again_at_once(
    full: str, database: Database
) -> None:
    monitoring = Monitoring(database)
    assert monitoring.states().figures == {}

    assert monitoring.take_figures()
    assert not monitoring.take_figures()

    figures = monitoring.states().figures
    assert figures["coins_paid"] + figures["coins_bonus"] == 7 * MANY
    assert figures["coins_bonus"] == 7 * MANY / 4
    assert figures["payments_30d"] == MANY
    with psycopg.connect(full) as connection:
        connection.execute(
            "UPDATE coinpurse.figures SET taken_at = now() - interval '99 seconds', took_seconds = 1"
        )
    assert not monitoring.take_figures()
    with psycopg.connect(full) as connection:
        connection.execute("UPDATE coinpurse.figures SET taken_at = now() - interval '301 seconds'")
    assert monitoring.take_figures()
