"""The worker, whose database goes away under it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from coinpurse import jobs
from coinpurse.db import Database
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


def test_it_comes_back_with_its_database(
    behind_a_door: Store, door: Door, database_url: str, eventually: Callable[..., Any]
) -> None:
    behind_a_door.start_worker()
    eventually(lambda: workers(database_url))
    door.close()
    # Longer than its pause between two looks for jobs.
    time.sleep(6)
    door.open()
    database = Database(database_url)
    with database.unit_of_work() as work:
        app = jobs.application(database.conninfo)
        jobs.schedule_event(app, work, "evt_unknown", datetime.now(UTC))
    database.close()

    eventually(lambda: has_run(behind_a_door, database_url))


def has_run(store: Store, url: str) -> bool:
    assert store.worker is not None
    assert store.worker.poll() is None, "the worker has ended"
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT 1 FROM coinpurse.procrastinate_jobs"
            " WHERE task_name = 'process_event' AND status IN ('todo', 'doing')"
        ).fetchone()
    return found is None


def test_it_ends_when_asked_though_its_database_is_away(
    behind_a_door: Store, door: Door, database_url: str, eventually: Callable[..., Any]
) -> None:
    behind_a_door.start_worker()
    eventually(lambda: workers(database_url))
    door.close()
    time.sleep(3)
    worker = behind_a_door.worker
    assert worker is not None

    worker.terminate()

    # Procrastinate waits for a connection for half a minute, twice at most: to look for jobs and to sign off.
    assert worker.wait(90) == 0
