"""Connections to PostgreSQL, and the units of work on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg_pool import ConnectionPool

from coinpurse.db import embedded, pooler
from coinpurse.db.forking import begin_anew_in_children
from coinpurse.db.pool import Front, PooledConnection, SingleStatement
from coinpurse.db.unit_of_work import UnitOfWork
from coinpurse.errors import ConfigurationError

if TYPE_CHECKING:
    from coinpurse.settings import Settings


OLDEST_POSTGRESQL = 150000
# How long a caller waits where the server gives no further connection.
WAIT_SECONDS = 10.0
# How often a waiting caller has the pool try again: the pool alone would wait longer after each failure.
TRY_SECONDS = 1.0
# How long a statement waits for a row that somebody else keeps, a host's open transaction for one.
LOCK_SECONDS = 15
# What DATABASE_URL may say otherwise: a standby is never taken for the primary, and a server that vanished
# without a word is given up within half a minute.
DEFAULTS = {
    "target_session_attrs": "read-write",
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}

# Never closed here: the server would be told that the parent has done with them.
_of_the_parent: list[Front] = []


class Database:
    """A pool of connections, opened at the first use.

    conninfo: what libpq takes: a postgresql:// address, also with several hosts.
    threads: how many threads share the pool; none of them ever waits for a connection of ours.
    pooler: whether a pooler stands before the server that cannot be noticed; PgBouncer is.
    """

    def __init__(self, conninfo: str, *, threads: int = 8, pooler: bool = False) -> None:
        facts = {**DEFAULTS, **psycopg.conninfo.conninfo_to_dict(conninfo)}
        # An address, as it was given: hosts hand it on to SQLAlchemy.
        self.conninfo = f"postgresql:///?{urlencode(facts, quote_via=quote)}"
        self._threads = threads
        self._told_of_pooler = pooler
        # How long a statement may take; None for as long as it does. Set it before the first use.
        self.statement_seconds: int | None = None
        self._make_pool()
        begin_anew_in_children(self)

    def _make_pool(self) -> None:
        self._opening = threading.Lock()
        # Twice the threads: a request may need a second connection while it holds one.
        self._pool: ConnectionPool[PooledConnection] = ConnectionPool(
            self.conninfo,
            connection_class=PooledConnection,
            kwargs={"application_name": "coinpurse"},
            min_size=0,
            max_size=2 * self._threads,
            max_idle=300,
            timeout=TRY_SECONDS,
            reconnect_timeout=TRY_SECONDS,
            configure=self._set_up,
            open=False,
            name="coinpurse",
        )
        self._front = Front(self._pool)

    def begin_anew(self) -> None:
        """Leave all connections to the process that this one was forked from, as servers that load an app first do."""
        _of_the_parent.append(self._front)
        self._make_pool()

    @classmethod
    def from_settings(cls, settings: Settings) -> Database:
        """Use DATABASE_URL or, where there is none, start the embedded server."""
        return cls(conninfo_of(settings), threads=settings.threads, pooler=settings.database_pooler)

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        """Run the block in one transaction: commit at its end, roll back when it raises."""
        with self._lent() as connection:
            work = UnitOfWork(connection, connection.kept_cursor)
            yield work
        work.committed()

    def single_statement(self) -> AbstractContextManager[UnitOfWork]:
        """Run the block's one statement as a transaction of its own.

        One round trip instead of three: no BEGIN before it and no COMMIT after it. What the statement did has
        committed when it returns, and stays when the block raises afterwards.
        """
        return _SingleStatement(self)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend a connection for the block: commit at its end, roll back when it raises."""
        with self._lent() as connection:
            yield connection

    @contextmanager
    def read_aside(self, *, seconds: int) -> Iterator[UnitOfWork]:
        """Read on a connection outside of the pool, which may be used up. Gives up soon, and cannot write.

        seconds: how long connecting, and each statement, may take. Raises psycopg.OperationalError.
        """
        with psycopg.connect(
            self.conninfo,
            application_name="coinpurse",
            connect_timeout=seconds,
            prepare_threshold=None,
        ) as connection:
            connection.read_only = True
            connection.execute(f"SET LOCAL statement_timeout = '{seconds}s'")
            yield UnitOfWork(connection)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._front.close()

    @contextmanager
    def _lent(self) -> Iterator[PooledConnection]:
        connection = self.take(autocommit=False)
        try:
            with connection:
                yield connection
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise _stepped_down(connection) from error
        except pooler.MIXED_UP as error:
            raise pooler.unannounced() from error
        finally:
            self.give_back(connection)

    def take(self, *, autocommit: bool) -> PooledConnection:
        """Take a connection, to be given back; those that the server has closed meanwhile are thrown away."""
        while True:
            connection = self._front.take()
            if connection is None:
                if self._pool.closed:
                    self._open()
                connection = self._front.take_from_pool(tries=round(WAIT_SECONDS / TRY_SECONDS))
            if connection.is_open():
                # Only the driver is told; the server takes no part in it.
                if connection.autocommit is not autocommit:
                    connection.autocommit = autocommit
                return connection
            connection.close()
            self.give_back(connection)

    def give_back(self, connection: PooledConnection) -> None:
        """Give back a connection that was taken, in whatever state it is."""
        self._front.give_back(connection)

    def _set_up(self, connection: psycopg.Connection[Any]) -> None:
        """Prepare a new connection: what belongs to a session is only set where the session is ours."""
        if self._told_of_pooler or pooler.stands_before(connection):
            connection.prepare_threshold = None
        else:
            connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            if self.statement_seconds is not None:
                connection.execute(f"SET statement_timeout = '{self.statement_seconds}s'")
        connection.commit()

    def _open(self) -> None:
        with self._opening:
            if self._pool.closed:
                # The pool tries a server that is away until its time is up, and does not say why.
                require_usable(self.conninfo)
                self._pool.open()


class _SingleStatement(AbstractContextManager[UnitOfWork]):
    """Lends a connection for one statement. Written out: a generator would take 10 µs more of each call."""

    __slots__ = ("_connection", "_database", "_work")

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> UnitOfWork:
        self._connection = self._database.take(autocommit=True)
        self._work = SingleStatement(self._connection)
        return self._work

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                raise _stepped_down(self._connection) from error
            if isinstance(error, pooler.MIXED_UP):
                raise pooler.unannounced() from error
        finally:
            self._database.give_back(self._connection)
        if error is None:
            self._work.committed()


def require_usable(conninfo: str) -> None:
    """Connect once. Raises psycopg.OperationalError, and ConfigurationError for a server that is too old."""
    with psycopg.connect(conninfo, application_name="coinpurse") as connection:
        if connection.info.server_version < OLDEST_POSTGRESQL:
            version = connection.info.parameter_status("server_version")
            raise ConfigurationError(
                f"DATABASE_URL: the server is PostgreSQL {version}; 15 or newer is needed."
            )


def _stepped_down(connection: psycopg.Connection[Any]) -> psycopg.OperationalError:
    """Give up a connection to a server that takes no writes any more; the next one is made to another."""
    connection.close()
    return psycopg.OperationalError(
        "The server takes no writes at present; repeat it with its key."
    )


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
    except (psycopg.ProgrammingError, UnicodeEncodeError):
        raise ConfigurationError(
            "DATABASE_URL cannot be read; write it as postgresql://user:password@host/database"
            " and percent-encode special characters of the password."
        ) from None
    return conninfo
