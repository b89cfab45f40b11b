"""The statements of one delivery, taken from the application while it handles two, as a script for pgbench.

Nothing is copied by hand: when the application changes what it executes, so does the script. What differs between
the two deliveries is written in terms of the payment's number, or of the row that the credit returned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from benchmarks import deliveries
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.engine import conninfo_of
from coinpurse.ledger import store as ledger_store
from coinpurse.services import Services
from coinpurse.settings import Settings

CREDITED = "credited_"


@dataclass(frozen=True)
class Statement:
    """One statement as the application gave it to the driver, and its first row where it read one."""

    sql: str
    values: dict[str, object]
    row: Any = None


class _RecordingWork(UnitOfWork):
    """A unit of work that also notes what it executes."""

    def __init__(self, work: UnitOfWork, statements: list[Statement]) -> None:
        # All that the database gave it, whatever that is.
        vars(self).update(vars(work))
        self._statements = statements

    def execute(self, sql: str, **values: object) -> None:
        super().execute(sql, **values)
        self._statements.append(Statement(sql, values))

    def rows(self, sql: str, **values: object) -> list[Any]:
        found = super().rows(sql, **values)
        self._statements.append(Statement(sql, values))
        return found

    def row(self, sql: str, **values: object) -> Any | None:
        found = super().row(sql, **values)
        self._statements.append(Statement(sql, values, found))
        return found


class _RecordingDatabase(Database):
    """A database whose units of work are noted, from BEGIN to COMMIT."""

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo)
        self.statements: list[Statement] = []

    @contextmanager
    def unit_of_work(self) -> Iterator[UnitOfWork]:
        with super().unit_of_work() as work:
            self.statements.append(Statement("BEGIN", {}))
            yield _RecordingWork(work, self.statements)
        self.statements.append(Statement("COMMIT", {}))


def pgbench_script(settings: Settings, secret: str, *, first: int, per_client: int) -> str:
    """Write a script in which each run of each client handles a payment of its own.

    The two payments before `first` are handled here; client 0 goes on from `first`, client 1 `per_client` later.
    """
    one, two = first - 2, first - 1
    handled = (_handled(settings, secret, number) for number in (one, two))
    pairs = zip(*handled, strict=True)
    lines = [
        "\\set i :i + 1",
        f"\\set n {first - 1} + :client_id * {per_client} + :i",
    ]
    credited: tuple[Any, Any] | None = None
    for a, b in pairs:
        if a.sql != b.sql or a.values.keys() != b.values.keys():
            raise ValueError("the two deliveries were handled by different statements")
        writing = _Writing((str(one), str(two)), credited)
        values = {name: writing.sql(name, a.values[name], b.values[name]) for name in a.values}
        text = " ".join(a.sql.split()) % values
        if a.sql == ledger_store.CREDIT:
            credited = (a.row, b.row)
            text = f"{text} \\gset {CREDITED}"
        else:
            text = f"{text};"
        lines.append(text)
    return "\n".join(lines) + "\n"


def _handled(settings: Settings, secret: str, number: int) -> list[Statement]:
    """Have the application handle the delivery of a pending payment; return what it executed."""
    services = Services(settings)
    database = _RecordingDatabase(conninfo_of(settings))
    services.database = database
    try:
        body = deliveries.event_of(number).encode()
        with structlog.testing.capture_logs():
            stored = services.inbox.receive(body, deliveries.signed(body, secret))
        assert stored.state == "processed", stored
        return database.statements
    finally:
        database.close()


@dataclass(frozen=True)
class _Writing:
    """How values become SQL. tokens: the two payments' numbers. credits: the rows of their credits."""

    tokens: tuple[str, str]
    credits: tuple[Any, Any] | None

    def sql(self, name: str, a: object, b: object) -> str:
        if isinstance(a, bytes):
            return f"'\\x{a.hex()}'"  # A digest: one is as long as another.
        if isinstance(a, UUID):
            if a != b and self.tokens[0] not in str(a):
                return "gen_random_uuid()"  # New for each row: one is as good as another.
            return f"CAST({self.sql(name, str(a), str(b))} AS uuid)"
        if isinstance(a, str) and self.tokens[0] in a:
            if a.replace(*self.tokens) == b:
                parts = (_literal(part) for part in a.split(self.tokens[0]))
                return f"({' || :n::text || '.join(parts)})"
        elif a == b:
            return _literal(a)
        elif self.credits is not None:
            for column in ("id", "created_at"):
                if tuple(getattr(row, column) for row in self.credits) == (a, b):
                    return f":{CREDITED}{column}"
        raise ValueError(f"pgbench cannot know {name}")


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).upper()
    if isinstance(value, datetime):
        value = value.isoformat()
    text = value if isinstance(value, str) else json.dumps(value)
    # pgbench looks for its variables inside of quotes too, and a statement ends with its line here.
    for character, escaped in (("\\", "\\\\"), ("'", "''"), (":", "\\x3a"), ("\n", "\\n")):
        text = text.replace(character, escaped)
    return f"E'{text}'"
