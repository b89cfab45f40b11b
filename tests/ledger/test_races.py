"""Many connections on one wallet at the same moment: one order, no coin twice, no coin lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import (
    AmountTooLarge,
    HoldAlreadyResolved,
    IdempotencyConflict,
    InsufficientCoins,
)
from coinpurse.ledger import Hold, NewGrant, Spend, Transaction
from tests.ledger.racing import THREADS, of, race, wallet

ROUNDS = 4


def credit(database: Database, coins: int, *, key: str = "credit") -> Transaction:
    with database.unit_of_work() as work:
        return ledger.credit(work, "ada", [NewGrant("paid", coins)], key=key, source="purchase")


@pytest.mark.parametrize("coins", [1, 7])
def test_the_last_coin_is_spent_once(database: Database, coins: int) -> None:
    credit(database, coins)

    results = race(database, lambda work, n: ledger.spend(work, "ada", 1, key=f"s{n}"))

    assert of(results, Transaction) == coins
    assert of(results, InsufficientCoins) == THREADS - coins
    assert wallet(database).balance == 0


def test_coins_are_either_spent_or_held(database: Database) -> None:
    credit(database, 20)

    results = race(
        database,
        lambda work, n: ledger.spend(work, "ada", 3, key=f"s{n}"),
        lambda work, n: ledger.hold(work, "ada", 3, key=f"h{n}", ttl_seconds=60),
    )

    assert of(results, Transaction) + of(results, Hold) == 6
    found = wallet(database)
    assert (found.available, found.held) == (2, 3 * of(results, Hold))


def test_a_hold_is_captured_or_voided_once(database: Database) -> None:
    for number in range(ROUNDS):
        credit(database, 10, key=f"credit-{number}")
        with database.unit_of_work() as work:
            held = ledger.hold(work, "ada", 10, key=f"hold-{number}", ttl_seconds=60)
        before = wallet(database).balance

        results = race(
            database,
            lambda work, n, held=held: ledger.capture(work, held.id, key=f"c{n}-{held.id}"),
            lambda work, n, held=held: ledger.void(work, held.id, key=f"v{n}-{held.id}"),
        )

        (won,) = [result for result in results if isinstance(result, Transaction)]
        assert of(results, HoldAlreadyResolved) == THREADS - 1
        found = wallet(database)
        assert (found.held, found.balance) == (0, before + won.coins)


def test_coins_expire_or_are_spent_and_never_both(database: Database) -> None:
    for number in range(ROUNDS):
        credit(database, 100, key=f"c{number}")
        with database.unit_of_work() as work:
            work.execute(
                "UPDATE coinpurse.grants SET expires_at = clock_timestamp() + interval '1 second'"
                " WHERE NOT exhausted"
            )
            work.execute("UPDATE coinpurse.wallets SET next_due_at = '2001-01-01'")

        def spend(work: UnitOfWork, n: int, number: int = number) -> Transaction:
            # Each is a transaction of its own, before or after the moment.
            work.connection.commit()
            work.execute("SELECT pg_sleep(%(seconds)s)", seconds=0.93 + n * 0.01)
            work.connection.commit()
            return ledger.spend(work, "ada", 10, key=f"s{number}-{n}")

        results = race(database, spend, lambda work, n: _sweep(work, n))

        found = wallet(database)
        spent = 10 * of(results, Transaction)
        with database.unit_of_work() as work:
            expired = work.row(
                "SELECT -coalesce(sum(coins), 0) AS coins FROM coinpurse.transactions WHERE type = 'expiry'"
            )
        if number == ROUNDS - 1:
            assert expired is not None
            assert expired.coins > 0
        assert found.balance == 0 or spent + found.balance == 100
        if found.balance:
            with database.unit_of_work() as work:
                work.execute("SELECT pg_sleep(0.5)")


def _sweep(work: UnitOfWork, n: int) -> int:
    work.connection.commit()
    work.execute("SELECT pg_sleep(%(seconds)s)", seconds=0.95 + n * 0.01)
    work.connection.commit()
    return ledger.sweep_due(work)


def test_one_key_from_many_threads_spends_once(database: Database) -> None:
    credit(database, 100)

    results = race(database, lambda work, n: ledger.spend(work, "ada", 10, key="s"))

    assert sum(result.created for result in results) == 1
    assert {(result.id, result.balance_after) for result in results} == {(results[0].id, 90)}
    assert wallet(database).balance == 90


def test_one_key_with_different_coins_spends_once(database: Database) -> None:
    credit(database, 1000)

    results = race(database, lambda work, n: ledger.spend(work, "ada", n + 1, key="s"))

    (won,) = [result for result in results if isinstance(result, Transaction)]
    assert of(results, IdempotencyConflict) == THREADS - 1
    assert wallet(database).balance == 1000 + won.coins


def test_a_spend_is_reversed_once(database: Database) -> None:
    credit(database, 10)
    with database.unit_of_work() as work:
        spent = ledger.spend(work, "ada", 10, key="s")

    results = race(database, lambda work, n: ledger.reverse(work, spent.id, key=f"r{n}", coins=4))

    assert of(results, Transaction) == 2
    assert of(results, AmountTooLarge) == THREADS - 2
    assert wallet(database).balance == 8


def test_the_first_credits_of_a_user_make_one_wallet(database: Database) -> None:
    results = race(
        database,
        lambda work, n: ledger.credit(
            work, "ada", [NewGrant("bonus", 1)], key=f"c{n}", source="promotion"
        ),
    )

    assert of(results, Transaction) == THREADS
    assert wallet(database).balance == THREADS


def test_crossing_batches_do_not_wait_for_each_other_in_a_circle(database: Database) -> None:
    users = [f"user-{n}" for n in range(12)]
    with database.unit_of_work() as work:
        for user in users:
            ledger.credit(work, user, [NewGrant("bonus", 10_000)], key="c", source="promotion")
    start = Barrier(THREADS)

    def run(number: int) -> int:
        chance = random.Random(number)
        posted = 0
        start.wait(30)
        for batch in range(10):
            chosen = chance.sample(users, len(users))
            with database.unit_of_work() as work:
                results = ledger.spend_many(
                    work, [Spend(user, 1, f"{number}-{batch}") for user in chosen]
                )
            posted += of(results, Transaction)
        return posted

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(run, range(THREADS))) == THREADS * 10 * len(users)
    with database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []
        for user in users:
            assert ledger.get_wallet(work, user).balance == 10_000 - THREADS * 10


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_stale_snapshot_of_a_host_is_an_error_and_not_a_wrong_sum(
    database: Database, database_url: str, level: str
) -> None:
    credit(database, 10)
    with psycopg.connect(database_url) as connection:
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        connection.execute("SELECT * FROM coinpurse.wallets")
        with database.unit_of_work() as work:
            ledger.spend(work, "ada", 10, key="other")

        with pytest.raises(psycopg.errors.SerializationFailure):
            ledger.spend(UnitOfWork(connection), "ada", 10, key="mine")
        connection.rollback()

        with pytest.raises(InsufficientCoins):
            ledger.spend(UnitOfWork(connection), "ada", 10, key="mine")


@pytest.mark.parametrize("moment", ["waiting for the wallet", "before the commit"])
def test_a_lost_connection_reaches_the_caller_and_a_repeat_spends_once(
    database: Database, sql: psycopg.Connection, eventually: Callable[..., Any], moment: str
) -> None:
    credit(database, 10)

    def spend() -> Transaction:
        with database.unit_of_work() as work:
            posted = ledger.spend(work, "ada", 10, key="s")
            if moment == "before the commit":
                work.execute("SELECT pg_sleep(30)")
            return posted

    def victim() -> Any:
        return sql.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state = 'active'"
            " AND datname = current_database() AND wait_event IN ('PgSleep', 'transactionid', 'tuple')"
        ).fetchone()

    with (
        psycopg.connect(database.conninfo) as blocker,
        ThreadPoolExecutor(1) as pool,
    ):
        if moment == "waiting for the wallet":
            blocker.execute("SELECT 1 FROM coinpurse.wallets FOR UPDATE")
        attempt = pool.submit(spend)
        (pid,) = eventually(victim)
        sql.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(psycopg.OperationalError):
            attempt.result(30)
        blocker.rollback()

    with database.unit_of_work() as work:
        assert ledger.spend(work, "ada", 10, key="s").created
    with database.unit_of_work() as work:
        assert not ledger.spend(work, "ada", 10, key="s").created
    assert wallet(database).balance == 0


def test_connections_that_are_killed_at_random_lose_and_double_nothing(
    database: Database, sql: psycopg.Connection
) -> None:
    credit(database, 10_000)
    lost = []

    def spend(number: int) -> None:
        while True:
            try:
                with database.unit_of_work() as work:
                    ledger.spend(work, "ada", 1, key=f"s{number}")
            except psycopg.OperationalError:
                lost.append(number)
            else:
                return

    with ThreadPoolExecutor(8) as pool:
        work_to_do = [pool.submit(spend, number) for number in range(400)]
        while not all(done.done() for done in work_to_do):
            sql.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state <> 'idle'"
                " AND datname = current_database() AND pid <> pg_backend_pid() LIMIT 1"
            )
            sql.execute("SELECT pg_sleep(0.02)")
        for done in work_to_do:
            done.result()

    assert lost
    assert wallet(database).balance == 10_000 - 400
