"""Draws acts, one after the other, from a seed's chance."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

USERS = ("ada", "bob", "eve")
PACKS = ("handful", "pouch", "purse", "bag", "chest", "vault")
CURRENCIES = ("usd", "usd", "eur", "jpy")
DAY = 86_400

# What a buyer pays with, and how often: (weight, currencies or empty for all, details for the hosted page).
WAYS: tuple[tuple[int, tuple[str, ...], dict[str, str]], ...] = (
    (30, (), {"card": "4242424242424242"}),
    (6, (), {"card": "4000000000003220", "challenge": "pass"}),
    (3, (), {"card": "4000000000003220", "challenge": "fail"}),
    (2, (), {"card": "4000000000003220"}),
    (5, (), {"card": "4000000000000002"}),
    (3, (), {"card": "4000000000009995"}),
    (2, (), {"card": "4000008400001629", "challenge": "pass"}),
    (3, (), {"card": "4000000000000259"}),
    (2, (), {"card": "4000000000001976"}),
    (2, (), {"card": "4000000404000079"}),
    (2, (), {"card": "4000000000005423"}),
    (3, (), {"card": "4000000000007726"}),
    (3, (), {"card": "4000000000005126"}),
    (20, ("eur",), {"iban": "AT611904300234573201"}),
    (8, ("eur",), {"iban": "AT861904300235473202"}),
    (4, ("eur",), {"iban": "AT321904300235473204"}),
    (4, ("eur",), {"iban": "AT591904300235473203"}),
    (20, ("jpy",), {"method": "konbini"}),
    (6, ("jpy", "eur", "usd"), {"method": "alipay"}),
)
SUBJECTS = (
    "checkout.session.*",
    "payment_intent.*",
    "refund.*",
    "charge.*",
    "radar.*",
    "*",
)


@dataclass(frozen=True)
class Act:
    """One thing that happens. kind: a method of the driver; args: its arguments."""

    kind: str
    args: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.args.items())
        return f"{self.kind} {told}".rstrip()


class Artist:
    """Draws one act after the other. It knows what it has drawn, not what will come of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.acts: list[Act] = []
        self.checkouts: list[str] = []
        self.paid: list[int] = []
        self.calls = 0
        self.spends: list[int] = []
        self.holds: list[int] = []
        self.disputes = 0
        self.refunds = 0
        self._menu: tuple[tuple[int, Callable[[], None], Callable[[], object]], ...] = (
            (13, self._checkout, lambda: True),
            (20, self._pay, lambda: self.checkouts),
            (4, self._poll, lambda: self.checkouts),
            (2, self._cancel, lambda: self.checkouts),
            (1, self._pay_unknown, lambda: self.checkouts),
            (3, self._credit, lambda: True),
            (12, self._spend, lambda: self.paid),
            (3, self._usage, lambda: self.paid),
            (3, self._burst, lambda: self.paid),
            (5, self._hold, lambda: self.paid),
            (4, self._capture, lambda: self.holds),
            (3, self._void, lambda: self.holds),
            (4, self._reverse, lambda: self.spends),
            (3, self._repeat, lambda: self.calls),
            (1, self._conflict, lambda: self.calls),
            (6, self._refund_at_stripe, lambda: self.paid),
            (5, self._refund_ours, lambda: self.paid),
            (2, self._fail_refund, lambda: self.refunds),
            (5, self._dispute, lambda: self.paid),
            (6, self._decide, lambda: self.disputes),
            (2, self._warn, lambda: self.paid),
            (3, self._settle, lambda: self.paid),
            (6, self._advance, lambda: True),
            (5, self._flush, lambda: True),
            (4, self._tick, lambda: True),
            (2, self._age, lambda: True),
            (5, self._kill_web, lambda: self.checkouts),
            (3, self._kill_worker, lambda: True),
            (2, self._restart_postgres, lambda: self.checkouts),
            (5, self._fault, lambda: True),
            (2, self._fine, lambda: True),
            (1, self._foreign, lambda: True),
            (1, self._redeliver, lambda: self.paid),
        )

    def add_one(self) -> None:
        """Draw the next act, one that has something to act on."""
        fitting = [(weight, paint) for weight, paint, fits in self._menu if fits()]
        weights, paints = zip(*fitting, strict=True)
        self.chance.choices(paints, weights)[0]()

    def _add(self, kind: str, **args: Any) -> None:
        self.acts.append(Act(kind, args))

    def _user(self) -> str:
        return self.chance.choice(USERS)

    def _recent(self, count: int) -> int:
        """A number below `count`, the latest three times in four."""
        if self.chance.random() < 0.75:
            return max(0, count - 1 - int(self.chance.expovariate(0.8)))
        return self.chance.randrange(count)

    def _checkout(self) -> None:
        currency = self.chance.choice(CURRENCIES)
        self.checkouts.append(currency)
        self._add("checkout", user=self._user(), pack=self.chance.choice(PACKS), currency=currency)

    def _pay(self) -> None:
        number = self._recent(len(self.checkouts))
        currency = self.checkouts[number]
        ways = [
            (weight, way) for weight, fitting, way in WAYS if not fitting or currency in fitting
        ]
        way = self.chance.choices([way for _, way in ways], [weight for weight, _ in ways])[0]
        if number not in self.paid:
            self.paid.append(number)
        rush = self.chance.random() < 0.35
        self._add(
            "pay", checkout=number, **way, **({"rush": self.chance.randint(1, 3)} if rush else {})
        )

    def _pay_unknown(self) -> None:
        self._add("pay_unknown")

    def _poll(self) -> None:
        self._add("poll", checkout=self._recent(len(self.checkouts)))

    def _cancel(self) -> None:
        self._add("cancel", checkout=self._recent(len(self.checkouts)))

    def _call(self) -> int:
        self.calls += 1
        return self.calls - 1

    def _coins(self) -> int:
        return self.chance.choice([1, 5, 20, 50, 120, 300, 900])

    def _credit(self) -> None:
        self._add("credit", call=self._call(), user=self._user(), coins=self._coins())

    def _spend(self) -> None:
        self.spends.append(self._call())
        self._add("spend", call=self.spends[-1], user=self._user(), coins=self._coins())

    def _usage(self) -> None:
        self._add("usage", items=self._spends(self.chance.randint(2, 5)))

    def _burst(self) -> None:
        """Several spends at once, one of them sent twice."""
        items = self._spends(self.chance.randint(2, 4))
        self._add("burst", items=[*items, items[0]])

    def _spends(self, count: int) -> list[tuple[int, str, int]]:
        return [(self._call(), self._user(), self._coins()) for _ in range(count)]

    def _hold(self) -> None:
        self.holds.append(self._call())
        self._add("hold", call=self.holds[-1], user=self._user(), coins=self._coins())

    def _capture(self) -> None:
        coins = self._coins() if self.chance.random() < 0.4 else None
        hold = self.holds[self._recent(len(self.holds))]
        self.spends.append(self._call())
        self._add("capture", call=self.spends[-1], hold=hold, coins=coins)

    def _void(self) -> None:
        self._add("void", call=self._call(), hold=self.holds[self._recent(len(self.holds))])

    def _reverse(self) -> None:
        coins = self._coins() if self.chance.random() < 0.5 else None
        spend = self.spends[self._recent(len(self.spends))]
        self._add("reverse", call=self._call(), spend=spend, coins=coins)

    def _repeat(self) -> None:
        self._add("repeat", call=self.chance.randrange(self.calls))

    def _conflict(self) -> None:
        self._add("conflict", call=self.chance.randrange(self.calls))

    def _paid_one(self) -> int:
        return self.paid[self._recent(len(self.paid))]

    def _refund_at_stripe(self) -> None:
        self.refunds += 1
        self._add("refund_at_stripe", checkout=self._paid_one(), percent=self._percent())

    def _refund_ours(self) -> None:
        self.refunds += 1
        self._add(
            "refund_ours", checkout=self._paid_one(), percent=self._percent(), call=self.refunds
        )

    def _percent(self) -> int:
        """100 stands for all that is left."""
        return self.chance.choice([100, 100, 10, 33, 50, 77])

    def _fail_refund(self) -> None:
        self._add("fail_refund", refund=self._recent(self.refunds))

    def _dispute(self) -> None:
        self.disputes += 1
        self._add(
            "dispute",
            checkout=self._paid_one(),
            inquiry=self.chance.random() < 0.35,
            percent=self.chance.choice([100, 100, 100, 40, 60]),
        )

    def _decide(self) -> None:
        verdict = self.chance.choices(["win", "lose", "escalate"], [4, 3, 2])[0]
        self._add("decide", dispute=self._recent(self.disputes), verdict=verdict)

    def _warn(self) -> None:
        self._add("warn", checkout=self._paid_one())

    def _settle(self) -> None:
        self._add("settle", checkout=self._paid_one())

    def _advance(self) -> None:
        self._add("advance", seconds=self.chance.choice([1, 2, 6, 6, 40, 200, 4000, DAY + 3600]))

    def _flush(self) -> None:
        self._add("flush")

    def _tick(self) -> None:
        self._add("tick")

    def _age(self) -> None:
        self._add("age", seconds=self.chance.choice([5, 60, 1000, 4000]))

    def _during(self) -> str | None:
        """What is under way when a process dies."""
        return self.chance.choice([None, "spend", "checkout", "poll", "webhook", "refund"])

    def _milliseconds(self) -> int:
        return self.chance.choice([0, 2, 5, 10, 15, 20, 30, 50])

    def _kill(self, kind: str, downs: list[int]) -> None:
        args: dict[str, Any] = {"after_ms": self._milliseconds(), "down": self.chance.choice(downs)}
        during = self._during()
        if during == "spend":
            self.spends.append(self._call())
            args |= {"call": self.spends[-1], "user": self._user(), "coins": self._coins()}
        elif during == "checkout":
            currency = self.chance.choice(CURRENCIES)
            self.checkouts.append(currency)
            args |= {"user": self._user(), "pack": self.chance.choice(PACKS), "currency": currency}
        elif during == "refund" and self.paid:
            self.refunds += 1
            args |= {"checkout": self._paid_one(), "percent": self._percent(), "call": self.refunds}
        elif during in ("poll", "webhook") and self.paid:
            args |= {"checkout": self._paid_one()}
        else:
            during = None
        self._add(kind, during=during, **args)

    def _kill_web(self) -> None:
        self._kill("kill_web", [0, 0, 0, 1, 2, 4])

    def _kill_worker(self) -> None:
        self._kill("kill_worker", [0, 0, 2, 5])

    def _restart_postgres(self) -> None:
        self._kill("restart_postgres", [0, 0, 1])

    def _fault(self) -> None:
        kind = self.chance.choice(
            ["lose", "lose", "repeat", "delay", "reorder", "rate_limit", "server_error", "timeout"]
        )
        rule: dict[str, Any] = {"kind": kind, "count": self.chance.randint(1, 4)}
        if kind in ("lose", "repeat", "delay", "reorder"):
            rule["event_type"] = self.chance.choice(SUBJECTS)
        if kind == "repeat":
            rule["copies"] = self.chance.randint(1, 3)
        if kind in ("delay", "reorder"):
            rule["seconds"] = float(self.chance.choice([3, 50, 4000]))
        if kind in ("rate_limit", "server_error", "timeout"):
            # A call is tried three times: fewer faults in a row only slow it down.
            rule["count"] = self.chance.choice([1, 3, 3, 4, 6])
        if kind in ("server_error", "timeout"):
            rule["when"] = self.chance.choice(["before", "after"])
        if kind == "timeout":
            rule["seconds"] = 0.02
        self._add("fault", rule=rule)

    def _fine(self) -> None:
        self._add("fine")

    def _foreign(self) -> None:
        self._add("foreign", dispute=self.chance.random() < 0.5)

    def _redeliver(self) -> None:
        self._add("redeliver", checkout=self._paid_one(), copies=self.chance.randint(1, 4))
