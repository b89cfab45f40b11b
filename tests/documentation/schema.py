"""The page about the tables, written from a migrated database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from psycopg import Connection
from psycopg.rows import TupleRow

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tables.md"
HEAD = """\
# Tables

Everything is in the schema `coinpurse` of one PostgreSQL database. Read it as you like; **write through the API
alone**: what a wallet holds is proved by its rows, and `coinpurse verify` names every wallet where somebody wrote by
hand. The functions that change wallets are in `src/coinpurse/ledger/kernel.sql`. Background jobs are in Procrastinate's
own tables beside these, `procrastinate_…`, which its documentation explains.

This page is written from a migrated database, and a test fails when it is not current.
"""
WORDS = {
    "adjustment_requests": "Corrections by hand that wait for, or had, a second person's word.",
    "alembic_version": "Which migration the tables are at.",
    "api_keys": "Keys of other backends; of each the hash alone.",
    "audit_log": "Who changed what in the back office or by a command. Append-only.",
    "catalog_versions": "The catalog as it was edited in the back office, each version whole.",
    "claims": "What refunds and disputes have asked of the coins of each payment.",
    "deliveries": "One message on its way to one receiver.",
    "delivery_attempts": "Each attempt of a delivery, and what was answered.",
    "disputes": "Stripe's disputes as they were last fetched.",
    "figures": "Sums that the worker counts now and then, for metrics.",
    "fraud_warnings": "Stripe's early fraud warnings as they were last fetched.",
    "grants": "Coins that came together: what was paid for them, what is left, when they expire.",
    "holds": "Coins set aside.",
    "installation": "One row that says which installation this is.",
    "messages": "What was announced, once for each cause.",
    "payment_sessions": "A payment: what was sold to whom, its checkout at Stripe, and what became of it.",
    "quarter_revenue": "Money of each quarter of an hour by currency, for the charts.",
    "quarter_totals": "Counts of each quarter of an hour, for the charts.",
    "reconciliation_findings": "What a reconciliation found, and what was done about it.",
    "reconciliations": "Each comparison with Stripe, and how far it came.",
    "refund_requests": "Refunds that we were asked for, each with its key at Stripe.",
    "refunds": "Stripe's refunds as they were last fetched.",
    "staff": "Roles in the back office.",
    "stripe_events": "The inbox: every event of Stripe's as it arrived, and what became of it.",
    "stripe_prices": "Prices that `catalog sync` has made at Stripe.",
    "stripe_products": "Products that `catalog sync` has made at Stripe.",
    "totals_state": "How far the totals for the charts have been counted.",
    "transactions": "The ledger: every change of a wallet. Append-only.",
    "users": "Accounts of the standalone store; a host has its own.",
    "wallets": "One row for each user: the balance that the ledger adds up to.",
    "webhook_endpoints": "Who receives outgoing webhooks.",
}
TABLES = """
    SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'coinpurse' AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'procrastinate%'
    ORDER BY c.relname
"""
COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '' OR a.attidentity <> '',
           coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(col_description(a.attrelid, a.attnum), '')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
# Of NOT NULL the column tells; whether PostgreSQL counts it as a constraint depends on its version.
CONSTRAINTS = """
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s AND contype IN ('p', 'u', 'f', 'c') ORDER BY contype <> 'p', contype, 1
"""
INDEXES = """
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i
    WHERE i.indrelid = %s
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
    ORDER BY 1
"""


def page(connection: Connection[TupleRow]) -> str:
    """Return the whole page."""
    parts = [HEAD]
    for table, name in connection.execute(TABLES).fetchall():
        parts += ["", f"## {name}", "", WORDS.get(name, ""), ""]
        parts += _columns(connection, table)
        parts += _definitions(connection, table)
    return "\n".join(parts).rstrip() + "\n"


def _columns(connection: Connection[TupleRow], table: int) -> Iterator[str]:
    yield "| column | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, type_, required, made, default, comment in connection.execute(COLUMNS, [table]):
        kind = type_.replace("timestamp with time zone", "timestamptz")
        how = "made by PostgreSQL" if made else f"`{_short(default)}`" if default else ""
        yield f"| `{name}` | {kind}{'' if required else ', or null'} | {how} | {_cell(comment)} |"
    yield ""


def _definitions(connection: Connection[TupleRow], table: int) -> Iterator[str]:
    rules = [definition for (definition,) in connection.execute(CONSTRAINTS, [table])]
    indexes = [
        definition.partition(" USING btree ")[2] + (" (unique)" if " UNIQUE " in definition else "")
        for (definition,) in connection.execute(INDEXES, [table])
    ]
    yield from (f"- `{_short(rule)}`" for rule in rules)
    yield from (f"- index: `{_short(index)}`" for index in indexes)


def _short(definition: str) -> str:
    return definition.replace("coinpurse.", "").replace("::text", "").replace("|", r"\|")


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
