"""Group commit: concurrent spends of one process share a statement and a commit.

A thread that finds nobody at work leads: it takes along what the others have queued meanwhile, applies all of it
with `spend_many`, and hands the lead on. Each caller gets its own result, as if it had spent alone.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import psycopg

from coinpurse.db import Database
from coinpurse.errors import DomainError
from coinpurse.ledger.rules import Spend, Transaction
from coinpurse.ledger.service import spend_many

LARGEST_BATCH = 128
# How long at most a leader waits until as many have queued as the batch before had: those were told a moment ago
# and may spend again. Without it batches of all and of one alternate, and every second commit is for one spend.
GATHERING_SECONDS = 0.001


class _Ticket:
    """One caller. `woken` is released when there is a result, or the lead to take over.

    promise: what its own thread is to do after the commit.
    """

    __slots__ = ("item", "leads", "promise", "result", "woken")

    def __init__(self, item: Spend) -> None:
        self.item = item
        self.leads = False
        self.promise: Callable[[], None] | None = None
        self.result: Transaction | DomainError | BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class GroupCommit:
    """Coalesces spends. leaders: how many batches may be under way at a time."""

    def __init__(self, database: Database, *, leaders: int = 1) -> None:
        self._database = database
        self._lock = threading.Lock()
        # Who waits; leaders do not.
        self._queue: deque[_Ticket] = deque()
        self._free_leads = leaders
        self._latest_size = 1

    def spend(self, item: Spend) -> Transaction:
        """Apply one spend and return when it has committed. Raises what `ledger.spend` raises.

        A lost connection fails every caller of the batch; each may repeat with its key.
        """
        ticket = _Ticket(item)
        with self._lock:
            if self._free_leads:
                self._free_leads -= 1
                ticket.leads = True
            else:
                self._queue.append(ticket)
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead(ticket)
        if ticket.promise is not None:
            ticket.promise()
        result = ticket.result
        assert result is not None
        if isinstance(result, BaseException):
            raise result
        return result

    def _wait(self, ticket: _Ticket) -> None:
        try:
            ticket.woken.acquire()
        except BaseException:
            # The caller is interrupted. Nobody may wait for it to lead.
            with self._lock:
                if ticket in self._queue:
                    self._queue.remove(ticket)
            if ticket.leads:
                self._pass_on()
            raise

    def _lead(self, leader: _Ticket) -> None:
        """Apply the leader's spend and what is queued, wake its callers and pass the lead on."""
        batch = [leader]
        try:
            until = time.monotonic() + GATHERING_SECONDS
            while 1 + len(self._queue) < self._latest_size and time.monotonic() < until:
                time.sleep(GATHERING_SECONDS / 10)
            with self._lock:
                while self._queue and len(batch) < LARGEST_BATCH:
                    batch.append(self._queue.popleft())
                self._latest_size = len(batch)
            with self._database.single_statement() as work:
                results = spend_many(work, [ticket.item for ticket in batch])
                promises = dict(work.take_promises())
            for ticket, result in zip(batch, results, strict=True):
                if isinstance(result, Transaction) and result.created:
                    ticket.promise = promises.get(result.id)
                ticket.result = result
        except BaseException as error:  # noqa: BLE001  Raised by every caller of the batch.
            for ticket in batch[1:]:
                ticket.result = error if isinstance(error, Exception) else _interrupted()
            leader.result = error
        self._pass_on()
        for ticket in batch[1:]:
            ticket.woken.release()

    def _pass_on(self) -> None:
        with self._lock:
            if not self._queue:
                self._free_leads += 1
                return
            successor = self._queue.popleft()
            successor.leads = True
        successor.woken.release()


def _interrupted() -> psycopg.OperationalError:
    """What the others see where the thread that led them was told to stop."""
    return psycopg.OperationalError(
        "The spend shared a commit that was interrupted; repeat it with its key."
    )
