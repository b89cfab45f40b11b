"""One transaction, and what is to happen once it has committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Row, text


class UnitOfWork:
    """A transaction in progress. Stores run their SQL through it; only the edge that opened it commits."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    def execute(self, sql: str, **values: object) -> None:
        """Run a statement whose rows nobody reads."""
        self.connection.execute(text(sql), values)

    def rows(self, sql: str, **values: object) -> list[Row[Any]]:
        """Run a statement and return all of its rows."""
        return list(self.connection.execute(text(sql), values))

    def row(self, sql: str, **values: object) -> Row[Any] | None:
        """Run a statement and return its first row, or None."""
        return self.connection.execute(text(sql), values).first()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what the block did, and nothing else, when it raises."""
        promised = len(self._after_commit)
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self._after_commit[promised:]
            raise

    def after_commit(self, act: Callable[[], None]) -> None:
        """Promise an act for when the work has committed; a rollback forgets it."""
        self._after_commit.append(act)

    def committed(self) -> None:
        """Keep the promises. Called once, by the edge that committed."""
        acts, self._after_commit = self._after_commit, []
        for act in acts:
            act()

    @property
    def driver_connection(self) -> psycopg.Connection[Any]:
        """The psycopg connection beneath, for libraries that want it."""
        driver = self.connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return driver
