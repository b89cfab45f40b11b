"""How much the kernel reads and writes, by PostgreSQL's own count: what grows with the ledger grows no call."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.ledger import NewGrant, Spend

GRANTS = 200


@pytest.fixture
def counted(database_url: str) -> Any:
    """A transaction in which everything is counted."""
    with psycopg.connect(database_url) as connection:
        yield connection


def count(connection: psycopg.Connection, what: str, *tables: str) -> int:
    rows = connection.execute(
        "SELECT coalesce(seq_scan, 0), coalesce(idx_scan, 0), n_tup_upd FROM pg_stat_xact_user_tables"
        " WHERE schemaname = 'coinpurse' AND relname = ANY (%s)",
        [list(tables)],
    ).fetchall()
    assert len(rows) == len(tables)
    counts = {"whole": sum(row[0] for row in rows), "scans": sum(row[0] + row[1] for row in rows)}
    counts["changes"] = sum(row[2] for row in rows)
    return counts[what]


def test_undoing_part_of_a_spend_over_many_grants_does_not_look_at_each_alone(
    purse: Coinpurse, counted: psycopg.Connection
) -> None:
    with purse.database.unit_of_work() as work:
        ledger.credit(work, "ada", [NewGrant("bonus", 2)] * GRANTS, key="c", source="gift")
    spent = purse.spend("ada", 2 * GRANTS, key="s")
    purse.reverse(spent.id, key="r1", coins=GRANTS + 1)

    undone = purse.reverse(spent.id, key="r2", coins=4, connection=counted)

    assert [coins for _, coins in undone.grants] == [1, 2, 1]
    middle = spent.grants[GRANTS // 2 - 1][0]
    assert [id_ for id_, _ in undone.grants] == [middle, middle - 1, middle - 2]
    assert count(counted, "scans", "transactions") < 20
    counted.rollback()
    assert purse.reverse(spent.id, key="r3").coins == GRANTS - 1
    assert [found for _, differing in purse.verify() for found in differing] == []


def test_a_key_that_repeats_does_not_make_a_batch_change_the_wallet_for_each_item(
    purse: Coinpurse, counted: psycopg.Connection
) -> None:
    purse.credit("ada", 1000, key="c")
    purse.spend("ada", 1, key="old")
    items = [Spend("ada", 1, f"k{n}") for n in range(50)]

    purse.spend_many([*items, *items, Spend("ada", 1, "old")], connection=counted)

    assert count(counted, "changes", "wallets") == 1
