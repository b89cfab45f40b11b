"""Calls that many threads make at the same moment, each on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import DomainError

THREADS = 16
Call = Callable[[UnitOfWork, int], Any]


def race(database: Database, *calls: Call, threads: int = THREADS) -> list[Any]:
    """Let every thread make its call (they take turns) at once; results and refusals by thread."""
    start = Barrier(threads)

    def run(number: int) -> Any:
        # The connection is there before the start.
        with database.unit_of_work() as work:
            work.execute("SELECT 1")
            start.wait(30)
            try:
                return calls[number % len(calls)](work, number)
            except DomainError as refusal:
                return refusal

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def wallet(database: Database) -> ledger.Wallet:
    """Ada's wallet, once the books were found to agree."""
    with database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []
        chain = work.rows(
            "SELECT coins, balance_after, balance_after - lag(balance_after, 1, 0) OVER (ORDER BY id) AS step"
            " FROM coinpurse.transactions WHERE user_id = 'ada' ORDER BY id"
        )
        assert all(row.step == row.coins for row in chain)
        return ledger.get_wallet(work, "ada")


def of(results: Sequence[Any], kind: type) -> int:
    return sum(isinstance(result, kind) for result in results)
