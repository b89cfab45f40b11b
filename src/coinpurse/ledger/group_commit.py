"""Group commit: concurrent spends of one process share a statement and a commit.

A thread that finds nobody at work leads: it takes along what the others have queued meanwhile, applies all of it
with `spend_many`, and hands the lead on. Each caller gets its own result, as if it had spent alone.
"""

from __future__ import annotations

import threading
from collections import deque

from coinpurse.db import Database
from coinpurse.errors import DomainError
from coinpurse.ledger.rules import Spend, Transaction
from coinpurse.ledger.service import spend_many

LARGEST_BATCH = 128


class _Ticket:
    """One waiting caller. `woken` is released when there is a result, or the lead to take over."""

    __slots__ = ("item", "leads", "result", "woken")

    def __init__(self, item: Spend) -> None:
        self.item = item
        self.leads = False
        self.result: Transaction | DomainError | BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class GroupCommit:
    """Coalesces spends. leaders: how many batches may be under way at a time."""

    def __init__(self, database: Database, *, leaders: int = 1) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._free_leads = leaders

    def spend(self, item: Spend) -> Transaction:
        """Apply one spend and return when it has committed. Raises what `ledger.spend` raises.

        A lost connection fails every caller of the batch; each may repeat with its key.
        """
        ticket = _Ticket(item)
        with self._lock:
            self._queue.append(ticket)
            if self._free_leads:
                self._free_leads -= 1
                ticket.leads = True
        if not ticket.leads:
            ticket.woken.acquire()
        if ticket.leads:
            self._lead()
        result = ticket.result
        assert result is not None
        if isinstance(result, BaseException):
            raise result
        return result

    def _lead(self) -> None:
        """Apply one batch, which has the leader's own spend, and pass the lead on."""
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_BATCH))]
        try:
            with self._database.unit_of_work() as work:
                results = spend_many(work, [ticket.item for ticket in batch])
            for ticket, result in zip(batch, results, strict=True):
                ticket.result = result
        except BaseException as error:  # noqa: BLE001  Raised by every caller of the batch.
            for ticket in batch:
                ticket.result = error
        with self._lock:
            successor = self._queue[0] if self._queue else None
            if successor is not None:
                successor.leads = True
            else:
                self._free_leads += 1
        for ticket in batch:
            if not ticket.leads:
                ticket.woken.release()
        if successor is not None:
            successor.woken.release()
