# ruff: noqa: T201  It is a command.
"""`python -m tests.simulation`: run seeds, print a table, write a report; exit 1 where a seed failed."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.simulation import plan as plans
from tests.simulation.fleet import run_all
from tests.simulation.mutants import MUTANTS
from tests.simulation.runner import Result


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from the first one on")
    parser.add_argument("--steps", type=int, default=40, help="acts in each")
    parser.add_argument("--jobs", type=int, default=2, help="runners beside each other")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="run with a deliberate bug")
    parser.add_argument("--until-failure", action="store_true", help="stop at the first that fails")
    parser.add_argument("--plan", action="store_true", help="print the plan and run nothing")
    parser.add_argument("--report", type=Path, default=Path("build/simulation.json"))
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.seeds)
    if given.plan:
        for seed in seeds:
            print(plans.draw(seed, given.steps))
        return
    # So that whoever ends this process ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    begun = time.monotonic()
    results = []
    for result in run_all(seeds, given.steps, min(given.jobs, len(seeds)), given.mutant):
        results.append(result)
        _show(result, len(results), len(seeds))
        if result.violations and given.until_failure:
            break
    _report(results, time.monotonic() - begun, given.report)
    sys.exit(any(result.violations for result in results))


def _show(result: Result, place: int, count: int) -> None:
    word = "FAILED" if result.violations else "ok"
    print(f"{place:5}/{count} seed {result.seed:6} {word:6} {result.seconds:5.1f} s", flush=True)
    if result.violations:
        print(result.story)
        for violation in result.violations:
            print(f"  seed {result.seed}: {violation}")
        print(
            f"  again: make simulate SEED={result.seed} STEPS={sum(result.acts.values())}",
            flush=True,
        )


def _report(results: list[Result], seconds: float, path: Path) -> None:
    faults: Counter[str] = Counter()
    acts: Counter[str] = Counter()
    for result in results:
        faults.update(result.faults)
        acts.update(result.acts)
    failed = sorted(result.seed for result in results if result.violations)
    for title, counts in (("what happened", faults), ("acts", acts)):
        print(f"\n{title}")
        for name, count in counts.most_common():
            print(f"  {count:8}  {name}")
    print(f"\n{len(results)} seeds in {seconds:.0f} s, {len(failed)} failed: {failed}")
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "seeds": len(results),
        "failed": failed,
        "seconds": round(seconds, 1),
        "faults": dict(faults.most_common()),
        "acts": dict(acts.most_common()),
        "results": [asdict(result) for result in sorted(results, key=lambda one: one.seed)],
    }
    path.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
