"""`python -m benchmarks`: run everything on a server of its own, print the table and write it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from benchmarks import (
    admin,
    growth,
    http,
    importing,
    reconciling,
    report,
    spending,
    verifying,
    webhooks,
)
from benchmarks.measure import FULL, QUICK, Plan, Row
from benchmarks.server import Server, started

PARTS = ("spending", "http", "growth", "verify", "webhooks", "reconcile", "admin", "import")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of a quarter hour")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; repeat for several")
    parser.add_argument(
        "--output", type=Path, default=Path("build/benchmarks"), help="folder of the results"
    )
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    with started() as server:
        facts = {**report.machine(), **server.settings()}
        for name, value in facts.items():
            print(f"{name}: {value}")
        rows = []
        for row in _measure(server, plan, arguments.only or PARTS, whole=_is_whole(arguments)):
            rows.append(row)
            figure = "" if row.ratio is None else f"{row.ratio:.2f}"
            print(f"{figure:>7}  {row.work}, against {row.against}  {row.verdict}", flush=True)
        facts["load at the end"] = f"{os.getloadavg()[0]:.1f}"
    report.write(arguments.output, rows, facts, plan)
    print()
    print(report.markdown(rows, facts))


def _is_whole(arguments: argparse.Namespace) -> bool:
    """Whether to measure others' software too, which takes a while to set up: not in a quick look at all."""
    return not arguments.quick or bool(arguments.only)


def _measure(server: Server, plan: Plan, parts: tuple[str, ...], *, whole: bool) -> Iterator[Row]:
    if "spending" in parts or "http" in parts:
        url = spending.prepare(server, plan)
        if "spending" in parts:
            yield from spending.rows(server, url, plan)
        if "http" in parts:
            yield from http.rows(server, url, plan)
    if "growth" in parts:
        yield from growth.rows(growth.prepare(server, plan), plan)
    if "verify" in parts:
        yield from verifying.rows(server, plan)
    if "webhooks" in parts:
        yield from webhooks.rows(server, plan, with_others=whole)
    if "reconcile" in parts:
        yield from reconciling.rows(server, plan)
    if "admin" in parts:
        yield from admin.rows(admin.prepare(server, plan), plan)
    if "import" in parts:
        yield from importing.rows(plan)


if __name__ == "__main__":
    main()
