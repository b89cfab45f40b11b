"""A pool whose server goes away and comes back, in the same place or as another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import psycopg
import pytest

from coinpurse.db import Database, UnitOfWork
from coinpurse.db.engine import DEFAULTS
from tests.failover.door import Door

OUTAGE_SECONDS = 8.0
Lend = Callable[[Database], AbstractContextManager[UnitOfWork]]


def ask(database: Database) -> None:
    with database.single_statement() as work:
        work.execute("SELECT 1")


def test_a_pool_is_back_soon_however_long_the_server_was_away(door: Door) -> None:
    database = Database(door.url)
    ask(database)
    door.close()
    over = threading.Event()

    def keep_asking() -> None:
        while not over.is_set():
            with suppress(psycopg.OperationalError):
                ask(database)
            time.sleep(0.05)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    time.sleep(OUTAGE_SECONDS)
    door.open()
    opened = time.monotonic()
    ask(database)
    waited = time.monotonic() - opened
    over.set()
    asking.join()

    assert waited < 4
    database.close()


def test_a_caller_is_refused_when_its_time_is_up(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coinpurse.db.engine.WAIT_SECONDS", 2.0)
    database = Database(door.url)
    ask(database)
    door.close()
    began = time.monotonic()

    with pytest.raises(psycopg.OperationalError):
        ask(database)

    assert 1.5 < time.monotonic() - began < 10
    database.close()


@pytest.mark.parametrize("lend", [Database.unit_of_work, Database.single_statement])
def test_a_server_that_takes_no_writes_any_more_is_left(database: Database, lend: Lend) -> None:
    """It is fenced while we are connected: an error that says to try again, and another connection for that."""
    with database.connection() as connection:
        fenced = connection.info.backend_pid
        connection.execute("SET default_transaction_read_only = on")

    with pytest.raises(psycopg.OperationalError, match="no writes"), lend(database) as work:
        work.execute("CREATE TABLE kept ()")

    with lend(database) as work:
        work.execute("CREATE TABLE kept ()")
        assert work.connection.info.backend_pid != fenced


def test_a_server_that_takes_no_writes_is_not_taken_at_all(database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database = Database(database_url)

    with pytest.raises(psycopg.OperationalError, match="read-only"):
        ask(database)


def test_the_operator_s_own_limits_hold() -> None:
    database = Database(
        "postgresql://one:1,two:2/coins?connect_timeout=2&target_session_attrs=primary"
    )

    facts = psycopg.conninfo.conninfo_to_dict(database.conninfo)

    assert facts == {
        **DEFAULTS,
        "host": "one,two",
        "port": "1,2",
        "dbname": "coins",
        "connect_timeout": "2",
        "target_session_attrs": "primary",
    }
