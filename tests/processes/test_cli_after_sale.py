"""Commands for what comes after a sale: refunds, reviews, replays, blocked wallets."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from typing import Any

import pytest

from coinpurse import Coinpurse
from coinpurse.db import UnitOfWork
from tests.conftest import Sandbox, Store
from tests.refunds.conftest import Shop

INSERT_EVENT = """
    INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, attempts)
    VALUES (%(id)s, %(type)s, '', false, now(), %(payload)s, %(state)s, 1)
"""


@pytest.fixture
def shop(purse: Coinpurse, sandbox: Sandbox) -> Shop:
    """The same shop as the commands use, from within."""
    return Shop(purse, sandbox, purse.settings.require_stripe_key())


def answer(store: Store, *arguments: str, says: str) -> subprocess.CompletedProcess[str]:
    """Run a command that asks, and answer it."""
    return subprocess.run(
        [sys.executable, "-m", "coinpurse", *arguments],
        env=store.variables(),
        cwd=store.directory,
        input=says,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_refund_says_what_it_takes_and_asks_first(store: Store, shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    command = ("payments", "refund", str(payment.id), "--amount", "66.66")

    declined = answer(store, *command, says="n\n")

    assert declined.returncode == 1
    assert "Gives back 66.66 USD to ada and takes back 800 of 1200 coins" in declined.stdout
    assert "500 were spent and become debt." in declined.stdout
    assert shop.payment(payment).refunded_minor == 0

    accepted = answer(store, *command, says="y\n")
    assert accepted.returncode == 0, accepted.stderr
    assert "66.66 USD given back (re_" in accepted.stdout
    assert "the payment is partially refunded." in accepted.stdout
    assert shop.figures() == (-500, 0, 500)


def test_a_script_refunds_without_a_question_and_once_for_each_key(
    store: Store, shop: Shop
) -> None:
    payment = shop.buy()
    assert payment.session_id is not None
    command = ("payments", "refund", payment.session_id, "--yes", "--key", "ticket-7", "--json",
               "--amount", "33.33", "--reason", "duplicate")  # fmt: skip

    first = store.run(*command)
    again = store.run(*command)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    made = json.loads(first.stdout)
    assert json.loads(again.stdout)["id"] == made["id"]
    assert (made["state"], made["amount_minor"], made["payment_status"]) == (
        "made",
        3333,
        "partially_refunded",
    )
    assert (made["actor"], made["reason"]) == (getpass.getuser(), "duplicate")
    assert shop.figures() == (800, 0, 0)


def test_a_refund_that_stripe_has_not_answered_exits_with_1(
    store: Store, shop: Shop, sandbox: Sandbox
) -> None:
    payment = shop.buy()
    sandbox.post(
        "faults", kind="server_error", method="POST", path="/v1/refunds", count=9
    ).raise_for_status()

    left = store.run("payments", "refund", str(payment.id), "--yes")

    assert left.returncode == 1
    assert "Stripe has not answered" in left.stdout
    assert "99.99 USD will be given back once" in left.stdout
    (request,) = shown(store, payment.id)["refund_requests"]
    assert (request["state"], request["amount_minor"]) == ("requested", 9999)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("99.999", "more than 2 decimals"),
        ("100", "9999 are left"),
        ("0", "above 0"),
        ("-1", "is not an amount such as 49.99"),
        ("1e2", "is not an amount such as 49.99"),
        ("４９", "is not an amount such as 49.99"),
        ("NaN", "is not an amount such as 49.99"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(
    store: Store, shop: Shop, amount: str, words: str
) -> None:
    payment = shop.buy()

    refused = store.run("payments", "refund", str(payment.id), "--yes", f"--amount={amount}")

    assert refused.returncode == 2
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
    assert shop.payment(payment).refunded_minor == 0


def test_a_payment_that_was_never_credited_is_refunded_whole_or_not_at_all(
    store: Store, shop: Shop
) -> None:
    payment = shop.buy()
    with shop.purse.database.unit_of_work() as work:
        # As a payment in yen that is in review: its price is what was asked, not what was taken.
        work.execute(
            "UPDATE coinpurse.payment_sessions SET status = 'pending', transaction_id = NULL, completed_at = NULL,"
            " amount_minor = 10099, review_reason = 'Stripe took another amount'"
        )
    command = ("payments", "refund", str(payment.id))

    refused = store.run(*command, "--yes", "--amount", "49.99")
    assert refused.returncode == 2
    assert "no coins were credited for this payment: leave it out" in refused.stderr
    asked = answer(store, *command, says="n\n")

    assert asked.returncode == 1
    assert "Gives back all that ada paid; no coins were credited for it." in asked.stdout
    assert shop.stripe("GET", f"refunds?payment_intent={payment.payment_intent_id}")["data"] == []


def test_a_payment_is_shown_with_all_that_came_after_it(store: Store, shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.refund(payment.id, 100, reason="duplicate")
    shop.dispute(payment, amount=500)
    shop.sandbox.post(f"charges/{payment.payment_intent_id}/warning").raise_for_status()
    shop.follow(payment)

    facts = shown(store, payment.id)

    assert facts["status"] == "disputed"
    assert [each["amount_minor"] for each in facts["refunds"]] == [100]
    assert [each["status"] for each in facts["disputes"]] == ["needs_response"]
    assert len(facts["fraud_warnings"]) == 1
    assert [each["state"] for each in facts["refund_requests"]] == ["made"]


def test_a_payment_in_review_is_listed_with_its_reason_and_settled(
    store: Store, shop: Shop
) -> None:
    payment = shop.buy()
    with shop.purse.database.unit_of_work() as work:
        put_into_review(work, payment.id)

    (listed,) = json.loads(store.run("payments", "list", "--review", "--json").stdout)
    assert listed["reason"] == "a reason to look"
    assert listed["resolve_with"] == "--dismiss"
    undecided = store.run("payments", "resolve", str(payment.id), "--reason", "seen")
    assert undecided.returncode == 2
    assert "--credit, --refund or --dismiss" in undecided.stderr
    unfitting = store.run("payments", "resolve", str(payment.id), "--credit", "--reason", "seen")
    assert unfitting.returncode == 2
    assert "can be settled by: dismiss" in unfitting.stderr

    command = ("payments", "resolve", str(payment.id), "--dismiss", "--reason", "seen")
    settled = store.run(*command, "--json")

    assert settled.returncode == 0, settled.stderr
    (row,) = json.loads(settled.stdout)
    assert row["note"] == f"dismiss by {getpass.getuser()}: seen"
    assert json.loads(store.run("payments", "list", "--review", "--json").stdout) == []
    assert "waits for no decision" in store.run(*command).stderr


def test_failed_events_are_replayed_all_at_once(store: Store, shop: Shop) -> None:
    events = [
        event
        for event in completed_events(shop)
        if event["data"]["object"]["metadata"].get("payment_id")
    ]
    with shop.purse.database.unit_of_work() as work:
        for number, event in enumerate(events):
            store_event(work, event, state=("failed", "dead")[number % 2])
        store_event(work, {"id": "evt_other", "type": "customer.created"}, state="ignored")

    replayed = store.run("events", "replay", "--failed")

    assert (replayed.returncode, replayed.stdout) == (0, "3 replayed: 3 processed\n")
    assert shop.figures() == (3 * 1200, 0, 0)
    again = store.run("events", "replay", "--type", "checkout.session.completed", "--json")
    assert json.loads(again.stdout) == {"replayed": 3, "states": {"processed": 3}}
    assert shop.figures() == (3 * 1200, 0, 0)
    assert store.run("events", "replay", "--failed").stdout == "No such events.\n"


def test_a_replay_in_which_one_fails_goes_on_and_exits_with_1(store: Store, shop: Shop) -> None:
    events = completed_events(shop)
    with shop.purse.database.unit_of_work() as work:
        store_event(work, {"id": "evt_0", "type": "checkout.session.completed"}, state="failed")
        for event in events:
            store_event(work, event, state="failed")

    replayed = store.run("events", "replay", "--failed", "--json")

    assert replayed.returncode == 1
    assert json.loads(replayed.stdout) == {
        "replayed": 4,
        "states": {"failed": 1, "processed": 3},
    }


@pytest.mark.parametrize("arguments", [(), ("evt_1", "--failed"), ("evt_1", "--type", "x")])
def test_a_replay_of_everything_or_of_two_things_is_refused(
    store: Store, arguments: tuple[str, ...]
) -> None:
    refused = store.run("events", "replay", *arguments)

    assert refused.returncode == 2
    assert "Give the id of one event, or --type, or --failed." in refused.stderr


def test_a_blocked_wallet_is_shown_and_unblocked(store: Store, shop: Shop) -> None:
    shop.purse.credit("ada", 10, key="start")
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET blocked = true WHERE user_id = 'ada'")
    assert "BLOCKED" in store.run("wallet", "show", "ada").stdout

    unblocked = store.run("wallet", "unblock", "ada", "--reason", "talked to her", "--json")

    assert unblocked.returncode == 0, unblocked.stderr
    row = json.loads(unblocked.stdout)
    assert (row["type"], row["actor"], row["description"]) == (
        "unblock",
        getpass.getuser(),
        "talked to her",
    )
    assert shop.purse.spend("ada", 10, key="hat").coins == -10
    assert "BLOCKED" not in store.run("wallet", "show", "ada").stdout


def shown(store: Store, payment_id: object) -> dict[str, Any]:
    """The payment as `payments show` has it."""
    ended = store.run("payments", "show", str(payment_id))
    assert ended.returncode == 0, ended.stderr
    facts: dict[str, Any] = json.loads(ended.stdout)
    return facts


def completed_events(shop: Shop) -> list[dict[str, Any]]:
    """Stripe's events about three purchases that we have not heard of."""
    started = [
        shop.purse.start_checkout(
            "ada",
            pack="chest",
            success_url="http://127.0.0.1:5000/s",
            cancel_url="http://127.0.0.1:5000/c",
        ).session_id
        for _ in range(3)
    ]
    for session_id in started:
        shop.sandbox.pay(session_id)
    events = shop.sandbox.events(type="checkout.session.completed")
    return [event for event in events if event["data"]["object"]["id"] in started]


def store_event(work: UnitOfWork, event: dict[str, Any], *, state: str) -> None:
    """Write an event as an earlier delivery would have."""
    work.execute(
        INSERT_EVENT, id=event["id"], type=event["type"], payload=json.dumps(event), state=state
    )


def put_into_review(work: UnitOfWork, payment_id: object) -> None:
    """Have a person asked for."""
    work.execute(
        "UPDATE coinpurse.payment_sessions SET review_reason = 'a reason to look' WHERE id = %(id)s",
        id=payment_id,
    )
