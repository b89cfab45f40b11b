"""A bounded part of the simulator; `make simulate` runs as many seeds as there is time for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation import plan as plans
from tests.simulation.artist import Act
from tests.simulation.runner import Runner

STEPS = 40
SEEDS = range(1, 7)
# Seeds that found a bug, each with what it found.
KEPT_SEEDS = {
    14: "a failed checkout, asked for again after a day, became a second session of one payment",
    235: "the same, where the web process was killed between Stripe's answer and our commit",
}
# Acts that lead each deliberate bug to its harm; `make simulate MUTANT=…` finds them by chance.
BOUGHT = (
    Act("checkout", {"user": "ada", "pack": "chest", "currency": "usd"}),
    Act("pay", {"checkout": 0, "card": "4242424242424242"}),
    Act("flush"),
)
HARMS = {
    # Stripe cannot be asked when the dispute is reported, and can when it is reported again.
    "event-first": (
        *BOUGHT,
        Act("fault", {"rule": {"kind": "rate_limit", "path": "/v1/refunds"}}),
        Act("dispute", {"checkout": 0, "inquiry": False, "percent": 100}),
        Act("flush"),
        Act("fine"),
    ),
    "latest-refund": (*BOUGHT, *[Act("refund_at_stripe", {"checkout": 0, "percent": 33})] * 2),
    "no-lock": tuple(
        act
        for number in range(6)
        for act in (
            BOUGHT[0],
            Act("pay", {"checkout": number, "card": "4242424242424242", "rush": 3}),
        )
    ),
}


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """The parts that all seeds share."""
    made = Runner()
    yield made
    made.close()


def test_a_seed_is_the_same_plan_each_time() -> None:
    assert plans.draw(7, STEPS) == plans.draw(7, STEPS)
    assert plans.draw(7, STEPS) != plans.draw(8, STEPS)


@pytest.mark.parametrize("seed", [*SEEDS, *KEPT_SEEDS])
def test_money_and_coins_agree_whatever_goes_wrong(runner: Runner, seed: int) -> None:
    result = runner.run(seed, STEPS)

    assert not result.violations, "\n".join([result.story, *result.violations])
    assert result.faults


@pytest.mark.parametrize("mutant", [None, *HARMS])
def test_a_deliberate_bug_is_caught(mutant: str | None) -> None:
    """And without a bug, none of these acts does harm."""
    runner = Runner(mutant)
    settings = plans.draw(1, 0).settings
    names = HARMS if mutant is None else [mutant]
    try:
        results = [
            runner.carry_out(plans.Plan(number, ("snapshot",), settings, (), HARMS[name]))
            for number, name in enumerate(names, start=1)
        ]
    finally:
        runner.close()

    assert [bool(result.violations) for result in results] == [mutant is not None] * len(results)
