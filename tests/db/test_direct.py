"""Calls of SQL functions past psycopg's cursor: what they give and raise, and that nobody else stands still."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import ConfigurationError
from coinpurse.ledger import NewGrant, credit, spend

WAITING = "SELECT pg_sleep(%(seconds)s)"
PREPARED = (
    "SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%%coinpurse.spend%%'"
)


def give_and_spend(work: UnitOfWork, key: str = "spent") -> Any:
    credit(work, "ada", [NewGrant("bonus", 5)], key="given", source="gift")
    return spend(work, "ada", 2, key=key, description="Zwölf ‘Züge’ \\ %", metadata={"a": ["é"]})


def prepared(work: UnitOfWork) -> int:
    row = work.row(PREPARED)
    assert row is not None
    return int(row.n)


def test_a_call_gives_what_the_cursor_gives(database: Database) -> None:
    with database.single_statement() as work:
        direct = give_and_spend(work)
        repeated = give_and_spend(work)
    with database.unit_of_work() as work:
        by_cursor = give_and_spend(work)

    assert direct.created
    assert repeated == by_cursor
    assert repeated.metadata == {"a": ["é"]}
    assert type(repeated.created_at.tzinfo) is type(by_cursor.created_at.tzinfo)


def test_a_statement_that_the_server_forgot_is_prepared_anew(database: Database) -> None:
    with database.single_statement() as work:
        give_and_spend(work)
        assert prepared(work) == 1
        work.execute("DEALLOCATE ALL")
        assert prepared(work) == 0
        assert give_and_spend(work, key="next").balance_after == 1
        assert prepared(work) == 1


def test_a_function_that_a_migration_changed_is_called_as_it_is_now(database: Database) -> None:
    made = "CREATE FUNCTION public.told() RETURNS TABLE ({}) LANGUAGE sql AS 'SELECT {}'"
    call = "SELECT * FROM public.told()"
    with database.connection() as other:
        other.execute(made.format("one int", "1"))
    with database.single_statement() as work:
        assert work.call(call, {}) == (1,)

    with psycopg.connect(database.conninfo) as other:
        other.execute("DROP FUNCTION public.told()")
        other.execute(made.format("one int, two int", "1, 2"))

    with database.single_statement() as work:
        assert work.call(call, {}) == (1, 2)


FORGET = "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"


def test_statements_that_get_lost_name_the_setting_for_a_pooler(
    database: Database, database_url: str
) -> None:
    """As behind a pooler that is not noticed; told of it, nothing is lost."""
    told = Database(database_url, pooler=True)

    def many(of: Database) -> None:
        for _ in range(8):
            with of.unit_of_work() as work:
                work.row("SELECT 1 AS one")
            with of.unit_of_work() as work:
                work.execute(FORGET)

    with pytest.raises(ConfigurationError, match="COINPURSE_DATABASE_POOLER=1"):
        many(database)
    many(told)
    told.close()


def test_nothing_is_prepared_on_a_connection_that_may_not(database: Database) -> None:
    """A pooler between us and the server may hand each statement to another process of it."""
    with database.single_statement() as work:
        work.connection.prepare_threshold = None
        assert give_and_spend(work).balance_after == 3
        assert prepared(work) == 0


@pytest.mark.parametrize("encoding", ["utf8", "latin1"])
def test_texts_arrive_whatever_the_operator_s_encoding(database_url: str, encoding: str) -> None:
    database = Database(f"{database_url}&client_encoding={encoding}")

    with database.single_statement() as work:
        credit(work, "zoë", [NewGrant("bonus", 5)], key="given", source="gift")
        assert spend(work, "zoë", 2, key="spent").user_id == "zoë"

    database.close()


def test_errors_are_those_of_the_cursor(database: Database) -> None:
    call = "SELECT coinpurse.available(%(wallet)s)"
    errors = []
    for lend in (database.single_statement, database.unit_of_work):
        with pytest.raises(psycopg.DataError) as failed, lend() as work:
            work.call(call, {"wallet": "none"})
        errors.append((type(failed.value), failed.value.sqlstate, str(failed.value.diag)))
        with pytest.raises(psycopg.DataError), lend() as work:
            work.call("SELECT length(%(text)s)", {"text": "cut\0here"})

    assert errors[0][:2] == errors[1][:2]


def test_a_connection_that_ends_under_a_call_is_an_operational_error_and_replaced(
    database: Database, database_url: str
) -> None:
    with database.single_statement() as work:
        pid = work.connection.info.backend_pid

    def end() -> None:
        with psycopg.connect(database_url, autocommit=True) as other:
            while True:
                asked = other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND state = 'active'",
                    [pid],
                )
                if asked.fetchone():
                    return

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(psycopg.OperationalError), database.single_statement() as work:
        work.call(WAITING, {"seconds": 60})
    ending.join()

    with database.single_statement() as work:
        assert work.connection.info.backend_pid != pid


def test_other_threads_go_on_while_a_call_waits(database: Database) -> None:
    answered = threading.Event()

    def wait() -> None:
        with database.single_statement() as work:
            work.call("SELECT pg_advisory_lock(%(key)s)", {"key": 7})
            work.call("SELECT pg_advisory_unlock(%(key)s)", {"key": 7})
        answered.set()

    with database.connection() as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not holder.execute("SELECT FROM pg_locks WHERE NOT granted AND objid = 7").rowcount:
            time.sleep(0.01)
        assert not answered.is_set()
        holder.execute("SELECT pg_advisory_unlock(7)")
    waiting.join(10)

    assert answered.is_set()


@contextmanager
def lent(database: Database, count: int) -> Iterator[list[int]]:
    """Borrow connections at once; gives their processes' numbers."""
    borrowed = [database.connection() for _ in range(count)]
    yield [one.__enter__().info.backend_pid for one in borrowed]
    for one in borrowed:
        one.__exit__(None, None, None)


def test_the_connection_that_came_back_last_is_lent_first(database: Database) -> None:
    with lent(database, 3) as pids:
        pass

    for _ in range(3):
        with lent(database, 1) as again:
            assert again == [pids[2]]


def test_who_waits_is_given_what_comes_back(database_url: str) -> None:
    database = Database(database_url, threads=1)
    served = threading.Event()

    def wait() -> None:
        with database.connection():
            served.set()

    with lent(database, 2):
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not database._front._waiting:
            time.sleep(0.01)
    waiting.join(10)

    assert served.is_set()
    database.close()


def test_a_connection_that_rests_goes_back_to_the_pool_which_closes_idle_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Any]
) -> None:
    monkeypatch.setattr("coinpurse.db.pool.KEPT_SECONDS", 0.2)
    with lent(database, 3) as pids:
        assert database._pool.get_stats()["pool_available"] == 0

    eventually(lambda: database._pool.get_stats()["pool_available"] == 3)
    with lent(database, 3) as again:
        assert sorted(again) == sorted(pids)


def test_closing_ends_every_connection(
    database: Database, database_url: str, eventually: Callable[..., Any]
) -> None:
    with lent(database, 2):
        pass
    database.close()

    with psycopg.connect(database_url, autocommit=True) as other:
        ours = "SELECT FROM pg_stat_activity WHERE application_name = 'coinpurse' AND datname = current_database()"
        eventually(lambda: other.execute(ours).rowcount == 0)
