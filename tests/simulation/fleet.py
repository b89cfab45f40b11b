"""Several runners beside each other, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import util

from tests.simulation.runner import Result, Runner

# The runner of this process.
_made: list[Runner] = []


def run_all(
    seeds: Sequence[int], steps: int, jobs: int, mutant: str | None = None
) -> Iterator[Result]:
    """Run every seed; results come as they are ready. Whoever stops listening stops the rest."""
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_make,
        initargs=(mutant,),
    )
    with pool:
        waiting = [pool.submit(_run, seed, steps) for seed in seeds]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _make(mutant: str | None) -> None:
    runner = Runner(mutant)
    _made.append(runner)
    # Such processes end without Python's own clean-up.
    util.Finalize(None, runner.close, exitpriority=10)


def _run(seed: int, steps: int) -> Result:
    return _made[0].run(seed, steps)
