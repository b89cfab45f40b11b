"""What the back office's lists and its overview cost when the store has sold much, beside when it has sold little."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import psycopg
from psycopg import sql

from benchmarks.measure import Plan, Row, milliseconds_each
from benchmarks.server import Server
from coinpurse.back_office import BackOffice
from coinpurse.db import Database

LIMIT = 1.5
FIRST_ROWS = 100
# A year of sales, ten payments to a buyer; each that was paid was spent of twice. As much waits for a person in both.
FILL = """
INSERT INTO coinpurse.wallets (user_id, balance, created_at)
SELECT 'user-' || n, 1000, now() - interval '360 days' * (1 - n / ({payments} / 10.0))
  FROM generate_series(1, {payments} / 10) AS n;

INSERT INTO coinpurse.payment_sessions (id, session_id, user_id, pack_sku, coins, bonus, amount_minor, currency,
                                        livemode, status, request_digest, stripe_parameters, payment_intent_id,
                                        review_reason, buyer_email, transaction_id, completed_at, created_at)
SELECT gen_random_uuid(), 'cs_test_' || n, 'user-' || n % ({payments} / 10) + 1, 'handful', 100, 0, 999,
       CASE WHEN n % 3 = 0 THEN 'eur' ELSE 'usd' END, false,
       CASE WHEN n % 100 = 0 THEN 'refunded' WHEN n % 10 < 7 THEN 'completed' ELSE 'expired' END, '', '{{}}',
       'pi_' || n, CASE WHEN n % ({payments} / 60) = 1 THEN 'Stripe took less' END,
       'buyer-' || n % ({payments} / 10) + 1 || '@example.com', CASE WHEN n % 10 < 7 THEN n END,
       CASE WHEN n % 10 < 7 THEN at END, at
  FROM generate_series(1, {payments}) AS n,
       LATERAL (SELECT now() - interval '360 days' * (1 - n / {payments}::float) - interval '1 minute' AS at) AS t;

INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, amount_minor, currency, session_id,
                                    description, idempotency_key, digest, grant_ids, grant_coins, created_at)
SELECT n * 3 + nth, 'user-' || n % ({payments} / 10) + 1, CASE nth WHEN 0 THEN 'purchase' ELSE 'usage' END,
       CASE nth WHEN 0 THEN 100 ELSE -10 END, 1000, CASE nth WHEN 0 THEN 999 END, CASE nth WHEN 0 THEN 'usd' END,
       CASE nth WHEN 0 THEN 'cs_test_' || n END, '', n || '-' || nth, '', ARRAY[n],
       ARRAY[CASE nth WHEN 0 THEN 100 ELSE -10 END],
       now() - interval '360 days' * (1 - n / {payments}::float) - interval '1 minute'
  FROM generate_series(1, {payments}) AS n, generate_series(0, 2) AS nth WHERE n % 10 < 7;

INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, transaction_id)
SELECT n, 'user-' || n % ({payments} / 10) + 1, 'paid', 'purchase', 100, 80, n * 3
  FROM generate_series(1, {payments}) AS n WHERE n % 10 < 7;

INSERT INTO coinpurse.refunds (id, payment_id, payment_intent_id, amount_minor, currency, status, event_at)
SELECT 're_' || session_id, id, payment_intent_id, 999, currency, 'succeeded', created_at
  FROM coinpurse.payment_sessions WHERE status = 'refunded';

INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, received_at)
SELECT 'evt_' || n, CASE n % 2 WHEN 0 THEN 'checkout.session.completed' ELSE 'payment_intent.succeeded' END,
       'cs_test_' || n, false, at, '{{}}', CASE WHEN n % ({payments} / 60) = 1 THEN 'failed' ELSE 'processed' END, at
  FROM generate_series(1, {payments}) AS n,
       LATERAL (SELECT now() - interval '360 days' * (1 - n / {payments}::float) AS at) AS t
"""


def prepare(server: Server, plan: Plan) -> dict[str, str]:
    """Fill the two databases, and count what the worker would have counted."""
    urls = {name: server.database(f"office_{name}") for name in ("small", "large")}
    for name, payments in (("small", plan.office_few), ("large", plan.office_many)):
        with psycopg.connect(urls[name], autocommit=True) as connection:
            # Neither triggers nor foreign keys look at what is written.
            connection.execute("SET session_replication_role = replica")
            for statement in FILL.split(";\n"):
                connection.execute(sql.SQL(statement).format(payments=sql.Literal(payments)))
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        database = Database(urls[name])
        for _ in range(2):
            office_of(database).count_figures()
        database.close()
    return urls


def office_of(database: Database) -> BackOffice:
    """The back office on a database."""
    return BackOffice(database, spend_order="bonus_first", approval_above=0, time_zone="UTC")


def rows(urls: dict[str, str], plan: Plan) -> Iterator[Row]:
    """Time each list, and the overview, in turn on both."""
    databases = {name: Database(url) for name, url in urls.items()}
    offices = {name: office_of(database) for name, database in databases.items()}
    buyers = {"small": plan.office_few // 10, "large": plan.office_many // 10}

    def page(where: str, listing: str, **address: str) -> None:
        office = offices[where]
        found = office.page(listing, office.read_query(listing, address))
        assert found.rows

    def by_email(where: str) -> None:
        page(where, "payments", q=f"buyer-{buyers[where] // 2}@example.com")

    def far_back(where: str) -> None:
        page(where, "payments", older=places[where])

    def csv(where: str) -> None:
        office = offices[where]
        lines = office.export_csv("payments", office.read_query("payments", {}))
        assert len(list(islice(lines, FIRST_ROWS))) == FIRST_ROWS
        lines.close()  # type: ignore[attr-defined]

    places = {}
    for name, office in offices.items():
        middle = office.read_query("payments", {"to": _middle(databases[name])})
        places[name] = office.page("payments", middle).older or ""
    works: dict[str, Callable[[str], None]] = {
        "payments, newest page": partial(page, listing="payments"),
        "payments, a page far back": far_back,
        "payments by e-mail": by_email,
        "payments by status": partial(page, listing="payments", status="refunded"),
        "payments in review": partial(page, listing="payments", in_review="1"),
        f"payments as CSV, first {FIRST_ROWS} rows": csv,
        "wallets": partial(page, listing="wallets"),
        "transactions": partial(page, listing="transactions"),
        "events": partial(page, listing="events"),
        "events that failed": partial(page, listing="events", state="failed"),
        "overview": lambda where: _see(offices[where]),
    }
    for work, call in works.items():
        calls: dict[str, Callable[[], None]] = {name: partial(call, name) for name in urls}
        taken = milliseconds_each(calls, calls=max(20, plan.calls // 10))
        yield _row(f"back office: {work}, {plan.office_many:,} payments", taken, plan)
    for database in databases.values():
        database.close()


def _see(office: BackOffice) -> None:
    assert office.overview().days[-2].checkouts_paid


def _middle(database: Database) -> str:
    with database.unit_of_work() as work:
        row = work.row("SELECT (now() - interval '180 days')::date::text AS day")
    assert row is not None
    return str(row.day)


def _row(work: str, taken: dict[str, float], plan: Plan) -> Row:
    ratio = taken["large"] / taken["small"]
    against = f"the same, {plan.office_few:,} payments"
    return Row(
        work, against, "ms a call", taken["large"], taken["small"], ratio, LIMIT, at_least=False
    )
