"""Connections to PostgreSQL, and the units of work on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine

from coinpurse.db import embedded
from coinpurse.db.unit_of_work import UnitOfWork
from coinpurse.errors import ConfigurationError
from coinpurse.settings import Settings

OLDEST_POSTGRESQL = 150000


class Database:
    """A pool of connections, opened at the first use.

    conninfo: what libpq takes: a postgresql:// address, also with several hosts.
    threads: how many threads share the pool; none of them ever waits for a connection.
    """

    def __init__(self, conninfo: str, *, threads: int = 8) -> None:
        self.conninfo = conninfo
        self.engine: Engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            pool_size=threads,
            max_overflow=threads,
            pool_pre_ping=True,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Database:
        """Use DATABASE_URL or, where there is none, start the embedded server."""
        return cls(conninfo_of(settings), threads=settings.threads)

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Run the block in one transaction: commit at its end, roll back when it raises."""
        with self.engine.begin() as connection:
            work = UnitOfWork(connection)
            yield work
        work.committed()

    def connect(self) -> Connection:
        """Return a connection of the pool; the caller closes it."""
        return self.engine.connect()

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.engine.dispose()

    def _connect(self) -> psycopg.Connection[object]:
        connection = psycopg.connect(self.conninfo, application_name="coinpurse")
        if connection.info.server_version < OLDEST_POSTGRESQL:
            version = connection.info.parameter_status("server_version")
            connection.close()
            raise ConfigurationError(
                f"DATABASE_URL: the server is PostgreSQL {version}; 15 or newer is needed."
            )
        return connection


def conninfo_of(settings: Settings) -> str:
    """Return the address of the configured database, starting the embedded one where it is the default."""
    if settings.database_url is None:
        return embedded.start(settings.state_dir)
    address = settings.database_url.get_secret_value().strip()
    # Hosts that use SQLAlchemy name a driver; libpq knows none.
    scheme, separator, rest = address.partition("://")
    if not separator or scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise ConfigurationError(
            "DATABASE_URL must be a PostgreSQL address such as postgresql://user:password@host/database;"
            " no other database is supported."
        )
    conninfo = f"postgresql://{rest}"
    try:
        psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        raise ConfigurationError(
            "DATABASE_URL cannot be read; write it as postgresql://user:password@host/database"
            " and percent-encode special characters of the password."
        ) from None
    return conninfo
