"""Counting what was done inside a host's transaction, once it has committed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from coinpurse.db.unit_of_work import Tally, count

if TYPE_CHECKING:
    from coinpurse.db.engine import Database

# How soon rows are looked for; then after twice as long, and so on. What is not seen within half an hour was undone.
FIRST_SECONDS = 1.0
LAST_SECONDS = 1024.0
# Of what waits; beyond it the oldest go uncounted.
MOST_WAITING = 100_000

# A row that another transaction can see has committed.
SEEN = "SELECT id FROM coinpurse.transactions WHERE id = ANY (%(ids)s)"


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows that are looked for together. due: of the monotonic clock."""

    tallies: Sequence[Tally]
    due: float
    wait_seconds: float


class HostTallies:
    """Counts ledger rows of hosts' transactions by looking, now and then, which of them are there.

    It costs the host's transaction nothing; a count is a second late. A thread runs only while something waits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._new: deque[Tally] = deque(maxlen=MOST_WAITING)
        self._thread: threading.Thread | None = None

    def add(self, tallies: Sequence[Tally]) -> None:
        """Take over what a joined work counted."""
        with self._lock:
            self._new.extend(tallies)
            # A process that was forked has the object and not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="coinpurse-tallies", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        waiting: list[_Batch] = []
        while True:
            time.sleep(FIRST_SECONDS)
            now = time.monotonic()
            with self._lock:
                if self._new:
                    waiting.append(_Batch(tuple(self._new), now, FIRST_SECONDS))
                    self._new.clear()
                elif not waiting:
                    self._thread = None
                    return
            due = [batch for batch in waiting if batch.due <= now]
            waiting = [batch for batch in waiting if batch.due > now]
            for batch in due:
                left = self._count_seen(batch)
                wait = 2 * batch.wait_seconds
                if left and wait <= LAST_SECONDS:
                    waiting.append(_Batch(left, now + wait, wait))

    def _count_seen(self, batch: _Batch) -> Sequence[Tally]:
        """Count the rows that are there, and return the others."""
        try:
            with self._database.single_statement() as work:
                seen = {row.id for row in work.rows(SEEN, ids=[id_ for id_, _ in batch.tallies])}
        except psycopg.Error:
            return batch.tallies  # Looked for again when the server is back.
        count(tally for tally in batch.tallies if tally[0] in seen)
        return [tally for tally in batch.tallies if tally[0] not in seen]
