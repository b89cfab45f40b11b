"""How long a program waits for `import coinpurse`, beside Flask and SQLAlchemy, which its host has anyway."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import Plan, Row, alternate

THEIRS = "import flask, sqlalchemy"
# What is measured, and what the ratio is to be at most.
OURS: dict[str, float | None] = {
    "import coinpurse": 1.5,
    "from coinpurse import Coinpurse, Settings": None,
}
# Inside the new process: its own start is the same for both.
TIMED = """
import time
begun = time.perf_counter()
{statement}
print(time.perf_counter() - begun)
"""


def rows(plan: Plan) -> Iterator[Row]:
    """Import in new processes, ours and theirs by turns."""
    _milliseconds(THEIRS)  # Its files are compiled and in memory then, as ours are.
    for statement, limit in OURS.items():
        _milliseconds(statement)
        ours, theirs, ratio = alternate(
            partial(_milliseconds, statement),
            partial(_milliseconds, THEIRS),
            repeats=3 * plan.repeats,
        )
        yield Row(statement, THEIRS, "ms", ours, theirs, ratio, limit, at_least=False)


def _milliseconds(statement: str) -> float:
    ended = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return 1000 * float(ended.stdout)
