"""`coinpurse db`."""

from __future__ import annotations

import click

from coinpurse.cli import output
from coinpurse.db import Database
from coinpurse.db import upgrade as upgrade_database
from coinpurse.settings import Settings


@click.group(cls=output.Group)
def db() -> None:
    """The database's tables."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this version. Safe to repeat."""
    database = Database.from_settings(Settings().direct())
    changed = upgrade_database(database)
    database.close()
    click.echo(
        "The database is now of this version."
        if changed
        else "The database is of this version already."
    )
