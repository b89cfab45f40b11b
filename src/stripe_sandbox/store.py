"""SQLite: objects as JSON with indexed fields, and the few tables beside them.

One connection, used under one lock; a kill at any moment leaves either the
whole of a request's effects or none. Fields that lists filter by are virtual
columns over the JSON, so that body and index cannot disagree.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stripe_sandbox.json_types import Json

FILTERS = {
    "status": "$.status",
    "customer": "$.customer",
    "payment_intent": "$.payment_intent",
    "charge": "$.charge",
    "type": "$.type",
    "product": "$.product",
    "currency": "$.currency",
    "source": "$.source",
    "active": "$.active",
    "lookup_key": "$.lookup_key",
    "url": "$.url",
    "payment_method": "$.payment_method",
    "transfer_group": "$.transfer_group",
    "subject": "$.data.object.id",
    "email": "COALESCE($.email, $.customer_details.email)",
}

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS timers (
  id INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS timers_due ON timers (due, id);
CREATE INDEX IF NOT EXISTS timers_subject ON timers (subject);
CREATE TABLE IF NOT EXISTS idempotency_keys (
  key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
  request_id TEXT NOT NULL, created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL,
  style TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  copies INTEGER NOT NULL DEFAULT 0, fault TEXT, created REAL NOT NULL, due REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_open ON deliveries (event) WHERE status != 'succeeded';
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL, at REAL NOT NULL,
  seconds REAL NOT NULL, status INTEGER, response TEXT, error TEXT
);
CREATE INDEX IF NOT EXISTS attempts_delivery ON attempts (delivery);
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, remaining INTEGER
);
CREATE TABLE IF NOT EXISTS fault_counts (kind TEXT PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS listeners (
  id TEXT PRIMARY KEY, secret TEXT NOT NULL, features TEXT NOT NULL, seen REAL
);
CREATE TABLE IF NOT EXISTS listener_queue (
  id INTEGER PRIMARY KEY AUTOINCREMENT, listener TEXT NOT NULL, event TEXT NOT NULL,
  feature TEXT NOT NULL, conversation TEXT NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS listener_queue_open
  ON listener_queue (listener, id) WHERE acknowledged = 0;
"""

STATE_TABLES = (
    "objects",
    "timers",
    "idempotency_keys",
    "deliveries",
    "attempts",
    "faults",
    "fault_counts",
    "listener_queue",
)


def _extract(path: str) -> str:
    if path.startswith("COALESCE"):
        inner = path.removeprefix("COALESCE(").removesuffix(")").split(", ")
        return f"COALESCE({', '.join(_extract(part) for part in inner)})"
    return f"json_extract(body, '{path}')"


def _objects_schema() -> str:
    columns = ",\n".join(
        f'"{name}" GENERATED ALWAYS AS ({_extract(path)}) VIRTUAL' for name, path in FILTERS.items()
    )
    indexes = "\n".join(
        f'CREATE INDEX IF NOT EXISTS objects_{name} ON objects (kind, "{name}", created, sequence) '
        f'WHERE "{name}" IS NOT NULL;'
        for name in FILTERS
    )
    return f"""
    CREATE TABLE IF NOT EXISTS objects (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
      created INTEGER NOT NULL, body TEXT NOT NULL, private TEXT NOT NULL DEFAULT '{{}}',
      {columns}
    );
    CREATE INDEX IF NOT EXISTS objects_newest ON objects (kind, created, sequence, id);
    {indexes}
    """


class Store:
    """The database. Every method runs inside the caller's transaction."""

    def __init__(self, path: Path | str) -> None:
        """Open or create the state at `path`."""
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, timeout=5
        )
        self._connection.row_factory = sqlite3.Row
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_objects_schema() + TABLES)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, roll back on any error."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def execute(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(statement, parameters)

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self.execute(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Row | None:
        """Return the first row of a query."""
        found: sqlite3.Row | None = self.execute(statement, parameters).fetchone()
        return found

    def find(self, identifier: str, kind: str | None = None) -> Json | None:
        """Return an object by its id (and kind, where given)."""
        row = self.row("SELECT kind, body FROM objects WHERE id = ?", (identifier,))
        if row is None or (kind is not None and row["kind"] != kind):
            return None
        body: Json = json.loads(row["body"])
        return body

    def private(self, identifier: str) -> Json:
        """Return what the sandbox knows about an object and its readers do not see."""
        row = self.row("SELECT private FROM objects WHERE id = ?", (identifier,))
        known: Json = json.loads(row["private"]) if row is not None else {}
        return known

    def insert(self, body: Json, kind: str, created: int, private: Json | None = None) -> None:
        """Add an object."""
        self.execute(
            "INSERT INTO objects (id, kind, created, body, private) VALUES (?, ?, ?, ?, ?)",
            (body["id"], kind, created, json.dumps(body), json.dumps(private or {})),
        )

    def update(self, body: Json) -> None:
        """Replace an object's body."""
        self.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))

    def update_private(self, identifier: str, private: Json) -> None:
        """Replace what only the sandbox knows about an object."""
        self.execute(
            "UPDATE objects SET private = ? WHERE id = ?", (json.dumps(private), identifier)
        )

    def delete(self, identifier: str) -> None:
        """Remove an object."""
        self.execute("DELETE FROM objects WHERE id = ?", (identifier,))

    def select(
        self,
        kind: str,
        filters: Mapping[str, object],
        *,
        limit: int,
        clause: str = "",
        clause_parameters: Sequence[object] = (),
        oldest_first: bool = False,
    ) -> list[Json]:
        """Return objects of one kind by equality of indexed fields, newest first.

        clause: further SQL conditions, each starting with AND.
        """
        conditions = "".join(f' AND "{name}" = ?' for name in filters)
        direction = "ASC" if oldest_first else "DESC"
        found = self.rows(
            f"SELECT body FROM objects WHERE kind = ?{conditions} {clause} "  # noqa: S608
            f"ORDER BY created {direction}, sequence {direction} LIMIT ?",
            (kind, *filters.values(), *clause_parameters, limit),
        )
        return [json.loads(row["body"]) for row in found]

    def setting(self, name: str) -> str | None:
        """Return a stored setting."""
        row = self.row("SELECT value FROM settings WHERE name = ?", (name,))
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        self.execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def forget_everything(self) -> None:
        """Empty all tables that hold state; settings and listeners stay."""
        for table in STATE_TABLES:
            self.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the list above
