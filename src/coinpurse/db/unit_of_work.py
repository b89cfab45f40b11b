"""One transaction, and what is to happen once it has committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row


class UnitOfWork:
    """A transaction in progress. Stores run their SQL through it; only the edge that opened it commits.

    connection: a psycopg connection, ours or the host's; parameters of its SQL are written %(name)s.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._after_commit: list[tuple[int, Callable[[], None]]] = []

    def execute(self, sql: str, **values: object) -> None:
        """Run a statement whose rows nobody reads."""
        with self._cursor() as cursor:
            cursor.execute(sql, values)

    def rows(self, sql: str, **values: object) -> list[Any]:
        """Run a statement and return all of its rows, with the columns as attributes."""
        with self._cursor() as cursor:
            found: list[Any] = cursor.execute(sql, values).fetchall()
            return found

    def row(self, sql: str, **values: object) -> Any | None:
        """Run a statement and return its first row, or None."""
        with self._cursor() as cursor:
            return cursor.execute(sql, values).fetchone()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and nothing else, when it raises."""
        promised = len(self._after_commit)
        self.execute("SAVEPOINT coinpurse")
        try:
            yield
        except BaseException:
            del self._after_commit[promised:]
            if not self.connection.broken:
                self.execute("ROLLBACK TO SAVEPOINT coinpurse")
            raise
        self.execute("RELEASE SAVEPOINT coinpurse")

    def after_commit(self, act: Callable[[], None], *, transaction_id: int) -> None:
        """Promise an act for when the ledger row has committed; a rollback forgets it."""
        self._after_commit.append((transaction_id, act))

    def committed(self) -> None:
        """Keep the promises. Called once, by the edge that committed."""
        for _, act in self.take_promises():
            act()

    def take_promises(self) -> list[tuple[int, Callable[[], None]]]:
        """Hand the promises over, each with the ledger row that it is about."""
        promises, self._after_commit = self._after_commit, []
        return promises

    def _cursor(self) -> psycopg.Cursor[Any]:
        return self.connection.cursor(row_factory=namedtuple_row)
