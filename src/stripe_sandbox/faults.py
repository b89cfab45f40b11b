"""Faults on demand, for the API and for deliveries.

One rule says what goes wrong (`kind`), how often (`probability`, or the next
`count` matches) and where (`method`, `path`, `event_type`, `endpoint`; absent
means everywhere, `*` is a wildcard). Rules are tried in the order they were
set and the first that strikes wins. All chance comes from one seeded generator.

For the API: rate_limit (429), server_error (500) and timeout (the answer hangs
for `seconds`, then the connection ends without one); `when` is "before" or
"after" the effect. A 500 after the effect is what an idempotency key replays,
as Stripe documents; a timeout after it replays the lost answer.
For deliveries: lose (never sent, never retried), repeat (`copies` more),
delay (by `seconds`), reorder (each by a random part of `seconds`).

The dashboard's switches call `world.set_fault({...})`, `world.clear_faults()`
and read `world.faults.rules` and `world.fault_counts()`.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase

from stripe_sandbox.json_types import Json
from stripe_sandbox.store import Store

API_KINDS = ("rate_limit", "server_error", "timeout")
DELIVERY_KINDS = ("lose", "repeat", "delay", "reorder")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule; `remaining` counts down for rules given with `count`."""

    kind: str
    probability: float = 1.0
    remaining: int | None = None
    when: str = "before"
    method: str | None = None
    path: str | None = None
    event_type: str | None = None
    endpoint: str | None = None
    seconds: float = 5.0
    copies: int = 1
    id: int = 0

    def fits(self, **facts: str) -> bool:
        """Tell whether every pattern of the rule matches the given facts."""
        patterns = {
            "method": self.method,
            "path": self.path,
            "event_type": self.event_type,
            "endpoint": self.endpoint,
        }
        return all(
            pattern is None or fnmatchcase(facts.get(name, ""), pattern)
            for name, pattern in patterns.items()
        )


class InvalidFault(ValueError):
    """A fault rule that makes no sense; the message says what is wrong."""


def rule_from_json(given: Json) -> FaultRule:
    """Read a rule as the control API takes it. Raises InvalidFault."""
    known = {"kind", "probability", "count", "when", "method", "path", "event_type", "endpoint"}
    unknown = set(given) - known - {"seconds", "copies"}
    if unknown:
        raise InvalidFault(f"unknown fields: {', '.join(sorted(unknown))}")
    if given.get("kind") not in API_KINDS + DELIVERY_KINDS:
        raise InvalidFault(f"kind must be one of {', '.join(API_KINDS + DELIVERY_KINDS)}")
    if given.get("when", "before") not in {"before", "after"}:
        raise InvalidFault("when must be before or after")
    try:
        probability = float(given.get("probability", 1.0))
        count = None if given.get("count") is None else int(given["count"])
        seconds, copies = float(given.get("seconds", 5.0)), int(given.get("copies", 1))
    except (TypeError, ValueError) as error:
        raise InvalidFault("probability, count, seconds and copies are numbers") from error
    if not 0.0 <= probability <= 1.0 or seconds < 0 or copies < 1 or (count or 0) < 0:
        raise InvalidFault("probability is 0 to 1; count, seconds and copies are not negative")
    return FaultRule(
        kind=str(given["kind"]),
        probability=probability,
        remaining=count,
        when=str(given.get("when", "before")),
        method=given.get("method"),
        path=given.get("path"),
        event_type=given.get("event_type"),
        endpoint=given.get("endpoint"),
        seconds=seconds,
        copies=copies,
    )


class Faults:
    """The rules in force. Call it under the world's lock, inside a transaction."""

    def __init__(self, store: Store, seed: int) -> None:
        """Load the rules that a former run left."""
        self._store = store
        self.seed(seed)
        self.rules: list[FaultRule] = []
        self.reload()

    def seed(self, seed: int) -> None:
        """Start the generator anew."""
        self.seeded_with = seed
        self._random = random.Random(seed)  # noqa: S311  # nosec B311  # Chance for tests.

    def reload(self) -> None:
        """Read the rules from the state, for example after a reset or a rollback."""
        self.rules = [
            replace(FaultRule(**json.loads(row["rule"])), id=row["id"], remaining=row["remaining"])
            for row in self._store.rows("SELECT id, rule, remaining FROM faults ORDER BY id")
        ]

    def add(self, rule: FaultRule) -> FaultRule:
        """Put a rule in force."""
        cursor = self._store.execute(
            "INSERT INTO faults (rule, remaining) VALUES (?, ?)",
            (json.dumps(asdict(rule)), rule.remaining),
        )
        self.reload()
        return next(known for known in self.rules if known.id == cursor.lastrowid)

    def clear(self, identifier: int | None = None) -> None:
        """Take one rule, or all, out of force; the counts stay."""
        self._store.execute("DELETE FROM faults WHERE ?1 IS NULL OR id = ?1", (identifier,))
        self.reload()

    def strike(self, kinds: tuple[str, ...], **facts: str) -> FaultRule | None:
        """Return the fault to commit now, if any, and count it."""
        for rule in self.rules:
            if rule.kind not in kinds or rule.remaining == 0 or not rule.fits(**facts):
                continue
            if rule.probability < 1.0 and self._random.random() >= rule.probability:
                continue
            if rule.remaining is not None:
                self._store.execute(
                    "UPDATE faults SET remaining = remaining - 1 WHERE id = ?", (rule.id,)
                )
                self.reload()
            self._store.execute(
                "INSERT INTO fault_counts VALUES (?, 1) "
                "ON CONFLICT (kind) DO UPDATE SET count = count + 1",
                (rule.kind,),
            )
            return rule
        return None

    def part_of(self, seconds: float) -> float:
        """Return a random part of a span of time."""
        return self._random.uniform(0, seconds)

    def counts(self) -> dict[str, int]:
        """Return how often each kind has struck since the last reset."""
        rows = self._store.rows("SELECT kind, count FROM fault_counts ORDER BY kind")
        return {row["kind"]: row["count"] for row in rows}
