"""`python -m benchmarks.plans`: how PostgreSQL finds what the main operations need, in a ledger of millions of rows.

Each operation runs as the application runs it, once, and the server tells every plan that it makes meanwhile, also for
the statements inside of the ledger's functions (`debug_print_plan`). Beside them stand the rows that were read.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg

from benchmarks import node_trees, report
from benchmarks.admin import office_of
from benchmarks.dataset import DEEP_USER, fill
from benchmarks.server import started
from coinpurse import ledger
from coinpurse.back_office.store import paging
from coinpurse.back_office.store.listings import LISTINGS
from coinpurse.db import Database, UnitOfWork
from coinpurse.purchases import store as payments

DEEP_SHARE = 100
# A table of so many rows must not be read whole; what only a few rows are in may be.
LARGE = 5_000
# Reading everything is what these are for.
WHOLE = ("verify",)
READ = """
SELECT relname, coalesce(seq_tup_read, 0) AS whole, coalesce(idx_tup_fetch, 0) AS by_index
  FROM pg_stat_xact_user_tables
 WHERE schemaname = 'coinpurse' AND (coalesce(seq_tup_read, 0) > 0 OR coalesce(idx_tup_fetch, 0) > 0)
 ORDER BY relname
"""
NAMES = "SELECT oid::int, relname FROM pg_class WHERE relnamespace = 'coinpurse'::regnamespace"
SIZES = """
SELECT c.relname, c.reltuples::bigint AS rows, pg_table_size(c.oid) AS heap, pg_indexes_size(c.oid) AS indexes
  FROM pg_class AS c
 WHERE c.relnamespace = 'coinpurse'::regnamespace AND c.relkind IN ('r', 'p') AND c.reltuples > 0
 ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 5
"""
TELL = """
SET LOCAL client_min_messages = 'log';
SET LOCAL debug_pretty_print = off;
SET LOCAL debug_print_plan = on
"""
STATEMENT = re.compile(r'^SQL (?:statement|expression) "(.*?)"$', re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"^PL/pgSQL function ([\w.]+)\(.*?\) line (\d+)", re.MULTILINE)
WIDTH = 110
MB = 2**20


@dataclass
class Seen:
    """What an operation did. plans: each statement and its plan's lines. read: rows by table, whole or by index."""

    name: str
    plans: list[tuple[str, list[str]]] = field(default_factory=list)
    read: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def read_whole(self) -> list[str]:
        """Large tables that were read from end to end."""
        if self.name.startswith(WHOLE):
            return []
        return [table for table, (whole, _) in self.read.items() if whole > LARGE]


def operations() -> dict[str, Callable[[psycopg.Connection], object]]:
    """What is looked at, by name. Each gets a connection in a transaction that is rolled back."""

    def works(act: Callable[[UnitOfWork], object]) -> Callable[[psycopg.Connection], object]:
        return lambda connection: act(UnitOfWork(connection))

    def wallet_page(work: UnitOfWork) -> None:
        ledger.get_wallet(work, "user-77")
        ledger.list_transactions(work, "user-77", before=None, limit=50)

    def far_back(work: UnitOfWork) -> None:
        rows = ledger.list_transactions(work, DEEP_USER, before=None, limit=1)
        ledger.list_transactions(work, DEEP_USER, before=rows[0].id - 500, limit=50)

    def page(listing: str, **address: str) -> Callable[[psycopg.Connection], object]:
        def read(connection: psycopg.Connection) -> None:
            query = LOOKS.read_query(listing, address)
            found = paging.page(connection, LISTINGS[listing], query)
            older = paging.page(
                connection,
                LISTINGS[listing],
                LOOKS.read_query(listing, {**address, "older": found.older or ""}),
            )
            assert older.rows

        return read

    return {
        "spend": works(lambda work: ledger.spend(work, "user-77", 1, key="plan")),
        "spend, repeated": works(
            lambda work: [ledger.spend(work, "user-78", 1, key="plan") for _ in range(2)]
        ),
        "spend, a wallet of many rows and grants": works(
            lambda work: ledger.spend(work, DEEP_USER, 1, key="plan")
        ),
        "hold and capture": works(_hold),
        "wallet page": works(wallet_page),
        "history, far back in a long wallet": works(far_back),
        "payment status": works(lambda work: payments.find_by_session(work, "cs_test_77")),
        "sweep of what expires": works(lambda work: ledger.sweep_due(work)),
        "notice of what will expire": works(
            lambda work: ledger.list_expiring(work, within=timedelta(days=7), zone="UTC")
        ),
        "verify, a page": works(lambda work: next(ledger.verify(work))),
        "back office: payments, two pages": page("payments"),
        "back office: payments of a status": page("payments", status="completed"),
        "back office: wallets, two pages": page("wallets"),
        "back office: transactions, two pages": page("transactions"),
    }


def _hold(work: UnitOfWork) -> None:
    held = ledger.hold(work, "user-79", 5, key="plan", ttl_seconds=60)
    ledger.capture(work, held.id, coins=3, key="plan-capture")


def look(url: str) -> Iterator[Seen]:
    """Run each operation in a session of its own, whose plans nobody has made before."""
    for name, act in operations().items():
        with _telling(url, Seen(name)) as (connection, seen):
            act(connection)
            connection.execute("SET LOCAL debug_print_plan = off")
            seen.read = {
                table: (whole, by_index)
                for table, whole, by_index in connection.execute(READ).fetchall()
            }
        yield seen


@contextmanager
def _telling(url: str, seen: Seen) -> Iterator[tuple[psycopg.Connection, Seen]]:
    with psycopg.connect(url, prepare_threshold=None) as connection:
        names = dict(connection.execute(NAMES).fetchall())
        connection.execute(TELL)

        def hear(said: psycopg.errors.Diagnostic) -> None:
            if said.message_primary == "plan:" and said.message_detail:
                lines = node_trees.plan_lines(said.message_detail, names)
                plan = (_about(said.context or ""), lines)
                if lines and plan not in seen.plans:
                    seen.plans.append(plan)

        connection.add_notice_handler(hear)
        yield connection, seen
        connection.remove_notice_handler(hear)
        connection.rollback()


def _about(context: str) -> str:
    """Say which statement a plan is for, on one line."""
    statement, place = STATEMENT.search(context), PLACE.search(context)
    where = f"{place[1]}, line {place[2]}: " if place else ""
    text = " ".join(statement[1].split()) if statement else ""
    if not text:
        return where.rstrip(": ") or "the statement itself"
    return where + (text if len(text) <= WIDTH else f"{text[: WIDTH - 2]} …")


def markdown(seen: Seen) -> str:
    """Write an operation: its statements with their plans, and what was read."""
    lines = [f"### {seen.name}", "", "```text"]
    for about, plan in seen.plans:
        lines += [about, *(f"    {line}" for line in plan)]
    lines.append("```")
    read = [
        f"{table} {by_index:,} by index" + (f", **{whole:,} in whole**" if whole else "")
        for table, (whole, by_index) in seen.read.items()
    ]
    lines += ["", f"Rows read: {'; '.join(read) or 'none'}.", ""]
    return "\n".join(lines)


def sizes(url: str) -> str:
    """Write how large the tables are, and how large a row is."""
    lines = [
        "| table | rows | table, MB | indexes, MB | bytes a row |",
        "|---|--:|--:|--:|--:|",
    ]
    with psycopg.connect(url) as connection:
        for name, rows, heap, indexes in connection.execute(SIZES).fetchall():
            lines.append(
                f"| {name} | {rows:,} | {heap / MB:,.0f} | {indexes / MB:,.0f} | {(heap + indexes) / rows:,.0f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, fill a database, look, and exit with 1 where a large table was read whole."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plans", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the ledger")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    arguments = parser.parse_args()
    with started() as server:
        url = server.database("plans")
        fill(url, rows=arguments.rows, deep_rows=arguments.rows // DEEP_SHARE)
        found = list(look(url))
        table = sizes(url)
        facts = {**report.machine(), **server.settings()}
    text = f"Plans of the main operations, {arguments.rows:,} rows in the ledger.\n\n{table}\n"
    text += "\n".join(markdown(seen) for seen in found)
    text += "\n" + "".join(f"- {name}: {value}\n" for name, value in facts.items())
    print(text)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "plans.md").write_text(text, encoding="utf-8")
    wrong = [f"{seen.name}: {', '.join(seen.read_whole)}" for seen in found if seen.read_whole]
    if wrong:
        raise SystemExit("Read whole:\n" + "\n".join(wrong))


# It only reads addresses, and opens no connection.
LOOKS = office_of(Database("dbname=none"))

if __name__ == "__main__":
    main()
