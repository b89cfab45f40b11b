"""Group commit: concurrent spends of one process share a statement and a commit.

A thread that finds nobody at work leads: it takes along what the others have queued meanwhile, applies all of it
with `spend_unlocked`, and hands the lead on. Each caller gets its own result, as if it had spent alone.

A wallet that somebody else has locked, a host's open transaction for one, holds up nobody but its own callers: they
queue in a lane of the wallet's and wait for it together, until none of them is left.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import psycopg

from coinpurse.db import Database, begin_anew_in_children
from coinpurse.errors import LedgerInvariantBroken
from coinpurse.ledger.rules import Spend, Transaction
from coinpurse.ledger.service import SpendResult, spend_many, spend_unlocked

LARGEST_BATCH = 128
# How long at most a leader waits until as many have queued as the batch before had: those were told a moment ago
# and may spend again. Without it batches of all and of one alternate, and every second commit is for one spend.
GATHERING_SECONDS = 0.001


class _Ticket:
    """One caller. `woken` is released when there is a result, or the lead to take over.

    promise: what its own thread is to do after the commit. result: None where the wallet was locked.
    """

    __slots__ = ("item", "leads", "promise", "result", "woken")

    def __init__(self, item: Spend) -> None:
        self.item = item
        self.leads = False
        self.promise: Callable[[], None] | None = None
        self.result: SpendResult | BaseException | None = None
        self.woken = threading.Lock()
        self.woken.acquire()


class _Lane:
    """Callers who lead in turn. leads: how many batches may be under way. queue: who waits; leaders do not.

    wallet: the locked one that all of them wait for; None for all wallets.
    """

    __slots__ = ("latest_size", "leads", "queue", "wallet")

    def __init__(self, leads: int, wallet: str | None = None) -> None:
        self.leads = leads
        self.wallet = wallet
        self.queue: deque[_Ticket] = deque()
        self.latest_size = 1


class GroupCommit:
    """Coalesces spends. leaders: how many batches may be under way at a time."""

    def __init__(self, database: Database, *, leaders: int = 1) -> None:
        self._database = database
        self._leaders = leaders
        self.begin_anew()
        begin_anew_in_children(self)

    def begin_anew(self) -> None:
        """Leave the batches that are under way to the process that this one was forked from."""
        self._lock = threading.Lock()
        self._common = _Lane(self._leaders)
        self._of_wallets: dict[str, _Lane] = {}

    def spend(self, item: Spend) -> Transaction:
        """Apply one spend and return when it has committed. Raises what `ledger.spend` raises.

        A lost connection fails every caller of the batch; each may repeat with its key.
        """
        ticket = _Ticket(item)
        self._take_part(ticket)
        if ticket.result is None:
            ticket = _Ticket(item)
            self._take_part(ticket, waiting=True)
        if ticket.promise is not None:
            ticket.promise()
        result = ticket.result
        assert result is not None
        if isinstance(result, BaseException):
            raise result
        return result

    def _take_part(self, ticket: _Ticket, *, waiting: bool = False) -> None:
        with self._lock:
            lane = self._lane_of(ticket.item.user_id, waiting=waiting)
            if lane.leads:
                lane.leads -= 1
                ticket.leads = True
            else:
                lane.queue.append(ticket)
        if not ticket.leads:
            self._wait(ticket, lane)
        if ticket.leads:
            self._lead(ticket, lane)

    def _lane_of(self, user_id: str, *, waiting: bool) -> _Lane:
        # A user id that is no text is refused with its batch.
        lane = self._of_wallets.get(user_id) if isinstance(user_id, str) else None
        if lane is None and waiting:
            lane = self._of_wallets[user_id] = _Lane(1, user_id)
        return lane or self._common

    def _wait(self, ticket: _Ticket, lane: _Lane) -> None:
        try:
            ticket.woken.acquire()
        except BaseException:
            # The caller is interrupted. Nobody may wait for it to lead.
            with self._lock:
                if ticket in lane.queue:
                    lane.queue.remove(ticket)
            if ticket.leads:
                self._pass_on(lane)
            raise

    def _lead(self, leader: _Ticket, lane: _Lane) -> None:
        """Apply the leader's spend and what is queued, wake its callers and pass the lead on."""
        batch = [leader]
        try:
            until = time.monotonic() + GATHERING_SECONDS
            while 1 + len(lane.queue) < lane.latest_size and time.monotonic() < until:
                time.sleep(GATHERING_SECONDS / 10)
            with self._lock:
                while lane.queue and len(batch) < LARGEST_BATCH:
                    batch.append(lane.queue.popleft())
                lane.latest_size = len(batch)
            self._apply(batch, spend_unlocked if lane.wallet is None else spend_many)
        except LedgerInvariantBroken as error:
            # Whose books are broken shows when every wallet has a lane of its own.
            for ticket in batch:
                ticket.result = None if lane.wallet is None else error
        except BaseException as error:  # noqa: BLE001  Raised by every caller of the batch.
            for ticket in batch[1:]:
                ticket.result = error if isinstance(error, Exception) else _interrupted()
            leader.result = error
        self._pass_on(lane)
        for ticket in batch[1:]:
            ticket.woken.release()

    def _apply(
        self, batch: list[_Ticket], spend: Callable[..., Sequence[SpendResult | None]]
    ) -> None:
        with self._database.single_statement() as work:
            results = spend(work, [ticket.item for ticket in batch])
            promises = dict(work.take_promises())
        for ticket, result in zip(batch, results, strict=True):
            if isinstance(result, Transaction) and result.created:
                ticket.promise = promises.get(result.id)
            ticket.result = result

    def _pass_on(self, lane: _Lane) -> None:
        with self._lock:
            if not lane.queue:
                lane.leads += 1
                if lane.wallet is not None:
                    del self._of_wallets[lane.wallet]
                return
            successor = lane.queue.popleft()
            successor.leads = True
        successor.woken.release()


def _interrupted() -> psycopg.OperationalError:
    """What the others see where the thread that led them was told to stop."""
    return psycopg.OperationalError(
        "The spend shared a commit that was interrupted; repeat it with its key."
    )
