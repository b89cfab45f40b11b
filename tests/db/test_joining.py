"""Coins inside a transaction of the host: on its connection, to its commit or rollback."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from coinpurse import Coinpurse, signals
from coinpurse.db import joining
from coinpurse.errors import InsufficientCoins
from coinpurse.ledger import Spend, Transaction
from tests.ledger.conftest import make_purse

ORDER = "INSERT INTO orders (note) VALUES ('hat')"


class GivenUp(Exception):
    """The host changes its mind."""


@pytest.fixture
def purse(database_url: str) -> Iterator[Coinpurse]:
    """A purse whose user `ada` has 100 coins, beside a table of the host's."""
    made = make_purse(database_url)
    made.credit("ada", 100, key="start")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE orders (id serial PRIMARY KEY, note text)")
    yield made
    made.database.close()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The host's SQLAlchemy engine."""
    made = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url), poolclass=NullPool
    )
    yield made
    made.dispose()


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """The keys that the signals told of, in their order."""
    keys: list[str] = []

    def receive(_: object, *, transaction: Transaction) -> None:
        keys.append(transaction.idempotency_key)

    with signals.coins_spent.connected_to(receive), signals.coins_credited.connected_to(receive):
        yield keys


def orders(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT count(*) FROM orders").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def of_session(engine: Engine, database_url: str) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with Session(engine) as session, session.begin():
        yield session, lambda: session.execute(text(ORDER))


@contextmanager
def of_session_committed_by_hand(
    engine: Engine, database_url: str
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with Session(engine) as session:
        yield session, lambda: session.execute(text(ORDER))
        session.commit()


@contextmanager
def of_scoped_session(engine: Engine, database_url: str) -> Iterator[tuple[Any, Callable[[], Any]]]:
    """As Flask-SQLAlchemy's `db.session`."""
    session = scoped_session(sessionmaker(engine))
    try:
        yield session, lambda: session.execute(text(ORDER))
        session.commit()
    finally:
        session.remove()


@contextmanager
def of_connection_in_begin(
    engine: Engine, database_url: str
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with engine.begin() as connection:
        yield connection, lambda: connection.execute(text(ORDER))


@contextmanager
def of_connection_that_begins_by_itself(
    engine: Engine, database_url: str
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with engine.connect() as connection:
        yield connection, lambda: connection.execute(text(ORDER))
        connection.commit()


@contextmanager
def of_psycopg(engine: Engine, database_url: str) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with psycopg.connect(database_url) as connection:
        yield connection, lambda: connection.execute(ORDER)


@contextmanager
def of_psycopg_transaction(
    engine: Engine, database_url: str
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with psycopg.connect(database_url, autocommit=True) as connection, connection.transaction():
        yield connection, lambda: connection.execute(ORDER)


@contextmanager
def of_psycopg_with_other_cursors(
    engine: Engine, database_url: str
) -> Iterator[tuple[Any, Callable[[], Any]]]:
    with psycopg.connect(
        database_url, cursor_factory=psycopg.RawCursor, row_factory=psycopg.rows.dict_row
    ) as connection:
        yield connection, lambda: connection.execute(ORDER)


HOSTS = [
    of_session,
    of_session_committed_by_hand,
    of_scoped_session,
    of_connection_in_begin,
    of_connection_that_begins_by_itself,
    of_psycopg,
    of_psycopg_transaction,
    of_psycopg_with_other_cursors,
]
hosts = pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.__name__)


@hosts
@pytest.mark.parametrize("coins_first", [True, False])
def test_coins_and_the_host_s_row_commit_together(
    purse: Coinpurse,
    engine: Engine,
    database_url: str,
    heard: list[str],
    eventually: Callable[..., Any],
    host: Any,
    coins_first: bool,
) -> None:
    with host(engine, database_url) as (connection, order):
        if not coins_first:
            order()
        purse.spend("ada", 30, key="s", connection=connection)
        purse.credit("bob", 30, key="c", connection=connection)
        assert purse.wallet("ada", connection=connection).balance == 70
        if coins_first:
            order()
        assert purse.wallet("ada").balance == 100
        assert orders(database_url) == 0
        time.sleep(3 * joining.POLL_SECONDS)
        assert heard == []

    assert (purse.wallet("ada").balance, purse.wallet("bob").balance) == (70, 30)
    assert orders(database_url) == 1
    eventually(lambda: len(heard) == 2)
    time.sleep(3 * joining.POLL_SECONDS)
    assert heard == ["s", "c"]


@hosts
@pytest.mark.parametrize("coins_first", [True, False])
def test_coins_and_the_host_s_row_vanish_together(
    purse: Coinpurse,
    engine: Engine,
    database_url: str,
    heard: list[str],
    eventually: Callable[..., Any],
    host: Any,
    coins_first: bool,
) -> None:
    with pytest.raises(GivenUp), host(engine, database_url) as (connection, order):  # noqa: PT012
        if not coins_first:
            order()
        purse.spend("ada", 30, key="s", connection=connection)
        if coins_first:
            order()
        raise GivenUp

    assert purse.wallet("ada").balance == 100
    assert orders(database_url) == 0
    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == []


def every_change(purse: Coinpurse, connection: Any) -> None:
    spent = purse.spend("ada", 10, key="1", connection=connection)
    purse.reverse(spent.id, key="2", connection=connection)
    held = purse.hold("ada", 10, key="3", connection=connection)
    purse.capture(held.id, key="4", coins=5, connection=connection)
    purse.void(
        purse.hold("ada", 10, key="5", connection=connection).id, key="6", connection=connection
    )
    purse.adjust("ada", -5, key="7", reason="r", actor="op", connection=connection)
    purse.spend_many([Spend("ada", 1, "8"), Spend("ada", 999, "9")], connection=connection)
    purse.credit("ada", 1, key="10", connection=connection)


@pytest.mark.parametrize("keep", [True, False])
def test_every_operation_joins(purse: Coinpurse, engine: Engine, keep: bool) -> None:
    with Session(engine) as session:
        every_change(purse, session)
        assert len(purse.transactions("ada")) == 1
        session.commit() if keep else session.rollback()

    assert len(purse.transactions("ada")) == (10 if keep else 1)
    assert purse.wallet("ada").balance == (90 if keep else 100)


def test_a_refusal_leaves_the_host_s_session_usable(
    purse: Coinpurse, engine: Engine, database_url: str
) -> None:
    with Session(engine) as session, session.begin():
        with pytest.raises(InsufficientCoins):
            purse.spend("ada", 101, key="s", connection=session)
        session.execute(text(ORDER))

    assert orders(database_url) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_a_savepoint_of_the_host_is_undone_alone(
    purse: Coinpurse,
    engine: Engine,
    heard: list[str],
    eventually: Callable[..., Any],
    keep: bool,
) -> None:
    with Session(engine) as session, session.begin():
        purse.spend("ada", 1, key="before", connection=session)
        try:
            with session.begin_nested():
                purse.spend("ada", 10, key="within", connection=session)
                if not keep:
                    raise GivenUp
        except GivenUp:
            pass
        purse.spend("ada", 1, key="after", connection=session)

    assert purse.wallet("ada").balance == (88 if keep else 98)
    expected = ["before", "within", "after"] if keep else ["before", "after"]
    eventually(lambda: len(heard) == len(expected))
    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == expected


def test_the_key_of_an_undone_savepoint_can_be_used_again(
    purse: Coinpurse, database_url: str, heard: list[str], eventually: Callable[..., Any]
) -> None:
    with psycopg.connect(database_url) as connection:
        with pytest.raises(GivenUp), connection.transaction():  # noqa: PT012
            purse.spend("ada", 10, key="s", connection=connection)
            raise GivenUp
        assert purse.spend("ada", 10, key="s", connection=connection).created

    eventually(lambda: heard == ["s"])
    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == ["s"]
    assert purse.wallet("ada").balance == 90


def test_signals_keep_their_order_however_the_commit_falls(
    purse: Coinpurse, engine: Engine, heard: list[str], eventually: Callable[..., Any]
) -> None:
    keys = []
    for number in range(20):
        keys += [f"{number}-{place}" for place in range(5)]
        with Session(engine) as session, session.begin():
            for key in keys[-5:]:
                purse.spend("ada", 1, key=key, connection=session)
            time.sleep(number * joining.POLL_SECONDS / 10)
        eventually(lambda: len(heard) >= len(keys))  # noqa: B023

    assert heard == keys


def test_a_repeat_inside_a_transaction_is_not_told_of_again(
    purse: Coinpurse, database_url: str, heard: list[str], eventually: Callable[..., Any]
) -> None:
    with psycopg.connect(database_url) as connection:
        purse.spend("ada", 10, key="s", connection=connection)
        assert not purse.spend("ada", 10, key="s", connection=connection).created
        purse.hold("ada", 10, key="h", connection=connection)

    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == ["s"]


def test_an_autocommit_connection_commits_with_each_call(
    purse: Coinpurse, database_url: str, heard: list[str]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        purse.spend("ada", 10, key="s", connection=connection)
        assert heard == ["s"]
        assert purse.wallet("ada").balance == 90


def test_autocommit_as_sqlalchemy_s_isolation_level_commits_with_each_call(
    purse: Coinpurse, engine: Engine, heard: list[str]
) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        purse.spend("ada", 10, key="s", connection=connection)
        assert heard == ["s"]
        assert purse.wallet("ada").balance == 90

    assert purse.wallet("ada").balance == 90


def test_a_lost_connection_of_the_host_leaves_nothing_and_tells_nobody(
    purse: Coinpurse, database_url: str, heard: list[str], eventually: Callable[..., Any]
) -> None:
    connection = psycopg.connect(database_url)
    purse.spend("ada", 10, key="s", connection=connection)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    connection.close()

    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == []
    assert purse.wallet("ada").balance == 100


@pytest.fixture
def doorkeeper(database_url: str) -> Iterator[psycopg.Connection]:
    """Keeps the question after a transaction's end open until its lock is let go; `asked` has each statement."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA slow")
        connection.execute("CREATE TABLE slow.asked (at timestamptz, xid xid8)")
        connection.execute(
            """
            CREATE FUNCTION slow.pg_xact_status(xid xid8) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO slow.asked VALUES (statement_timestamp(), xid);
                PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);
                RETURN pg_catalog.pg_xact_status(xid);
            END $$
            """
        )
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET search_path = slow, pg_catalog"
        )
        connection.execute("SELECT pg_advisory_lock(1)")
        yield connection


def is_asking(doorkeeper: psycopg.Connection) -> bool:
    row = doorkeeper.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    ).fetchone()
    return row == (1,)


def test_a_commit_while_the_watcher_asks_is_not_missed(
    doorkeeper: psycopg.Connection,
    database_url: str,
    heard: list[str],
    eventually: Callable[..., Any],
) -> None:
    purse = make_purse(database_url)
    purse.credit("ada", 100, key="start")
    heard.clear()
    with psycopg.connect(database_url) as connection:
        purse.spend("ada", 1, key="s", connection=connection)
        # A later transaction ends first, so that the open one is among those that can be asked after.
        purse.credit("bob", 1, key="c")
        eventually(lambda: is_asking(doorkeeper))

    doorkeeper.execute("SELECT pg_advisory_unlock(1)")

    eventually(lambda: purse._commit_watcher._thread is None)
    assert heard == ["c", "s"]
    purse.database.close()


def test_transactions_are_asked_after_together(
    doorkeeper: psycopg.Connection,
    database_url: str,
    heard: list[str],
    eventually: Callable[..., Any],
) -> None:
    purse = make_purse(database_url)
    purse.credit("ada", 100, key="start")
    with psycopg.connect(database_url) as connection:
        for number in range(50):
            purse.spend("ada", 1, key=f"{number}", connection=connection)
            connection.commit()

    doorkeeper.execute("SELECT pg_advisory_unlock(1)")

    eventually(lambda: len(heard) == 51)
    row = doorkeeper.execute("SELECT count(DISTINCT at), count(DISTINCT xid) FROM slow.asked")
    # The watcher was at its first question meanwhile.
    assert row.fetchone() == (2, 50)
    purse.database.close()


@pytest.mark.parametrize(
    "wrong", [object(), "postgresql://", 5, sqlite3], ids=["object", "text", "number", "module"]
)
def test_something_that_is_no_connection_is_refused_in_words(purse: Coinpurse, wrong: Any) -> None:
    with pytest.raises(TypeError, match="takes a connection or session over psycopg 3"):
        purse.spend("ada", 1, key="s", connection=wrong)


def test_a_driver_that_is_not_psycopg_3_is_refused_in_words(purse: Coinpurse) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(TypeError, match=r"not sqlite3\.Connection"):
        purse.spend("ada", 1, key="s", connection=connection)
    with Session(engine) as session, pytest.raises(TypeError, match="psycopg 3"):
        purse.spend("ada", 1, key="s", connection=session)
    engine.dispose()
    assert purse.wallet("ada").balance == 100


def test_a_second_generation_psycopg_connection_is_refused_in_words(purse: Coinpurse) -> None:
    # The older driver's connections have the same methods; they are known by their type alone.
    older = type("connection", (), {"__module__": "psycopg2.extensions", "cursor": None})()

    with pytest.raises(TypeError, match=r"not psycopg2\.extensions\.connection"):
        purse.spend("ada", 1, key="s", connection=older)


def test_two_threads_join_their_own_transactions(
    purse: Coinpurse, engine: Engine, heard: list[str], eventually: Callable[..., Any]
) -> None:
    for user in ("bob", "cyd"):
        purse.credit(user, 100, key="start")
    heard.clear()
    session = scoped_session(sessionmaker(engine))
    meeting = threading.Barrier(2)

    def work(user: str) -> None:
        for number in range(10):
            purse.spend(user, 1, key=f"{user}{number}", connection=session)
            meeting.wait(30)
            session.commit() if number % 2 == 0 else session.rollback()
        session.remove()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ["bob", "cyd"]))

    assert (purse.wallet("bob").balance, purse.wallet("cyd").balance) == (95, 95)
    eventually(lambda: len(heard) == 10)
    eventually(lambda: purse._commit_watcher._thread is None)
    assert sorted(heard) == [
        f"{user}{number}" for user in ("bob", "cyd") for number in range(0, 10, 2)
    ]


def test_a_receiver_that_fails_disturbs_nobody(
    purse: Coinpurse, database_url: str, heard: list[str], eventually: Callable[..., Any]
) -> None:
    def fail(_: object, **__: object) -> None:
        raise GivenUp

    with signals.coins_spent.connected_to(fail):
        for number in range(3):
            with psycopg.connect(database_url) as connection:
                purse.spend("ada", 1, key=f"s{number}", connection=connection)
            eventually(lambda number=number: f"s{number}" in heard)
        purse.spend("ada", 1, key="own")

    assert heard == ["s0", "s1", "s2", "own"]


def test_a_transaction_that_never_ends_is_given_up_in_the_end(
    purse: Coinpurse,
    database_url: str,
    heard: list[str],
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joining, "LONGEST_TRANSACTION_SECONDS", 0.05)
    with psycopg.connect(database_url) as connection:
        purse.spend("ada", 1, key="s", connection=connection)
        eventually(lambda: purse._commit_watcher._thread is None)

    assert heard == []
    assert purse.wallet("ada").balance == 99


def test_signals_of_our_own_work_fire_after_the_commit_and_never_after_a_refusal(
    purse: Coinpurse, heard: list[str]
) -> None:
    balances = []

    def look(_: object, *, transaction: Transaction) -> None:
        balances.append(purse.wallet("ada").balance)

    with signals.coins_spent.connected_to(look):
        purse.spend("ada", 10, key="s")
        with pytest.raises(InsufficientCoins):
            purse.spend("ada", 100, key="t")
        purse.spend("ada", 10, key="s")

    assert balances == [90]
    assert heard == ["s"]
