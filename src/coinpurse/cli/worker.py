"""`coinpurse worker`: runs jobs, and begins anew when its database was away."""

from __future__ import annotations

import asyncio
import signal
from contextlib import nullcontext, suppress

import click
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException

from coinpurse import jobs
from coinpurse.cli import output
from coinpurse.cli.scraped import scrapable
from coinpurse.db.pooler import require_own_session
from coinpurse.extension import Coinpurse

STOPPING = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 2.0
# How a lost or an unreachable database shows itself.
LOST = (ConnectorException, psycopg.OperationalError)

log = structlog.get_logger()


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Jobs at a time.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    help="Answer /metrics there: for a worker on a machine without the server.",
)
@click.option("--metrics-host", default="127.0.0.1", show_default=True)
def worker(concurrency: int, metrics_port: int | None, metrics_host: str) -> None:
    """Run background jobs until Ctrl-C or SIGTERM; jobs under way are finished first."""
    purse = output.purse_of_environment(counting=True)
    require_own_session(purse.database.conninfo)
    with scrapable(purse, metrics_host, metrics_port) if metrics_port else nullcontext():
        asyncio.run(_run_until_asked(purse, concurrency))


async def _run_until_asked(purse: Coinpurse, concurrency: int) -> None:
    """Run one worker after the other until a signal asks to stop.

    Procrastinate's worker ends when its database goes away, sometimes with an error and sometimes as if it had
    been asked to; only our own ear for the signals can tell these apart.
    """
    asked = _listen_for_signals()
    asking = asyncio.create_task(asked.wait())
    while not asked.is_set():
        running = asyncio.create_task(jobs.run_worker(purse, concurrency=concurrency))
        await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
        if asked.is_set():
            # It takes this as the order to finish its jobs and end.
            running.cancel()
            await asyncio.wait({running})
        error = None if running.cancelled() else running.exception()
        if error is not None and not isinstance(error, LOST):
            raise error
        if not asked.is_set():
            log.warning("worker.interrupted", error=error and type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), AGAIN_SECONDS)


def _listen_for_signals() -> asyncio.Event:
    """Return what is set by the first signal to stop; a second one ends the process at once."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hear() -> None:
        asked.set()
        for number in STOPPING:
            loop.remove_signal_handler(number)

    for number in STOPPING:
        loop.add_signal_handler(number, hear)
    return asked
