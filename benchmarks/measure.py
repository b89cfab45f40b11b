"""Measuring two things side by side: alternately, and by the median of the pairs."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How much is measured. seconds: length of one measurement. rows: of ledgers, by their use."""

    seconds: float
    repeats: int
    calls: int
    wallets: int
    small_rows: int
    large_rows: int
    deep_rows: int
    verified_rows: int
    reconciled_few: int
    reconciled_many: int
    office_few: int
    office_many: int


FULL = Plan(
    seconds=5,
    repeats=5,
    calls=1500,
    wallets=1000,
    small_rows=10_000,
    large_rows=10_000_000,
    deep_rows=100_000,
    verified_rows=1_000_000,
    reconciled_few=1_000,
    reconciled_many=100_000,
    office_few=10_000,
    office_many=1_000_000,
)
QUICK = Plan(
    seconds=0.5,
    repeats=1,
    calls=60,
    wallets=200,
    small_rows=10_000,
    large_rows=300_000,
    deep_rows=10_000,
    verified_rows=100_000,
    reconciled_few=300,
    reconciled_many=3_000,
    office_few=10_000,
    office_many=30_000,
)


@dataclass(frozen=True)
class Row:
    """One comparison. limit: what the ratio is to be, at least or at most; None where it is only shown."""

    work: str
    against: str
    unit: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    limit: float | None
    at_least: bool = True
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio is what it is to be."""
        if self.ratio is None:
            return "skipped"
        if self.limit is None:
            return ""
        met = self.ratio >= self.limit if self.at_least else self.ratio <= self.limit
        return "met" if met else "missed"


def alternate(
    ours: Callable[[], float], theirs: Callable[[], float], *, repeats: int
) -> tuple[float, float, float]:
    """Measure A B A B …; return the two medians, and the median of the ratios of neighbours."""
    pairs = [(ours(), theirs()) for _ in range(repeats)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def calls_per_second(
    call: Callable[[random.Random, int], int], *, threads: int, seconds: float
) -> float:
    """Call from many threads until the time is over.

    call: takes its thread's source of chance and number; returns how many things it did.
    """
    done = [0] * threads
    failures: list[BaseException] = []
    started = threading.Barrier(threads + 1)

    def run(place: int) -> None:
        # Not for secrets: users and keys of a load.
        choice = random.Random()  # noqa: S311
        started.wait()
        try:
            while time.perf_counter() < end:
                done[place] += call(choice, place)
        except BaseException as error:  # noqa: BLE001  Raised below, in the thread that measures.
            failures.append(error)

    running = [threading.Thread(target=run, args=(place,)) for place in range(threads)]
    for thread in running:
        thread.start()
    begun = time.perf_counter()
    end = begun + seconds
    started.wait()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done) / (time.perf_counter() - begun)


def milliseconds_each(works: Mapping[str, Callable[[], object]], *, calls: int) -> dict[str, float]:
    """Call each work in turn, again and again; return the median time of a call of each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(calls + calls // 10):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if turn >= calls // 10:  # The first tenth warms caches and plans.
                times[name].append(time.perf_counter() - begun)
    return {name: 1000 * statistics.median(taken) for name, taken in times.items()}
