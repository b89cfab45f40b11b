"""Calls of SQL functions straight through libpq, without the cursor's machinery: decision 0036."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGresult

TUPLES_OK = pq.ExecStatus.TUPLES_OK
FATAL_ERROR = pq.ExecStatus.FATAL_ERROR
Writer = Callable[[Any], bytes | None]


class _Writers(dict[type, Writer]):
    """How a value is written; what stands in the call tells the server its type."""

    def __missing__(self, kind: type) -> Writer:
        """Write a text or number of a host's own kind as what it is."""
        writer = self[kind] = next(self[parent] for parent in kind.__mro__[1:] if parent in self)
        return writer


def _write_text(text: str) -> bytes:
    written = text.encode()
    if b"\0" in written:
        raise psycopg.DataError("PostgreSQL's text has no null characters.")
    return written


WRITERS = _Writers(
    {
        type(None): lambda _: None,
        str: _write_text,
        int: lambda number: b"%d" % number,
        float: lambda number: repr(number).encode(),
        bytes: lambda content: b"\\x" + content.hex().encode(),
        UUID: lambda id_: str(id_).encode(),
    }
)
PARAMETER = re.compile(r"%\((\w+)\)s")
# The server does not know the statement any more.
FORGOTTEN = b"26000"
# It does, but what it calls gives other columns now: a migration came meanwhile.
OUTDATED = b"RevalidateCachedQuery"


@dataclass(slots=True)
class _Statement:
    """A statement that a connection knows. name: what the server calls it; None where it may not be prepared."""

    sql: bytes
    parameters: tuple[str, ...]
    name: bytes | None
    make: Callable[[Sequence[Any]], Any] | None = None
    reader: Any = None


class DirectCalls:
    """The calls on one connection, which nobody else uses meanwhile and which is in no transaction.

    A call blocks inside libpq, without Python's lock: a signal is seen when it returns.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._statements: dict[str, _Statement] = {}
        self._numbers = count()

    def row(self, sql: str, values: Mapping[str, object]) -> Any | None:
        """Run a call, written with %(name)s, and return its first row. Raises what psycopg's cursor raises."""
        statement = self._statements.get(sql) or self._prepare(sql)
        written = [WRITERS[type(value := values[name])](value) for name in statement.parameters]
        result = self._run(statement, written)
        if result.status == FATAL_ERROR and _is_unusable(result):
            # It has done nothing yet.
            statement = self._prepare(sql)
            result = self._run(statement, written)
        if result.status != TUPLES_OK:
            raise self._error(result)
        return self._first(statement, result)

    def _run(self, statement: _Statement, written: list[bytes | None]) -> PGresult:
        if statement.name is None:
            return self._libpq.exec_params(statement.sql, written)
        # It takes None as `exec_params` does, whatever its type says.
        return self._libpq.exec_prepared(statement.name, written)  # type: ignore[arg-type]

    def _prepare(self, sql: str) -> _Statement:
        parameters = tuple(dict.fromkeys(PARAMETER.findall(sql)))
        numbered = PARAMETER.sub(lambda found: f"${parameters.index(found[1]) + 1}", sql).encode()
        name = None
        if self._connection.prepare_threshold is not None:
            # Named for what it is: behind a pooler that nobody told us of, a name alone may be another client's.
            digest = sha256(numbered).hexdigest()[:16].encode()
            name = b"coinpurse_%s_%d" % (digest, next(self._numbers))
            result = self._libpq.prepare(name, numbered)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise self._error(result)
        statement = self._statements[sql] = _Statement(numbered, parameters, name)
        return statement

    def _first(self, statement: _Statement, result: PGresult) -> Any | None:
        if not result.ntuples:
            return None
        if statement.make is None:
            columns = range(result.nfields)
            names = [(result.fname(column) or b"").decode() for column in columns]
            row: Any = namedtuple("row", names)  # type: ignore[misc]
            statement.make = row._make
            statement.reader = Transformer(self._connection)
            statement.reader.set_pgresult(result)
        else:
            # The columns, and how they are read, are those of the first time.
            statement.reader.set_pgresult(result, set_loaders=False)
        return statement.reader.load_row(0, statement.make)

    def _error(self, result: PGresult) -> psycopg.Error:
        if self._libpq.status == pq.ConnStatus.BAD and not _sqlstate(result):
            return psycopg.OperationalError(pq.error_message(self._libpq))
        return psycopg.errors.error_from_result(result)


def _sqlstate(result: PGresult) -> bytes | None:
    return result.error_field(pq.DiagnosticField.SQLSTATE)


def _is_unusable(result: PGresult) -> bool:
    """Whether the statement must be prepared anew, and has not been run."""
    return (
        _sqlstate(result) == FORGOTTEN
        or result.error_field(pq.DiagnosticField.SOURCE_FUNCTION) == OUTDATED
    )
