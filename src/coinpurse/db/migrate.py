"""Migrations: Alembic revisions for tables, and the kernel's functions laid anew after them.

Functions have no data, so the current `ledger/kernel.sql` is applied whole at every upgrade; its digest
is kept as the comment of the schema, where a start-up can compare it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from coinpurse.db.engine import Database, require_usable
from coinpurse.errors import ConfigurationError

# Alembic is imported where it is used: it takes as long as Flask, and hardly any start migrates.
if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA = "coinpurse"
# Any number that no other application is likely to lock.
UPGRADE_LOCK = 0x636F696E
# How long an upgrade waits for a table that somebody uses: meanwhile everybody else would queue behind it.
LOCK_SECONDS = 15


def upgrade(database: Database) -> bool:
    """Bring the schema to this version in one transaction. Returns False where nothing was to be done.

    Safe to repeat and to run by several processes at once: the others wait. Raises ConfigurationError for
    a database of a newer version, and where a table stays in use by a long transaction.
    """
    try:
        return _upgrade(database)
    except OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        raise ConfigurationError(
            f"A table was in use for {LOCK_SECONDS} seconds, and nothing was changed. Find the long transaction in"
            " pg_stat_activity, or wait for a quiet moment, and run `coinpurse db upgrade` again."
        ) from error


def _upgrade(database: Database) -> bool:
    from alembic import command

    with _connected(database) as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        problem = _problem(connection)
        if problem is None:
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        kernel = _kernel()
        # Given to the driver as it is: its `%` and `:` are PostgreSQL's.
        connection.connection.driver_connection.execute(kernel)  # type: ignore[union-attr]
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS 'kernel {_digest(kernel)}'")
        return True


def require_migrated(database: Database) -> None:
    """Raise ConfigurationError, with the mend, unless the schema is this version's."""
    with _connected(database) as connection:
        problem = _problem(connection)
    if problem is not None:
        raise ConfigurationError(problem)


@contextmanager
def _connected(database: Database) -> Iterator[Connection]:
    """A connection as Alembic wants it, beside the pool. Raises psycopg's errors, as the pool does."""
    require_usable(database.conninfo)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(database.conninfo, prepare_threshold=None),
        poolclass=NullPool,
    )
    try:
        opened = engine.connect()
    except OperationalError as error:
        # The server has gone since.
        raise psycopg.OperationalError(str(error.orig)) from error
    with opened as connection:
        yield connection


def _problem(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    found = context.get_current_revision()
    if found is not None and found not in {
        revision.revision for revision in script.walk_revisions()
    }:
        raise ConfigurationError(
            f"The database is of a newer version (revision {found}) than this program."
            " Install the newer release of coinpurse, or use another database."
        )
    comment = connection.scalar(
        text(f"SELECT obj_description(to_regnamespace('{SCHEMA}'), 'pg_namespace')")
    )
    if found == script.get_current_head() and comment == f"kernel {_digest(_kernel())}":
        return None
    state = "has no coinpurse tables yet" if found is None else "is of an older version"
    return f"The database {state}. Run `coinpurse db upgrade` and start again."


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "coinpurse:db/migrations")
    config.set_main_option("path_separator", "os")
    return config


def _kernel() -> str:
    return (files("coinpurse") / "ledger" / "kernel.sql").read_text(encoding="utf-8")


def _digest(kernel: str) -> str:
    return hashlib.sha256(kernel.encode()).hexdigest()[:16]
