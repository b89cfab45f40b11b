"""What verification proves beyond sums: the order of a chain, and every grant of a row."""

from __future__ import annotations

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.db import Database
from coinpurse.ledger import NewGrant, service

CHAIN = "transactions that break the chain"
GRANTS = "grants that are not what their transactions left"


@pytest.fixture
def tampered(database: Database, sql: psycopg.Connection) -> psycopg.Connection:
    """A connection that no trigger stops, and a wallet of two credits and four spends, one over both grants."""
    with database.unit_of_work() as work:
        for key in ("a", "b"):
            ledger.credit(work, "ada", [NewGrant("bonus", 10)], key=key, source="gift")
        for key, coins in (("s1", 1), ("s2", 2), ("s3", 10), ("s4", 3)):
            ledger.spend(work, "ada", coins, key=key)
    sql.execute("SET session_replication_role = replica")
    return sql


def found(database: Database) -> dict[str, tuple[int, int]]:
    with database.unit_of_work() as work:
        ((_, differing),) = list(ledger.verify(work))
    return {wrong.what: (wrong.wallet, wrong.rows) for wrong in differing}


def test_spends_over_several_grants_agree(database: Database, tampered: psycopg.Connection) -> None:
    assert found(database) == {}


def test_two_balances_that_were_exchanged_break_the_chain_in_three_places(
    database: Database, tampered: psycopg.Connection
) -> None:
    tampered.execute(
        """
        UPDATE coinpurse.transactions AS t SET balance_after = other.balance_after
          FROM coinpurse.transactions AS other
         WHERE (t.idempotency_key, other.idempotency_key) IN (('s1', 's2'), ('s2', 's1'))
        """
    )

    assert found(database) == {CHAIN: (3, 0)}


def test_two_rows_that_changed_places_break_the_chain(
    database: Database, tampered: psycopg.Connection
) -> None:
    tampered.execute(
        """
        UPDATE coinpurse.transactions AS t SET id = -other.id
          FROM coinpurse.transactions AS other
         WHERE (t.idempotency_key, other.idempotency_key) IN (('s1', 's2'), ('s2', 's1'))
        """
    )
    tampered.execute("UPDATE coinpurse.transactions SET id = -id WHERE id < 0")

    assert found(database) == {CHAIN: (3, 0)}


def test_a_chain_that_begins_with_coins_of_nowhere_is_broken_once(
    database: Database, tampered: psycopg.Connection
) -> None:
    tampered.execute("UPDATE coinpurse.transactions SET balance_after = balance_after + 5")

    assert found(database) == {CHAIN: (1, 0)}


def test_a_row_s_second_grant_is_proved_too(
    database: Database, tampered: psycopg.Connection
) -> None:
    changed = tampered.execute(
        """
        UPDATE coinpurse.transactions SET grant_coins[2] = grant_coins[2] + 1
         WHERE idempotency_key = 's3' AND cardinality(grant_ids) = 2
        """
    )
    assert changed.rowcount == 1

    assert found(database) == {GRANTS: (1, 0)}


def test_broken_chains_are_found_in_both_halves_of_each_page(
    database: Database, tampered: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = ["ada", "bob", "cyd", "dan"]
    with database.unit_of_work() as work:
        for user in users[1:]:
            ledger.credit(work, user, [NewGrant("bonus", 10)], key="a", source="gift")
    tampered.execute("UPDATE coinpurse.transactions SET balance_after = balance_after + 5")

    for size in (2, 4, 5):
        monkeypatch.setattr(service, "VERIFY_PAGE", size)
        with database.unit_of_work() as work:
            pages = list(ledger.verify(work))
        assert sum(wallets for wallets, _ in pages) == len(users)
        wrong = [(one.user_id, one.what) for _, differing in pages for one in differing]
        assert wrong == [(user, CHAIN) for user in users]
