"""The log lines of a whole story, as the processes of the store wrote them."""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from tests.conftest import Sandbox, Store

CARD = "4242424242424242"
EMAIL = "ada.lovelace@example.com"
PASSWORD = "a-long-and-secret-password"
REQUEST_ID = "from-the-proxy-17"


def signed(store: Store, event: dict[str, Any]) -> tuple[str, str]:
    body = json.dumps(event)
    secret = store.settings.require_webhook_secrets()[0]
    return body, stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()))


def lines_of(store: Store, process: str) -> list[dict[str, Any]]:
    """Every line of a process. One that is not JSON did not pass our set-up, and fails here."""
    written = (store.directory / f"{process}.log").read_text()
    own = [line for line in written.splitlines() if not line.startswith("Coinpurse listens on")]
    return [json.loads(line) for line in own]


def buy(store: Store, sandbox: Sandbox, eventually: Callable[..., Any]) -> tuple[str, list[str]]:
    """Register, fail to log in, log in, buy; returns the session's id and what must stay secret."""
    session = requests.Session()
    session.headers["Origin"] = store.url
    answer = session.post(
        f"{store.url}/api/auth/register", json={"email": EMAIL, "password": PASSWORD}, timeout=30
    )
    answer.raise_for_status()
    wrong = "a-wrong-password-that-somebody-typed"
    refused = session.post(
        f"{store.url}/api/auth/login", json={"email": EMAIL, "password": wrong}, timeout=30
    )
    assert refused.status_code == 401
    started = session.post(
        f"{store.url}/api/payment/create-checkout-session",
        json={"price_usd": 99.99, "coins": 1000, "bonus": 200},
        timeout=30,
    ).json()
    sandbox.pay(started["session_id"], number=CARD, email=EMAIL)
    status = f"{store.url}/api/payment/status/{started['session_id']}"
    eventually(lambda: session.get(status, timeout=30).json()["status"] == "completed")
    return started["session_id"], [wrong, *session.cookies.values()]


def deliver_wrong_things(store: Store) -> tuple[str, list[str]]:
    """Send a delivery with a wrong signature, and one about a payment that is not there; returns its event's id."""
    body, right = signed(store, {"id": "evt_wrong", "marker": "raw-body-of-a-delivery"})
    wrong = re.sub(r"v1=....", "v1=0000", right)
    webhook = f"{store.url}/api/payment/webhook"
    refused = requests.post(webhook, data=body, headers={"Stripe-Signature": wrong}, timeout=30)
    assert refused.status_code == 400
    event_id = f"evt_{secrets.token_hex(8)}"
    early, signature = signed(
        store,
        {
            "id": event_id,
            "object": "event",
            "type": "payment_intent.succeeded",
            "created": int(time.time()),
            "livemode": False,
            "data": {
                "object": {
                    "id": "pi_early",
                    "object": "payment_intent",
                    "status": "succeeded",
                    "amount": 500,
                    "currency": "usd",
                    "livemode": False,
                    "metadata": {"payment_id": str(uuid.uuid4()), "note": "raw-body-of-a-delivery"},
                }
            },
        },
    )
    taken = requests.post(
        webhook,
        data=early,
        headers={"Stripe-Signature": signature, "X-Request-Id": REQUEST_ID},
        timeout=30,
    )
    assert (taken.status_code, taken.headers["X-Request-Id"]) == (200, REQUEST_ID)
    return event_id, ["raw-body-of-a-delivery", wrong.partition("v1=")[2], signature]


@pytest.mark.usefixtures("sandbox")
def test_lines_tell_the_whole_story_and_no_secret(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    store.start_worker()
    session_id, hidden = buy(store, sandbox, eventually)
    made = store.run("keys", "create", "--name", "game", "--scope", "read", "--json")
    api_key = json.loads(made.stdout)["key"]
    for key in (api_key, api_key[:-1] + "0"):
        requests.get(
            f"{store.url}/api/v1/wallets/x", headers={"Authorization": f"Bearer {key}"}, timeout=30
        )
    # The command or the webhook settles the payment, whichever comes first; commands keep such lines to themselves.
    store.environment["COINPURSE_LOG_LEVEL"] = "INFO"
    refund = store.run("payments", "refund", session_id, "--yes")
    assert refund.returncode == 0, refund.stderr
    payment = json.loads(store.run("payments", "list", "--json").stdout)[0]
    event_id, delivered = deliver_wrong_things(store)
    # Its second attempt is the worker's, five seconds later.
    again = eventually(
        lambda: [
            line
            for line in lines_of(store, "worker")
            if line["event"] == "event.failed" and line.get("event_id") == event_id
        ],
    )
    store.stop()

    by_command = [json.loads(line) for line in refund.stderr.splitlines() if line.startswith("{")]
    lines = [*lines_of(store, "serve"), *lines_of(store, "worker"), *by_command]
    written = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + refund.stderr
    settings = store.settings
    never = {
        *hidden,
        *delivered,
        settings.require_stripe_key(),
        *settings.require_webhook_secrets(),
        settings.require_secret_key(),
        api_key,
        PASSWORD,
        EMAIL,
        EMAIL.upper(),
        CARD,
        CARD[-4:] + " ",
    }
    assert [secret for secret in never if secret in written] == []

    told = {line["event"]: line for line in lines if line.get("payment_id") == payment["id"]}
    assert {"checkout.started", "purchase.fulfilled", "payment.settled"} <= told.keys()
    [rejected] = [line for line in lines if line["event"] == "webhook.rejected"]
    assert rejected["request_id"] != REQUEST_ID
    assert told["checkout.started"]["request_id"] != told["purchase.fulfilled"]["request_id"]
    at_web = [line for line in lines_of(store, "serve") if line.get("event_id") == event_id]
    assert {line["request_id"] for line in (*at_web, *again)} == {REQUEST_ID}
    assert again[0]["job"] == "process_event"
