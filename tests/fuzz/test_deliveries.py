"""Odd events, delivered to a store with a database: never an error of ours, never a coin."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from coinpurse import Coinpurse
from tests.conftest import Sandbox
from tests.fuzz.mutations import mutate, mutate_event
from tests.inbox.test_webhook import Deliverer

DELIVERIES = 150
AS_IT_WAS = """
    UPDATE coinpurse.payment_sessions
       SET status = 'pending', payment_intent_id = NULL, settling_at = NULL, decline_code = NULL,
           decline_message = NULL, declined_at = NULL, failure_reason = NULL, review_reason = NULL, completed_at = NULL
"""
Change = Callable[[dict[str, Any], dict[str, Any]], object]
# Each by itself keeps a paid session from being credited, whatever else is odd about the event.
SPOILING: tuple[Change, ...] = (
    lambda _, session: session.update(amount_total=session.get("amount_total", 0) - 1),
    lambda _, session: session.update(amount_total=10**12),
    lambda _, session: session.update(currency="jpy"),
    lambda _, session: session.update(payment_status="unpaid"),
    lambda _, session: session.update(payment_status="paid\u200b"),
    lambda _, session: session.update(status="open"),
    lambda _, session: session.update(livemode=True),
    lambda event, _: event.update(livemode=True),
    lambda event, _: event.update(type="checkout.session.expired", data={"object": {}}),
    lambda _, session: session.update(metadata={"payment_id": "0", "user_id": "ada"}, id="cs_x"),
    lambda _, session: session.update(metadata={**_metadata(session), "user_id": "eve"}),
    lambda _, session: session.update(object="payment_intent"),
)


def _metadata(session: dict[str, Any]) -> dict[str, Any]:
    found = session.get("metadata")
    return found if isinstance(found, dict) else {}


def _paid_event(
    purse: Coinpurse, buyer: FlaskClient, sandbox: Sandbox, deliverer: Deliverer
) -> dict[str, Any]:
    """What Stripe would send if an open checkout were paid. Whoever asks Stripe hears that it is not."""
    body = {"pack": "chest"}
    for _ in range(2):
        buyer.post("/api/payment/create-checkout-session", json=body)
    unpaid, paid = purse.payments("ada")
    assert paid.session_id is not None
    sandbox.pay(paid.session_id)
    (event,) = [
        each
        for each in deliverer.events_of(paid.session_id)
        if each["type"] == "checkout.session.completed"
    ]
    text = json.dumps(event).replace(paid.session_id, str(unpaid.session_id))
    told: dict[str, Any] = json.loads(text.replace(str(paid.id), str(unpaid.id)))
    return told


def test_signed_events_that_are_spoilt_are_kept_or_refused_and_credit_nothing(
    host: Flask, buyer: FlaskClient, sandbox: Sandbox, webhook_secret: str, purse: Coinpurse
) -> None:
    deliverer = Deliverer(host, webhook_secret, sandbox)
    paid = _paid_event(purse, buyer, sandbox, deliverer)
    chance = random.Random(20261120)

    for number in range(DELIVERIES):
        event = (
            mutate_event(paid, chance) if chance.random() < 0.8 else json.loads(json.dumps(paid))
        )
        if isinstance(event, dict):
            event["id"] = f"evt_odd_{number}"
            data = event.get("data")
            session = data.get("object") if isinstance(data, dict) else None
            if isinstance(session, dict):
                if type(session.get("amount_total")) is not int:
                    session["amount_total"] = 0
                chance.choice(SPOILING)(event, session)
        answer = deliverer.send(json.dumps(event).encode())
        assert answer.status_code in (200, 400), (number, event)
        assert purse.wallet("ada").balance == purse.wallet("eve").balance == 0, (number, event)
        # Whatever it did to the payment, the next one finds it as it was.
        with purse.database.unit_of_work() as work:
            work.execute(AS_IT_WAS)

    # It was for the spoiling alone.
    assert deliverer.send(paid).status_code == 200
    assert purse.wallet("ada").balance == 1200
    assert not [found for _wallets, found in purse.verify() if found]


def test_deliveries_that_nobody_signed_are_refused_and_kept_nowhere(
    host: Flask, buyer: FlaskClient, sandbox: Sandbox, webhook_secret: str, purse: Coinpurse
) -> None:
    paid = _paid_event(purse, buyer, sandbox, Deliverer(host, webhook_secret, sandbox))
    body = json.dumps(paid).encode()
    chance = random.Random(20261121)
    client = host.test_client()

    for number in range(DELIVERIES):
        header = mutate(b"t=1795262400,v1=" + b"0" * 64, chance)
        shown = header.decode("latin-1").replace("\n", "").replace("\r", "").replace("\0", "")
        answer = client.post(
            "/api/payment/webhook",
            data=body,
            headers={"Stripe-Signature": shown},
        )
        assert (answer.status_code, answer.json) == (400, {"error": "Invalid signature"}), number

    assert purse.inbox.find(paid["id"]) is None
    assert purse.wallet("ada").balance == 0
