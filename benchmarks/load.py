"""`python -m benchmarks.load`: more and more visitors, until the shop has enough, and then more.

Below its knee nothing may fail. Above it requests may wait, and be refused with 503 and a time to come again; and
when the rush is over all must be as before.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.arrivals import Came
from benchmarks.memory import count_connections
from benchmarks.server import started
from benchmarks.shop import Shop, opened

# A step has enough when its slowest hundredth waits so long, or when it refuses.
SLOW_MS = 500.0
GROWTH = 1.5
# What a proxy in front would keep open; in a rush everybody comes through a door of their own.
CONNECTIONS = 512
RUSH_CONNECTIONS = 8000
# In knees.
RUSHES = (2.0, 3.0)


@dataclass(frozen=True)
class Step:
    """One step: what was asked for, what came, and what the processes held then, in MB."""

    name: str
    rate: float
    came: Came
    held_mb: dict[str, float]
    connections: int

    @property
    def served(self) -> float:
        """Requests served in a second."""
        return self.came.answered / self.came.seconds

    @property
    def has_enough(self) -> bool:
        """Whether it was more than the shop can do: who comes regardless then waits longer and longer."""
        return self.came.p99 > SLOW_MS or self.came.refused() > 0

    @property
    def is_at_rest(self) -> bool:
        """Whether most are served at once."""
        return self.came.p50 < SLOW_MS and self.came.refused() == 0


def steps(shop: Shop, *, first: float, seconds: float, most: int) -> Iterator[Step]:
    """Rise to the knee, rush beyond it, and return to half of it."""
    _step(shop, "warm-up", first, seconds)
    rate, knee = first, 0.0
    for _ in range(most):
        step = _step(shop, "rising", rate, seconds)
        yield step
        if step.has_enough:
            break
        knee, rate = rate, rate * GROWTH
    knee = max(knee, first / 2)
    for times in RUSHES:
        yield _step(shop, "rush", knee * times, seconds, connections=RUSH_CONNECTIONS)
    yield _step(shop, "afterwards", knee / 2, seconds)


def _step(
    shop: Shop, name: str, rate: float, seconds: float, *, connections: int = CONNECTIONS
) -> Step:
    came = shop.serve(rate=rate, seconds=seconds, connections=connections)
    held = {process: round(one.pss_mb, 1) for process, one in shop.held().items()}
    return Step(name, rate, came, held, count_connections(shop.url))


def problems(made: list[Step]) -> list[str]:
    """Say what must not be: errors of any kind, refusals below the knee, and a shop that does not recover."""
    found = []
    for step in made:
        about = f"{step.name} at {step.rate:.0f}/s"
        if step.came.failed() or step.came.wrong:
            found.append(f"{about}: {step.came.failed()} failed: {step.came.wrong}")
        if step.name == "afterwards" and not step.is_at_rest:
            found.append(f"{about}: not as before")
    return found


def markdown(made: list[Step]) -> str:
    """Write the table."""
    lines = [
        "| | asked/s | served/s | p50 ms | p99 ms | worst ms | refused | failed | connections | memory, MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for step in made:
        came = step.came
        memory = ", ".join(f"{name} {mb:.0f}" for name, mb in step.held_mb.items())
        lines.append(
            f"| {step.name} | {step.rate:,.0f} | {step.served:,.0f} | {came.p50:,.0f} | {came.p99:,.0f}"
            f" | {came.worst:,.0f} | {came.refused()} | {came.failed()} | {step.connections} | {memory} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, run, and exit with 1 where something must not be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="length of a step")
    parser.add_argument("--first", type=float, default=50, help="requests a second to begin with")
    parser.add_argument("--most-steps", type=int, default=20, help="of the rise")
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    arguments = parser.parse_args()
    with started() as server:
        facts = {**report.machine(), **server.settings()}
        with opened(server, "load") as shop:
            made = []
            for step in steps(
                shop, first=arguments.first, seconds=arguments.seconds, most=arguments.most_steps
            ):
                made.append(step)
                print(markdown([step]).splitlines()[-1], flush=True)
            found = problems(made) + shop.problems()
    facts["load at the end"] = f"{os.getloadavg()[0]:.1f}"
    knee = max(
        (step.rate for step in made if step.name == "rising" and not step.has_enough), default=0
    )
    table = f"{markdown(made)}\nThe knee: {knee:.0f} requests a second.\n\n"
    table += "".join(f"- {name}: {value}\n" for name, value in facts.items())
    print(f"\n{table}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "load.md").write_text(table, encoding="utf-8")
    content = {
        "facts": facts,
        "knee": knee,
        "problems": found,
        "steps": [asdict(one) for one in made],
    }
    (arguments.output / "load.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    if found:
        raise SystemExit("\n".join(found))


if __name__ == "__main__":
    main()
