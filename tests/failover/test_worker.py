"""The worker, whose database goes away under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from tests.conftest import Store
from tests.failover.door import Door


@pytest.fixture
def behind_a_door(store: Store, door: Door) -> Store:
    """The store, whose database is reached through the door."""
    store.settings = store.settings.model_copy(update={"database_url": SecretStr(door.url)})
    return store


def workers(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id FROM coinpurse.procrastinate_workers").fetchall()
    return {row[0] for row in rows}


def has_noticed(store: Store) -> bool:
    assert store.worker is not None
    assert store.worker.poll() is None, "the worker has ended"
    return "worker.interrupted" in (store.directory / "worker.log").read_text(encoding="utf-8")


def test_it_comes_back_with_its_database(
    behind_a_door: Store, door: Door, database_url: str, eventually: Callable[..., Any]
) -> None:
    behind_a_door.start_worker()
    before = eventually(lambda: workers(database_url))

    door.close()
    eventually(lambda: has_noticed(behind_a_door), seconds=40)
    door.open()

    eventually(lambda: workers(database_url) - before, seconds=30)


def test_it_ends_when_asked_though_its_database_is_away(
    behind_a_door: Store, door: Door, database_url: str, eventually: Callable[..., Any]
) -> None:
    behind_a_door.start_worker()
    eventually(lambda: workers(database_url))
    door.close()
    eventually(lambda: has_noticed(behind_a_door), seconds=40)
    worker = behind_a_door.worker
    assert worker is not None

    worker.terminate()

    assert worker.wait(20) == 0
