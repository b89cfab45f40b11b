"""Background work."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse, jobs
from coinpurse.db import Database
from coinpurse.settings import Settings


def run_alone(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: a browser test before may have left its loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def test_tasks_of_one_application_stay_its_own(database_url: str) -> None:
    """A second application in the process must not take the first one's tasks along."""
    worker = jobs.application(database_url)
    jobs.application(database_url)

    async def defer_each() -> None:
        async with worker.open_async():
            await worker.tasks["sweep_events"].defer_async(timestamp=1)
            for registered in worker.periodic_registry.periodic_tasks.values():
                assert registered.task.blueprint is worker

    run_alone(defer_each())

    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT task_name FROM coinpurse.procrastinate_jobs").fetchall()
    assert found == [("sweep_events",)]


def test_every_task_runs_in_the_worker(purse: Coinpurse) -> None:
    """The worker runs each task once, with the purse, and reports no failure."""
    worker = jobs.application(purse.database.conninfo)

    async def run() -> None:
        async with worker.open_async():
            for name, (_, cron) in jobs.TASKS.items():
                if cron:
                    await worker.tasks[name].defer_async(timestamp=1)
            # Touches `purse.inbox`, which makes an application of its own for deferring.
            await worker.run_worker_async(
                wait=False, install_signal_handlers=False, additional_context={"purse": purse}
            )

    run_alone(run())

    with purse.database.unit_of_work() as work:
        states = {
            row.status for row in work.rows("SELECT status::text FROM coinpurse.procrastinate_jobs")
        }
    assert states == {"succeeded"}


def test_a_job_is_deferred_with_the_work_or_not_at_all(database: Database) -> None:
    deferring = jobs.application(database.conninfo)
    at = datetime.now(UTC) + timedelta(minutes=5)

    def defer_and_fail() -> None:
        with database.unit_of_work() as work:
            jobs.schedule_event(deferring, work, "evt_lost", at)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        defer_and_fail()
    with database.unit_of_work() as work:
        jobs.schedule_event(deferring, work, "evt_kept", at)

    with database.unit_of_work() as work:
        rows = work.rows(
            "SELECT args->>'event_id' AS event, scheduled_at FROM coinpurse.procrastinate_jobs"
        )
    assert [(row.event, row.scheduled_at) for row in rows] == [("evt_kept", at)]


def test_the_search_path_of_the_caller_is_left_alone(
    settings: Settings, database: Database
) -> None:
    deferring = jobs.application(database.conninfo)

    with database.unit_of_work() as work:
        before = work.row("SHOW search_path")
        jobs.schedule_event(deferring, work, "evt_1", datetime.now(UTC))
        after = work.row("SHOW search_path")

    assert before == after
