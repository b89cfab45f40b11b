"""Crediting coins: once for each key, whoever asks and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.db import Database
from coinpurse.errors import AmountTooLarge, IdempotencyConflict, InvalidRequest
from coinpurse.ledger import NewGrant, Transaction
from coinpurse.money import Money

PRICE = Money(9999, "usd")


def credit(
    database: Database, user_id: str = "ada", *, key: str = "purchase:1", coins: int = 1000
) -> Transaction:
    with database.unit_of_work() as work:
        return ledger.credit(
            work,
            user_id,
            [NewGrant("paid", coins, PRICE), NewGrant("bonus", 200)],
            key=key,
            type_="purchase",
            source="purchase",
            description="Purchased 1000 coins + 200 bonus",
            price=PRICE,
        )


def rows(database: Database, sql: str) -> list[Any]:
    with database.unit_of_work() as work:
        return [tuple(row) for row in work.rows(sql)]


def test_a_credit_makes_one_row_and_a_grant_for_each_kind(database: Database) -> None:
    posted = credit(database)

    assert posted.created
    assert (posted.coins, posted.balance_after, posted.price) == (1200, 1200, PRICE)
    assert [coins for _, coins in posted.grants] == [1000, 200]
    assert rows(
        database, "SELECT kind, coins, remaining, amount_minor FROM coinpurse.grants ORDER BY id"
    ) == [
        ("paid", 1000, 1000, 9999),
        ("bonus", 200, 200, None),
    ]
    assert rows(database, "SELECT amount_usd::text FROM coinpurse.transactions") == [("99.99",)]
    with database.unit_of_work() as work:
        wallet = ledger.get_wallet(work, "ada")
    assert (wallet.balance, wallet.available, wallet.paid, wallet.bonus) == (1200, 1200, 1000, 200)


def test_the_balance_of_somebody_unknown_is_zero(database: Database) -> None:
    with database.unit_of_work() as work:
        assert ledger.get_wallet(work, "nobody").balance == 0
    assert rows(database, "SELECT * FROM coinpurse.wallets") == []


def test_the_same_key_returns_the_first_row(database: Database) -> None:
    first = credit(database)
    credit(database, key="purchase:2")

    again = credit(database)

    assert not again.created
    assert (again.id, again.balance_after) == (first.id, 1200)


def test_the_same_key_with_other_coins_is_a_conflict(database: Database) -> None:
    credit(database)

    with pytest.raises(IdempotencyConflict):
        credit(database, coins=50_000)

    assert rows(database, "SELECT sum(coins) FROM coinpurse.transactions") == [(1200,)]


def test_the_same_key_of_another_user_is_another_key(database: Database) -> None:
    credit(database)
    assert credit(database, "bob").created


@pytest.mark.parametrize("parallel", [50])
def test_parallel_credits_with_one_key_credit_once(database: Database, parallel: int) -> None:
    start = Barrier(parallel)

    def attempt(_: int) -> Transaction:
        start.wait(30)
        return credit(database)

    with ThreadPoolExecutor(parallel) as pool:
        results = list(pool.map(attempt, range(parallel)))

    assert sum(result.created for result in results) == 1
    assert len({result.id for result in results}) == 1
    assert rows(database, "SELECT balance FROM coinpurse.wallets") == [(1200,)]
    assert rows(database, "SELECT count(*) FROM coinpurse.grants") == [(2,)]


def test_parallel_credits_with_many_keys_continue_one_chain(database: Database) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: credit(database, key=f"purchase:{number}"), range(64)))

    chain = rows(database, "SELECT coins, balance_after FROM coinpurse.transactions ORDER BY id")
    assert [after for _, after in chain] == [1200 * (place + 1) for place in range(64)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE coinpurse.transactions SET coins = coins + 1",
        "DELETE FROM coinpurse.transactions",
        "TRUNCATE coinpurse.transactions CASCADE",
    ],
)
def test_postgresql_refuses_to_change_a_posted_row(database: Database, statement: str) -> None:
    credit(database)

    with pytest.raises(psycopg.Error, match="append-only"), database.unit_of_work() as work:
        work.execute(statement)

    assert rows(database, "SELECT coins FROM coinpurse.transactions") == [(1200,)]


def test_a_rolled_back_credit_leaves_nothing(database: Database) -> None:
    class Unrelated(Exception):
        pass

    def credit_and_fail() -> None:
        with database.unit_of_work() as work:
            ledger.credit(
                work,
                "ada",
                [NewGrant("bonus", 5)],
                key="k",
                type_="grant",
                source="promotion",
                description="",
            )
            raise Unrelated

    with pytest.raises(Unrelated):
        credit_and_fail()

    assert rows(database, "SELECT * FROM coinpurse.wallets") == []


def test_transactions_are_listed_newest_first_and_paged(database: Database) -> None:
    ids = [credit(database, key=f"purchase:{number}").id for number in range(5)]
    credit(database, "bob", key="purchase:6")

    with database.unit_of_work() as work:
        first = ledger.list_transactions(work, "ada", before=None, limit=2)
        rest = ledger.list_transactions(work, "ada", before=first[-1].id, limit=10)

    assert [row.id for row in [*first, *rest]] == ids[::-1]


@pytest.mark.parametrize("key", ["purchase:1", "claim:1"])
def test_a_caller_cannot_take_the_place_of_the_store_s_own_keys(purse: Coinpurse, key: str) -> None:
    purse.credit("ada", 10, key="welcome")

    for attempt in (
        lambda: purse.credit("ada", 1, key=key),
        lambda: purse.spend("ada", 1, key=key),
        lambda: purse.hold("ada", 1, key=key),
        lambda: purse.adjust("ada", 1, key=key, reason="because", actor="eve"),
        lambda: purse.adjust("ada", -1, key=key, reason="because", actor="eve"),
    ):
        with pytest.raises(InvalidRequest, match="the store's own"):
            attempt()

    assert purse.wallet("ada").balance == 10


def test_a_wallet_takes_no_more_than_json_can_carry(purse: Coinpurse) -> None:
    purse.credit("ada", 2**53 - 2, key="most")

    with pytest.raises(AmountTooLarge) as refused:
        purse.credit("ada", 2, key="more")

    assert refused.value.facts == {"needed": 2, "available": 1}
    assert purse.credit("ada", 1, key="last").balance_after == 2**53 - 1
