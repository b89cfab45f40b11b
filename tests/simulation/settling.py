"""The end of a seed: faults stop, what is due is delivered and done, and the books are compared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import psycopg

from tests.simulation import invariants
from tests.simulation.artist import DAY
from tests.simulation.driver import Driver
from tests.simulation.money import check_acknowledged
from tests.simulation.outcome import read_outcome
from tests.simulation.plan import Plan
from tests.simulation.sandbox import Json
from tests.simulation.time_machine import let_time_pass, run_schedule, wait_until_quiet

# Longer than any back-off of the inbox.
LONG = 40 * DAY
SETTLING_SECONDS = 45.0
OPEN = """
    SELECT (SELECT count(*) FROM coinpurse.stripe_events WHERE state IN ('received', 'failed'))
         + (SELECT count(*) FROM coinpurse.refund_requests WHERE state = 'requested')
"""
MANY = 100_000


class DidNotSettle(Exception):
    """Something is still under way when its time is over."""


def settle(driver: Driver, plan: Plan) -> list[str]:
    """End a seed; returns what is wrong, in words."""
    deadline = time.monotonic() + SETTLING_SECONDS
    sandbox = driver.sandbox
    sandbox.end_faults()
    driver.bring_up()
    _until(deadline, "calls without an answer", lambda: _answer_calls(driver))
    _until(deadline, "checkouts without an answer", lambda: _answer_checkouts(driver))
    _until(deadline, "refunds without an answer", lambda: _answer_refunds(driver))
    # Refunds are sent, disputes decided and debits settled; half of the time every open checkout expires.
    sandbox.control("clock/advance", seconds=200 if plan.seed % 2 else DAY + 3600)
    _calm_down(driver, deadline)
    truth = sandbox.truth()
    wrong = check_acknowledged(
        truth,
        read_outcome(driver.database_url),
        sandbox.all_of("events"),
        _acknowledged(driver),
        plan.settings,
    )
    wrong += _reconcile(driver, deadline)
    # A fraud warning that was found late may be refunded late, by policy.
    _calm_down(driver, deadline)
    wrong += _verify(driver)
    truth = sandbox.truth()
    outcome = read_outcome(driver.database_url)
    wrong += invariants.check(truth, outcome, driver.journal, _acknowledged(driver), plan.settings)
    return driver.violations + wrong


def _calm_down(driver: Driver, deadline: float) -> None:
    """Deliver and do what is due; what is done has events of its own."""
    for _ in range(2):
        driver.sandbox.control("deliveries/flush", retries=True, timeout=10)
        _until(deadline, "events and refunds that are owed", lambda: _do_what_is_due(driver))


def _until(deadline: float, what: str, is_done: Callable[[], bool]) -> None:
    pause = 0.005
    while not is_done():
        if time.monotonic() > deadline:
            raise DidNotSettle(what)
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def _answer_calls(driver: Driver) -> bool:
    for call in driver.journal.open_calls():
        driver.journal.send(call)
    return not driver.journal.open_calls()


def _answer_checkouts(driver: Driver) -> bool:
    """Ask again for each checkout that was not answered. Stripe may keep to its first 500: that is an answer."""
    for checkout in driver.checkouts:
        if checkout.session is None and driver.open_checkout(checkout) in (None, 503):
            return False
    return True


def _do_what_is_due(driver: Driver) -> bool:
    driver.application.supervise()
    with psycopg.connect(driver.database_url) as connection:
        row = connection.execute(OPEN).fetchone()
    assert row is not None
    if row[0] == 0:
        return True
    wait_until_quiet(driver.database_url)
    let_time_pass(driver.database_url, LONG)
    run_schedule(driver.database_url)
    wait_until_quiet(driver.database_url)
    return False


def _answer_refunds(driver: Driver) -> bool:
    for asked in driver.refunds.values():
        if asked.answer is None:
            driver.ask_refund(asked)
    return all(asked.answer is not None for asked in driver.refunds.values())


def _reconcile(driver: Driver, deadline: float) -> list[str]:
    """Bring home what no delivery brought.

    The first run may go on with one that a kill interrupted, and its findings are as old; the second sees
    everything. Where even that one finds something to do, a third must not.
    """
    for _ in range(3):
        report = _run_reconciliation(driver, deadline)
        driver.counts["repaired by reconciliation"] += report["repaired"]
        found = [each for each in report["findings"] if each["kind"] != "needs_review"]
        if not found:
            return []
    return [f"the last reconciliation still found: {each}" for each in found]


def _run_reconciliation(driver: Driver, deadline: float) -> Json:
    while True:
        code, told = driver.application.command("@reconcile")
        if code == 0:
            report: Json = json.loads(told)
            return report
        if code != 1 or time.monotonic() > deadline:
            raise DidNotSettle(f"reconciliation, which ended with {code}: {told}")
        # One that was killed counts as at work until it was not heard of for long.
        let_time_pass(driver.database_url, LONG)


def _verify(driver: Driver) -> list[str]:
    code, told = driver.application.command("verify", "--json")
    if code == 0 and json.loads(told)["differences"] == []:
        return []
    return [f"verify ended with {code}: {told}"]


def _acknowledged(driver: Driver) -> set[str]:
    """Events that were answered 2xx at least once."""
    listed: Json = driver.sandbox.told("deliveries", limit=MANY)
    return {
        delivery["event"]
        for delivery in listed["deliveries"]
        if any(200 <= (attempt["status"] or 0) < 300 for attempt in delivery["attempts"])
    }
