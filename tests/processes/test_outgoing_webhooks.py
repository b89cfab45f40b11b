"""Webhooks to others, from the command line and the worker as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook

from tests.conftest import Sandbox, Store
from tests.endpoints.receivers import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _private_networks_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINPURSE_WEBHOOKS_ALLOW_PRIVATE", "1")


def _run(store: Store, *arguments: str) -> str:
    done = store.run("endpoints", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _add(store: Store, receiver: Receiver, *arguments: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(_run(store, "add", receiver.url, "--json", *arguments))
    return made


def _deliveries(store: Store, endpoint_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        _run(store, "deliveries", "--endpoint", endpoint_id, "--json")
    )
    return found


def _wait_for(eventually: Callable[..., Any], receiver: Receiver, count: int) -> None:
    eventually(lambda: len(receiver.received) >= count)


def test_a_purchase_arrives_once_with_the_ids_of_its_payment(
    store: Store, sandbox: Sandbox, receiver: Receiver, eventually: Callable[..., Any]
) -> None:
    made = _add(store, receiver, "--event", "payment.completed", "--event", "payment.refunded")
    store.start_web()
    store.start_worker()
    customer = store.customer()
    user_id = customer.get(f"{store.url}/api/auth/me", timeout=30).json()["user_id"]
    session_id = customer.post(
        f"{store.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    ).json()["session_id"]

    sandbox.pay(session_id)
    _wait_for(eventually, receiver, 1)
    events = json.loads(store.run("events", "list", "--json").stdout)
    completed = next(event for event in events if event["type"] == "checkout.session.completed")
    assert store.run("events", "replay", completed["id"]).returncode == 0
    payment = json.loads(store.run("payments", "show", session_id).stdout)
    assert store.run("payments", "refund", payment["id"], "--yes").returncode == 0
    _wait_for(eventually, receiver, 2)

    sale, refund = (
        Webhook(made["secret"]).verify(came.body, came.headers) for came in receiver.received
    )
    assert (sale["type"], refund["type"]) == ("payment.completed", "payment.refunded")
    assert sale["data"] == {
        "payment_id": payment["id"],
        "session_id": session_id,
        "user_id": user_id,
        "pack": "chest",
        "coins": 1000,
        "bonus": 200,
        "total_coins": 1200,
        "amount_minor": 9999,
        "currency": "usd",
        "status": "completed",
        "livemode": False,
    }
    assert refund["data"]["payment_id"] == payment["id"]
    assert (refund["data"]["refunded_minor"], refund["data"]["coins_taken"]) == (9999, 1200)
    assert len({came.headers["webhook-id"] for came in receiver.received}) == 2


def test_a_worker_that_is_killed_while_it_sends_is_followed_by_one_that_sends_again(
    store: Store, database_url: str, receiver: Receiver, eventually: Callable[..., Any]
) -> None:
    made = _add(store, receiver)
    receiver.held = threading.Event()
    _run(store, "test", made["id"])
    store.start_worker()
    _wait_for(eventually, receiver, 1)

    assert store.worker is not None
    os.killpg(store.worker.pid, signal.SIGKILL)
    store.worker.wait()
    receiver.held.set()
    (interrupted,) = _deliveries(store, made["id"])
    store.start_worker()
    with psycopg.connect(database_url, autocommit=True) as connection:
        # The turn of the killed one is over.
        connection.execute("UPDATE coinpurse.deliveries SET next_attempt_at = now()")
    _wait_for(eventually, receiver, 2)
    eventually(lambda: _deliveries(store, made["id"])[0]["state"] == "delivered")

    assert (interrupted["state"], interrupted["attempts"]) == ("waiting", 1)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_endpoints_are_kept_in_order_from_the_command_line(
    store: Store, database_url: str, receiver: Receiver, eventually: Callable[..., Any]
) -> None:
    made = _add(store, receiver, "--description", "the game")
    rotated = json.loads(_run(store, "rotate", made["id"], "--json"))
    assert rotated["secret"] != made["secret"]
    plain = store.run("endpoints", "rotate", made["id"])
    assert plain.stdout.startswith("whsec_")
    assert "not shown again" in plain.stderr

    listed = _run(store, "list", "--json")
    assert json.loads(listed)[0]["description"] == "the game"
    assert "whsec_" not in listed + _run(store, "list")
    assert "is disabled" in _run(store, "disable", made["id"])
    assert "disabled (by_hand)" in _run(store, "list")
    assert "is enabled" in _run(store, "enable", made["id"])

    receiver.statuses = [500]
    _run(store, "test", made["id"])
    store.start_worker()
    eventually(lambda: [each["state"] for each in _deliveries(store, made["id"])] == ["dead"])
    (dead,) = _deliveries(store, made["id"])
    assert "1 to be sent again" in _run(store, "replay", "--dead", made["id"])
    eventually(lambda: _deliveries(store, made["id"])[0]["state"] == "delivered")
    assert "webhook.test" in _run(store, "deliveries")
    assert "1 to be sent again" in _run(store, "replay", dead["id"])
    _wait_for(eventually, receiver, 3)

    refused = store.run("endpoints", "add", "https://user:word@example.com/")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "user name" in refused.stderr
    unknown = store.run("endpoints", "rotate", "01a210b4-d752-7bfd-bf14-f8b2a80f6954")
    assert unknown.returncode == 2
    with psycopg.connect(database_url) as connection:
        done = connection.execute("SELECT action, actor FROM coinpurse.audit_log ORDER BY id")
        actions, actors = zip(*done.fetchall(), strict=True)
    assert [action.partition(".")[2] for action in actions] == [
        *("added", "rotated", "rotated", "disabled", "enabled", "tested", "replayed", "replayed")
    ]
    assert all(actor.startswith("cli:") for actor in actors)
