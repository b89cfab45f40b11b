"""`python -m benchmarks.soak`: an ordinary load for a long while; nothing that a process holds may go on growing.

Every ten seconds the memory and the open files of each process and the connections to the database are taken. A line
is laid through them; what it gains from the first quarter on, while caches fill, is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.memory import count_connections
from benchmarks.server import started
from benchmarks.shop import Shop, opened

EVERY_SECONDS = 10.0
# Requests come in sittings, each by visitors of their own, so that their memory does not grow with the time.
SITTING_SECONDS = 60.0
CONNECTIONS = 64
WARM_UP = 0.25
# What may be gained in the counted part: an amount, and a share of what there was.
BOUNDS = {"MB": (8.0, 0.05), "files": (4.0, 0.05), "connections": (4.0, 0.0)}
# PostgreSQL's memory is its cache, which fills up to what it was given.
UNBOUNDED = ("PostgreSQL, MB",)
FEWEST_SAMPLES = 6


@dataclass(frozen=True)
class Growth:
    """How a figure went: its line's slope in an hour, and what it gained in the counted part against what it may."""

    name: str
    first: float
    last: float
    per_hour: float
    gained: float
    allowed: float | None

    @property
    def is_too_much(self) -> bool:
        """Whether it may not go on like this."""
        return self.allowed is not None and self.gained > self.allowed


Sample = tuple[float, dict[str, float]]


def growths(samples: list[Sample]) -> list[Growth]:
    """Lay a line through each figure."""
    counted = samples[int(len(samples) * WARM_UP) :]
    times = [at for at, _ in counted]
    found = []
    for name in samples[0][1]:
        values = [figures[name] for _, figures in counted]
        slope, base = statistics.linear_regression(times, values)
        amount, share = BOUNDS[name.rpartition(" ")[2]]
        found.append(
            Growth(
                name,
                first=values[0],
                last=values[-1],
                per_hour=3600 * slope,
                gained=slope * (times[-1] - times[0]),
                allowed=None if name in UNBOUNDED else amount + share * (base + slope * times[0]),
            )
        )
    return found


def markdown(found: list[Growth]) -> str:
    """Write the table."""
    lines = ["| | first | last | an hour | gained | allowed | |", "|---|--:|--:|--:|--:|--:|---|"]
    for one in found:
        allowed = "–" if one.allowed is None else f"{one.allowed:.1f}"
        verdict = "**grows**" if one.is_too_much else ""
        lines.append(
            f"| {one.name} | {one.first:.1f} | {one.last:.1f} | {one.per_hour:+.1f} | {one.gained:+.1f}"
            f" | {allowed} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def soak(shop: Shop, *, seconds: float, rate: float, every: float) -> Iterator[Sample]:
    """Load the shop so long, and look at it regularly."""
    begun = time.monotonic()
    failures: list[str] = []
    visiting = threading.Thread(target=_visit, args=(shop, begun + seconds, rate, failures))
    visiting.start()
    try:
        while time.monotonic() < begun + seconds and visiting.is_alive():
            time.sleep(every)
            yield time.monotonic() - begun, _figures(shop)
    finally:
        visiting.join()
    if failures:
        raise SystemExit("\n".join(failures))


def _visit(shop: Shop, end: float, rate: float, failures: list[str]) -> None:
    while not failures and (left := end - time.monotonic()) > 0:
        came = shop.serve(rate=rate, seconds=min(SITTING_SECONDS, left), connections=CONNECTIONS)
        if came.failed() or came.refused() or came.wrong:
            failures.append(
                f"{came.failed()} requests failed and {came.refused()} were refused: {came.wrong}"
            )


def _figures(shop: Shop) -> dict[str, float]:
    figures: dict[str, float] = {"database: connections": count_connections(shop.url)}
    for name, held in shop.held().items():
        figures[f"{name}, MB"] = held.pss_mb
        if name != "PostgreSQL":
            figures[f"{name}, files"] = held.files
    return figures


def main() -> None:
    """Read the arguments, run, and exit with 1 where something grows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    parser.add_argument("--every", type=float, default=EVERY_SECONDS, help="seconds between looks")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    arguments = parser.parse_args()
    samples = []
    with started() as server, opened(server, "soak") as shop:
        for sample in soak(
            shop, seconds=60 * arguments.minutes, rate=arguments.rate, every=arguments.every
        ):
            samples.append(sample)
            figures = ", ".join(f"{name} {value:.0f}" for name, value in sample[1].items())
            print(f"{sample[0]:6.0f} s  {figures}", flush=True)
        wrong = shop.problems()
        served = shop.spent
    if len(samples) < FEWEST_SAMPLES:
        raise SystemExit(f"{len(samples)} looks are too few; give more --minutes")
    found = growths(samples)
    wrong += [f"{one.name} gained {one.gained:.1f}" for one in found if one.is_too_much]
    table = f"{markdown(found)}\n{served:,} spends in {arguments.minutes:g} minutes.\n\n"
    table += "".join(f"- {name}: {value}\n" for name, value in report.machine().items())
    print(f"\n{table}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "soak.md").write_text(table, encoding="utf-8")
    (arguments.output / "soak.json").write_text(json.dumps(samples) + "\n", encoding="utf-8")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
