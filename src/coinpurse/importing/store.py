"""Reading another application's tables, in whatever database SQLAlchemy reaches; and our own rows of an import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    TableClause,
    column,
    create_engine,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from coinpurse.errors import ConfigurationError

PAGE = 5000
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table or view with one row for each user."""

    name: str = "users"
    id_column: str = "id"
    coins_column: str = "coin_balance"


class Source:
    """The database of another application. It is only read.

    url: as SQLAlchemy takes it; a plain postgresql:// address is read with psycopg.
    Raises ConfigurationError, with the mend, wherever it cannot be read.
    """

    def __init__(self, url: str, table: SourceTable) -> None:
        self._url = _read_url(url)
        self._table = table

    def balances(self) -> Iterator[tuple[object, object]]:
        """Yield every user's id and coins as they stand at one moment."""
        given = self._table
        known = _table(given.name, given.id_column, given.coins_column)
        with self._connected() as connection:
            yield from _rows(connection, known)

    def sessions(self, name: str) -> Iterator[tuple[object, object]]:
        """Yield the id and the status of every checkout; nothing where there is no such table."""
        schema, _, plain = name.rpartition(".")
        with self._connected() as connection:
            if inspect(connection).has_table(plain, schema=schema or None):
                yield from _rows(connection, _table(name, "session_id", "status"))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            engine = create_engine(self._url, poolclass=NullPool)
            with engine.connect() as connection:
                yield connection
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise ConfigurationError(
                f"--from: the driver of {self._url.drivername} is not installed ({error}); install it,"
                " or name another as in mysql+pymysql://…"
            ) from None
        except DBAPIError as error:
            said = str(error.orig).strip().partition("\n")[0]
            raise ConfigurationError(
                f"The source cannot be read: {said}. Check --from, --table, --id-column and --coins-column."
            ) from None
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The source cannot be read: {str(error).partition(chr(10))[0]}. Check --from."
            ) from None


def _read_url(url: str) -> URL:
    try:
        given = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            "--from must be a database address such as postgresql://user:password@host/database"
            " or sqlite:///old.db."
        ) from None
    # SQLite would make a file that is not there, and find nothing in it.
    if given.get_backend_name() == "sqlite" and not Path(given.database or "").is_file():
        raise ConfigurationError(f"--from: there is no file {given.database!r}.")
    return given.set(drivername=DRIVERS.get(given.drivername, given.drivername))


def _rows(connection: Connection, known: TableClause) -> Iterator[tuple[object, object]]:
    streaming = connection.execution_options(stream_results=True, yield_per=PAGE)
    yield from (tuple(row) for row in streaming.execute(select(*known.c)))


def _table(name: str, *columns: str) -> TableClause:
    schema, _, plain = name.rpartition(".")
    return table(plain, *(column(each) for each in columns), schema=schema or None)
