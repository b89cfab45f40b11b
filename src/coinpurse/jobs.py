"""Background work: Procrastinate's application, our tasks and their schedule.

Jobs are deferred in the transaction that needs them, and run by `coinpurse worker`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING

import procrastinate
import psycopg
import structlog

from coinpurse import ledger, logs, notifications
from coinpurse.counting import counts
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.migrate import SCHEMA
from coinpurse.errors import GatewayError, ReconciliationRunning
from coinpurse.notifications import courier

if TYPE_CHECKING:
    from coinpurse.extension import Coinpurse

log = structlog.get_logger()

EVERY_MINUTE = "* * * * *"
EVERY_HOUR = "17 * * * *"
EVERY_NIGHT = "41 3 * * *"
EVERY_MORNING = "11 8 * * *"
# What the hourly look goes back; the nightly one goes back a good month.
RECENT = timedelta(days=2)


def application(conninfo: str) -> procrastinate.App:
    """Make the Procrastinate application for a database; it opens no connection before it is asked to.

    The tasks are made anew for each: a task belongs to one application, whose connections it uses.
    """
    connector = procrastinate.PsycopgConnector(
        conninfo=conninfo,
        configure=_use_schema,
        min_size=1,
        max_size=4,
        timeout=5,
        reconnect_timeout=5,
    )
    app = procrastinate.App(connector=connector)
    for name, (run, cron) in TASKS.items():
        # A sweep that is still waiting need not wait twice.
        lock = name if cron else None
        task = app.task(name=name, pass_context=True, queueing_lock=lock)(
            _logged(name, _counted(name, run))
        )
        if cron:
            app.periodic(cron=cron)(task)
    return app


def _counted(name: str, run: Callable[..., None]) -> Callable[..., None]:
    """Count how often the task ran, how it ended and how long it took."""

    @wraps(run)
    def counting(*arguments: object, **facts: object) -> None:
        began, outcome = time.perf_counter(), "failed"
        try:
            run(*arguments, **facts)
            outcome = "succeeded"
        finally:
            counts().jobs[name, outcome].inc()
            counts().job_seconds[name].observe(time.perf_counter() - began)

    return counting


async def _use_schema(connection: psycopg.AsyncConnection[object]) -> None:
    await connection.execute(f"SET search_path TO {SCHEMA}")
    await connection.commit()


def schedule_event(app: procrastinate.App, work: UnitOfWork, event_id: str, at: datetime) -> None:
    """Have the worker try the event again at the time, if this work commits."""
    # Procrastinate's statements name no schema.
    work.execute(f"SET LOCAL search_path TO {SCHEMA}")
    app.configure_task(
        "process_event",
        schedule_at=at,
        connection=work.connection,
    ).defer(event_id=event_id, **_request())
    work.execute("SET LOCAL search_path TO DEFAULT")


def _request() -> dict[str, str]:
    """Return what a job takes along of the request that leaves it behind."""
    request_id = logs.current_request_id()
    return {} if request_id is None else {"request_id": request_id}


def _logged(name: str, run: Callable[..., None]) -> Callable[..., None]:
    """Have every line of a job name it, and the request that it comes from."""

    @wraps(run)
    def task(
        context: procrastinate.JobContext, *, request_id: str | None = None, **arguments: object
    ) -> None:
        about = {"job": name, "job_id": context.job.id}
        if request_id is not None:
            about["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(**about):
            run(context, **arguments)

    return task


def process_event(context: procrastinate.JobContext, event_id: str) -> None:
    """Try a stored event again. Its failure is noted on its row, which also schedules the next attempt."""
    _purse(context).inbox.process(event_id)


def sweep_events(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Pick up events whose attempt is owed and whose job was lost with its worker."""
    _purse(context).inbox.process_due()


def sweep_due(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Time out holds and expire grants, so that a wallet nobody touches is right too."""
    settle_due(_purse(context).database)


def send_refunds(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Go on with refunds that Stripe has not answered, and with those that a policy asked for."""
    _purse(context).services.refunds.send_open()


def announce_expiring(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Tell owners of coins that they will lose soon."""
    purse = _purse(context)
    settings = purse.settings
    notifications.announce_expiring(
        purse.database, notice_days=settings.expiry_notice_days, time_zone=settings.time_zone
    )


def clear_messages(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Delete what old messages told, and to whom."""
    purse = _purse(context)
    notifications.clear_old(purse.database, kept_days=purse.settings.messages_kept_days)


def count_totals(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Count what has happened since the last time, so that the overview is at once there."""
    _purse(context).back_office.count_figures()


def reconcile_recent(context: procrastinate.JobContext, timestamp: int) -> None:
    """Find what webhooks have missed lately, and every open payment."""
    _reconcile(context, since=datetime.fromtimestamp(timestamp, UTC) - RECENT)


def reconcile_all(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Compare all that a refund or a late event may still change."""
    _reconcile(context, since=None)


def _reconcile(context: procrastinate.JobContext, since: datetime | None) -> None:
    try:
        _purse(context).reconcile(since)
    except (ReconciliationRunning, GatewayError) as error:
        # The next one goes on where this one stopped.
        log.warning("reconciliation.not_finished", error=str(error))


def take_figures(context: procrastinate.JobContext, timestamp: int) -> None:  # noqa: ARG001
    """Count what monitoring shows and what takes long to count."""
    _purse(context).monitoring.take_figures()


def settle_due(database: Database, *, batch: int = 500) -> int:
    """Settle every wallet that is due, a batch to a transaction; returns how many it were.

    Raises LedgerInvariantBroken where the books of one are broken, after the others are settled.
    """
    settled = 0
    while True:
        with database.unit_of_work() as work:
            found = ledger.sweep_due(work, most=batch)
        settled += found
        if not found:
            return settled


# Every task by its name, with its schedule where it has one.
TASKS: dict[str, tuple[Callable[..., None], str | None]] = {
    "process_event": (process_event, None),
    "sweep_events": (sweep_events, EVERY_MINUTE),
    "sweep_due": (sweep_due, EVERY_MINUTE),
    "send_refunds": (send_refunds, EVERY_MINUTE),
    "announce_expiring": (announce_expiring, EVERY_MORNING),
    "clear_messages": (clear_messages, EVERY_NIGHT),
    "count_totals": (count_totals, EVERY_MINUTE),
    "reconcile_recent": (reconcile_recent, EVERY_HOUR),
    "reconcile_all": (reconcile_all, EVERY_NIGHT),
    "take_figures": (take_figures, EVERY_MINUTE),
}


async def run_worker(purse: Coinpurse, *, concurrency: int) -> None:
    """Run jobs until the task is cancelled, and end once those under way are finished.

    Ends also when the database goes away, sometimes without an error: whoever calls it begins anew.
    """
    app = application(purse.database.conninfo)
    for name in TASKS:
        counts().jobs[name, "failed"], counts().jobs[name, "succeeded"]
    async with app.open_async(), courier.at_work(purse.notifications):
        await app.run_worker_async(
            concurrency=concurrency,
            additional_context={"purse": purse},
            install_signal_handlers=False,
            shutdown_graceful_timeout=20,
            delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
        )


def _purse(context: procrastinate.JobContext) -> Coinpurse:
    purse: Coinpurse = context.additional_context["purse"]
    return purse
