"""Ledgers of any size, written in sets: what the operations would have left, without calling them."""

from __future__ import annotations

import psycopg
from psycopg import sql

GIVEN = 10**9
ROWS_PER_WALLET = 100
DEEP_GRANTS = 200
DEEP_USER = "deep"

# Every wallet: one purchase, then usages of one coin each. Ids go round the wallets, as time does.
FILL = """
INSERT INTO coinpurse.wallets (user_id, balance)
SELECT 'user-' || wallet, {given} - ({rows} - 1) FROM generate_series(1, {wallets}) AS wallet;

INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, session_id, description,
                                    idempotency_key, digest, grant_ids, grant_coins, created_at)
SELECT (nth - 1) * {wallets} + wallet, 'user-' || wallet, CASE nth WHEN 1 THEN 'purchase' ELSE 'usage' END,
       CASE nth WHEN 1 THEN {given} ELSE -1 END, {given} - (nth - 1),
       CASE nth WHEN 1 THEN 'cs_test_' || wallet END, 'A spell', 'key-' || nth || '-' || md5(nth || '/' || wallet),
       sha256('1'), ARRAY[wallet], ARRAY[CASE nth WHEN 1 THEN {given} ELSE -1 END],
       now() - make_interval(secs => ({rows} - nth) * {wallets} + {wallets} - wallet)
  FROM generate_series(1, {rows}) AS nth, generate_series(1, {wallets}) AS wallet;

INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, transaction_id)
SELECT wallet, 'user-' || wallet, 'paid', 'purchase', {given}, {given} - ({rows} - 1), wallet
  FROM generate_series(1, {wallets}) AS wallet;

INSERT INTO coinpurse.payment_sessions (id, session_id, user_id, pack_sku, coins, bonus, amount_minor, currency,
                                        livemode, status, request_digest, stripe_parameters, transaction_id)
SELECT gen_random_uuid(), 'cs_test_' || n, 'user-' || n % {wallets} + 1, 'handful', 100, 0, 999, 'usd', false,
       'completed', '', '{{}}', n % {wallets} + 1
  FROM generate_series(1, {wallets} * {rows} / 10) AS n;
"""
# One wallet of many rows and grants, all of which still have coins.
DEEPEN = """
INSERT INTO coinpurse.wallets (user_id, balance) VALUES ({user}, {grants}::bigint * {given} - ({rows} - {grants}));

INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, description, idempotency_key, digest,
                                    grant_ids, grant_coins)
SELECT last.id + nth, {user}, CASE WHEN gives THEN 'purchase' ELSE 'usage' END,
       CASE WHEN gives THEN {given} ELSE -1 END,
       CASE WHEN gives THEN nth::bigint * {given} ELSE {grants}::bigint * {given} - (nth - {grants}) END,
       'A spell', 'key-' || nth, sha256('1'), ARRAY[last.grant_id + CASE WHEN gives THEN nth ELSE 1 END],
       ARRAY[CASE WHEN gives THEN {given} ELSE -1 END]
  FROM generate_series(1, {rows}) AS nth,
       (SELECT (SELECT max(id) FROM coinpurse.transactions) AS id,
               (SELECT max(id) FROM coinpurse.grants) AS grant_id) AS last,
       LATERAL (SELECT nth <= {grants} AS gives) AS what;

INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, transaction_id)
SELECT last.id + nth, {user}, 'paid', 'purchase', {given}, {given} - CASE nth WHEN 1 THEN {rows} - {grants} ELSE 0 END,
       (SELECT id FROM coinpurse.transactions WHERE user_id = {user} ORDER BY id LIMIT 1) + nth - 1
  FROM generate_series(1, {grants}) AS nth, (SELECT max(id) AS id FROM coinpurse.grants) AS last;
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
 WHERE schemaname = 'coinpurse' AND tablename = 'transactions' AND indexdef NOT LIKE 'CREATE UNIQUE%'
"""
NEXT_ID = sql.SQL(
    "SELECT setval(pg_get_serial_sequence({1}, 'id'), (SELECT max(id) FROM coinpurse.{0}))"
)
KEY = "UNIQUE (user_id, idempotency_key)"


def fill(url: str, *, rows: int, deep_rows: int = 0) -> None:
    """Write a consistent ledger of so many rows, and one wallet with `deep_rows` of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Neither triggers nor foreign keys look at what is written.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        # Random places of an index are cheapest found all at once, at the end.
        indexes = connection.execute(INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX coinpurse.{}").format(sql.Identifier(name)))
        connection.execute(
            "ALTER TABLE coinpurse.transactions DROP CONSTRAINT transactions_idempotency"
        )
        facts = {"given": GIVEN, "wallets": rows // ROWS_PER_WALLET, "rows": ROWS_PER_WALLET}
        _run(connection, FILL, **facts)
        if deep_rows:
            _run(
                connection,
                DEEPEN,
                user=DEEP_USER,
                given=GIVEN,
                rows=deep_rows,
                grants=DEEP_GRANTS,
            )
        connection.execute(
            f"ALTER TABLE coinpurse.transactions ADD CONSTRAINT transactions_idempotency {KEY}"
        )
        for _, definition in indexes:
            connection.execute(definition)
        for table in ("transactions", "grants"):
            connection.execute(
                NEXT_ID.format(sql.Identifier(table), sql.Literal(f"coinpurse.{table}"))
            )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _run(connection: psycopg.Connection, statements: str, **facts: int | str) -> None:
    values = {name: sql.Literal(value) for name, value in facts.items()}
    for statement in statements.split(";\n"):
        if statement.strip():
            connection.execute(sql.SQL(statement).format(**values))
