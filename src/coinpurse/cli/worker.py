"""`coinpurse worker`."""

from __future__ import annotations

import click

from coinpurse import jobs
from coinpurse.cli import output


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Jobs at a time.",
)
def worker(concurrency: int) -> None:
    """Run background jobs until Ctrl-C or SIGTERM; jobs under way are finished first."""
    purse = output.purse_of_environment()
    jobs.run_worker(purse, concurrency=concurrency)
