"""One transaction, and the promises that it keeps once it has committed."""

# ruff: noqa: PT012  What is undone is several statements long.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coinpurse.db import Database


def count(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM coinpurse.wallets").fetchone()
    assert row is not None
    return int(row[0])


INSERT = "INSERT INTO coinpurse.wallets (user_id) VALUES (%(user_id)s)"


def test_promises_are_kept_in_their_order_once_the_work_is_visible_to_others(
    database: Database, database_url: str
) -> None:
    seen: list[tuple[str, int]] = []

    with database.unit_of_work() as work:
        work.after_commit(lambda: seen.append(("first", count(database_url))))
        work.execute(INSERT, user_id="ada")
        work.after_commit(lambda: seen.append(("second", count(database_url))))
        assert seen == []
        assert count(database_url) == 0

    assert seen == [("first", 1), ("second", 1)]


def test_a_rollback_forgets_the_promises_and_the_work(
    database: Database, database_url: str
) -> None:
    seen: list[str] = []

    with pytest.raises(ZeroDivisionError), database.unit_of_work() as work:
        work.execute(INSERT, user_id="ada")
        work.after_commit(lambda: seen.append("kept"))
        1 / 0  # noqa: B018

    assert seen == []
    assert count(database_url) == 0


def test_a_commit_that_fails_forgets_the_promises(database: Database, database_url: str) -> None:
    seen: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE late (user_id text REFERENCES coinpurse.wallets DEFERRABLE INITIALLY DEFERRED)"
        )

    with pytest.raises(Exception, match="violates foreign key"), database.unit_of_work() as work:
        work.execute("INSERT INTO late VALUES ('nobody')")
        work.after_commit(lambda: seen.append("kept"))

    assert seen == []


def test_a_rolled_back_savepoint_forgets_its_own_promises_alone(
    database: Database, database_url: str
) -> None:
    seen: list[str] = []

    with database.unit_of_work() as work:
        work.execute(INSERT, user_id="before")
        work.after_commit(lambda: seen.append("before"))
        with pytest.raises(ZeroDivisionError), work.savepoint():
            work.execute(INSERT, user_id="within")
            work.after_commit(lambda: seen.append("within"))
            with work.savepoint():
                work.after_commit(lambda: seen.append("deeper"))
            1 / 0  # noqa: B018
        with work.savepoint():
            work.execute(INSERT, user_id="released")
            work.after_commit(lambda: seen.append("released"))
        work.after_commit(lambda: seen.append("after"))

    assert seen == ["before", "released", "after"]
    assert count(database_url) == 2


def test_an_interrupted_savepoint_forgets_its_promises_too(database: Database) -> None:
    seen: list[str] = []

    with database.unit_of_work() as work, pytest.raises(KeyboardInterrupt), work.savepoint():
        work.after_commit(lambda: seen.append("within"))
        raise KeyboardInterrupt

    assert seen == []


def test_a_statement_that_fails_in_a_savepoint_leaves_the_work_usable(
    database: Database, database_url: str
) -> None:
    with database.unit_of_work() as work:
        work.execute(INSERT, user_id="ada")
        with pytest.raises(Exception, match="duplicate key"), work.savepoint():
            work.execute(INSERT, user_id="ada")
        work.execute(INSERT, user_id="bob")

    assert count(database_url) == 2


@dataclass(frozen=True)
class Savepoint:
    """Makes a promise, goes through those inside it, and then may fail."""

    fails: bool
    inside: Sequence[Savepoint] = ()


trees = st.recursive(
    st.builds(Savepoint, st.booleans()),
    lambda inner: st.builds(Savepoint, st.booleans(), st.lists(inner, max_size=3)),
    max_leaves=8,
)


class GivenUp(Exception):
    """A savepoint that is to be undone."""


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trees)
def test_exactly_the_promises_of_what_was_kept_are_kept(
    database: Database, tree: Savepoint
) -> None:
    seen: list[int] = []
    expected: list[int] = []
    numbers = iter(range(1000))

    def grow(node: Savepoint) -> None:
        number = next(numbers)
        mark = len(expected)
        try:
            with work.savepoint():
                work.after_commit(lambda: seen.append(number))
                expected.append(number)
                for child in node.inside:
                    grow(child)
                if node.fails:
                    raise GivenUp
        except GivenUp:
            del expected[mark:]

    with database.unit_of_work() as work:
        grow(tree)
        assert seen == []

    assert seen == expected


def test_promises_are_kept_once(database: Database) -> None:
    seen: list[str] = []
    with database.unit_of_work() as work:
        work.after_commit(lambda: seen.append("once"))

    work.committed()

    assert seen == ["once"]


def test_a_promise_may_open_work_of_its_own(database: Database, database_url: str) -> None:
    def follow() -> None:
        with database.unit_of_work() as following:
            following.execute(INSERT, user_id="bob")

    with database.unit_of_work() as work:
        work.execute(INSERT, user_id="ada")
        work.after_commit(follow)

    assert count(database_url) == 2


def test_rows_are_read_whole_or_one_by_one(database: Database) -> None:
    with database.unit_of_work() as work:
        assert [row.n for row in work.rows("SELECT generate_series(1, 3) AS n")] == [1, 2, 3]
        first = work.row("SELECT generate_series(1, 3) AS n")
        assert first is not None
        assert first.n == 1
        assert work.row("SELECT 1 WHERE false") is None
        (row,) = work.rows("SELECT '100 %' AS share, ':' AS colon")
        assert (row.share, row.colon) == ("100 %", ":")


def test_the_connection_beneath_is_in_the_same_transaction(
    database: Database, database_url: str
) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as work:
        work.connection.execute("INSERT INTO coinpurse.wallets (user_id) VALUES ('ada')")
        assert len(work.rows("SELECT user_id FROM coinpurse.wallets")) == 1
        1 / 0  # noqa: B018

    assert count(database_url) == 0


def test_work_that_failed_leaves_nothing_to_the_next_on_its_connection(database: Database) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), database.single_statement() as work:
        first = work.connection
        work.rows("SELECT * FROM nowhere")

    with database.single_statement() as work:
        assert work.connection is first
        assert [row.n for row in work.rows("SELECT 1 AS n")] == [1]
        assert [row.m for row in work.rows("SELECT 2 AS m")] == [2]


def test_work_inside_work_has_a_cursor_of_its_own(database: Database) -> None:
    with database.unit_of_work() as outer:
        listed = outer.rows("SELECT generate_series(1, 3) AS n")
        for row in listed:
            with database.unit_of_work() as inner:
                found = inner.row("SELECT %(n)s::int AS n", n=row.n)
            assert found is not None
            assert found.n == row.n
