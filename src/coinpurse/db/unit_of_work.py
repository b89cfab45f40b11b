"""One transaction, and what is to happen once it has committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from psycopg.rows import namedtuple_row

# The ledger row that an act is about, where there is one, and the act.
Promise = tuple[int | None, Callable[[], None]]


class Countable(Protocol):
    """What counts happenings."""

    def inc(self, amount: float = 1) -> None:
        """Count so many more."""


# The ledger row that is counted, and what counts it.
Tally = tuple[int, Countable]


class UnitOfWork:
    """A transaction in progress. Stores run their SQL through it; only the edge that opened it commits.

    connection: a psycopg connection, ours or the host's; parameters of its SQL are written %(name)s.
    cursor: one that `new_cursor` made for the connection and that nobody else uses meanwhile; None for a new one.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any] | None = None
    ) -> None:
        self.connection = connection
        self._cursor = new_cursor(connection) if cursor is None else cursor
        self._after_commit: list[Promise] = []
        self._tallies: list[Tally] = []

    def execute(self, sql: str, **values: object) -> None:
        """Run a statement whose rows nobody reads."""
        self._cursor.execute(sql, values or None)

    def rows(self, sql: str, **values: object) -> list[Any]:
        """Run a statement and return all of its rows, with the columns as attributes."""
        return self._cursor.execute(sql, values or None).fetchall()

    def row(self, sql: str, **values: object) -> Any | None:
        """Run a statement and return its first row, or None."""
        return self._cursor.execute(sql, values or None).fetchone()

    def call(self, sql: str, values: dict[str, object]) -> Any | None:
        """Call an SQL function, whose parameters have types, and return the first row, or None."""
        return self.row(sql, **values)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and nothing else, when it raises."""
        promised, tallied = len(self._after_commit), len(self._tallies)
        self.execute("SAVEPOINT coinpurse")
        try:
            yield
        except BaseException:
            del self._after_commit[promised:]
            del self._tallies[tallied:]
            if not self.connection.broken:
                self.execute("ROLLBACK TO SAVEPOINT coinpurse")
            raise
        self.execute("RELEASE SAVEPOINT coinpurse")

    def after_commit(self, act: Callable[[], None], *, transaction_id: int | None = None) -> None:
        """Promise an act for when the work has committed; a rollback forgets it.

        transaction_id: the ledger row that it is about; a host may roll that back alone, in a savepoint.
        """
        self._after_commit.append((transaction_id, act))

    def tally(self, counter: Countable, *, transaction_id: int) -> None:
        """Count a ledger row once the work has committed; a rollback forgets it."""
        self._tallies.append((transaction_id, counter))

    def committed(self) -> None:
        """Count and keep the promises. Called once, by the edge that committed."""
        if len(self._tallies) == 1:
            self._tallies[0][1].inc()
        elif self._tallies:
            count(self.take_tallies())
        for _, act in self.take_promises():
            act()

    def take_promises(self) -> list[Promise]:
        """Hand the promises over, each with the ledger row that it is about."""
        promises, self._after_commit = self._after_commit, []
        return promises

    def take_tallies(self) -> list[Tally]:
        """Hand over what is to be counted."""
        tallies, self._tallies = self._tallies, []
        return tallies


def count(tallies: Iterable[Tally]) -> None:
    """Count rows that have committed, those of a kind together."""
    for counter, amount in Counter(counter for _, counter in tallies).items():
        counter.inc(amount)


def new_cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """Make a cursor for units of work: not the host's kind, which may write parameters in another way."""
    return psycopg.Cursor(connection, row_factory=namedtuple_row)
