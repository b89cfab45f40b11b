"""What a seed does: its weather and its acts, drawn before anything runs.

Nothing that happens in a run changes a plan, so the same seed is the same plan for ever. Acts name things by their
number (the third checkout, the fifth spend); one that does not fit what really became of them is refused by the
application or by Stripe, as in life, or skipped where there is nothing to name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.simulation.artist import Act, Artist


@dataclass(frozen=True)
class Plan:
    """A seed, spelled out. faults: in force from the start. settings: of the application."""

    seed: int
    styles: tuple[str, ...]
    settings: dict[str, str]
    faults: tuple[dict[str, Any], ...]
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: events {'+'.join(self.styles)}, settings {self.settings}",
            *(f"  weather: {fault}" for fault in self.faults),
            *(f"  {place:3} {act}" for place, act in enumerate(self.acts)),
        ]
        return "\n".join(lines)


def draw(seed: int, steps: int) -> Plan:
    """Draw the plan of a seed."""
    chance = random.Random(seed)
    styles = chance.choices([("snapshot",), ("thin",), ("snapshot", "thin")], [6, 2, 2])[0]
    settings = {
        "COINPURSE_SPENT_COINS_POLICY": chance.choices(["debt", "forgive", "block"], [7, 2, 1])[0],
        "COINPURSE_INQUIRY_POLICY": chance.choice(["freeze", "ignore"]),
        "COINPURSE_CHARGEBACK_POLICY": chance.choice(["freeze", "claw_back"]),
        "COINPURSE_FRAUD_WARNING_POLICY": chance.choices(["flag", "refund"], [3, 1])[0],
        "COINPURSE_GROUP_COMMIT": chance.choice(["true", "false"]),
    }
    faults = _weather(chance)
    artist = Artist(chance)
    while len(artist.acts) < steps:
        artist.add_one()
    return Plan(seed, styles, settings, faults, tuple(artist.acts))


def _weather(chance: random.Random) -> tuple[dict[str, Any], ...]:
    """Faults that strike by chance all along; a fifth of the seeds have fine weather."""
    if chance.random() < 0.2:
        return ()
    likely = chance.choice([0.05, 0.15, 0.3])
    possible: list[dict[str, Any]] = [
        {"kind": "lose"},
        {"kind": "repeat", "copies": chance.randint(1, 3)},
        {"kind": "delay", "seconds": float(chance.choice([2, 60, 4000]))},
        {"kind": "reorder", "seconds": float(chance.choice([5, 100]))},
        {"kind": "rate_limit"},
        {"kind": "server_error", "when": "before"},
        {"kind": "server_error", "when": "after"},
        {"kind": "timeout", "when": "before", "seconds": 0.02},
        {"kind": "timeout", "when": "after", "seconds": 0.02},
    ]
    chosen = chance.sample(possible, chance.randint(2, 6))
    return tuple({**fault, "probability": likely} for fault in chosen)
