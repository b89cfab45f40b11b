"""The web socket of `stripe listen`, spoken directly."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe
from sandbox_process import Sandbox
from simple_websocket import Client


def open_session(sandbox: Sandbox, *features: str) -> Any:
    form = [("device_name", "test"), *(("websocket_features[]", name) for name in features)]
    return sandbox.request("POST", "/v1/stripecli/sessions", data=form).json()


def connect(session: Any) -> Client:
    return Client(
        session["websocket_url"] + "?websocket_feature=webhooks",
        headers={"Websocket-Id": session["websocket_id"]},
    )


def messages(socket: Client, count: int, timeout: float = 30) -> list[Any]:
    received = []
    for _ in range(count):
        message = socket.receive(timeout=timeout)
        if message is None:
            break
        received.append(json.loads(message))
    return received


def test_events_without_an_acknowledgement_come_again(fresh: Sandbox) -> None:
    session = open_session(fresh, "webhooks")
    first = connect(session)
    assert messages(first, 1, timeout=0.5) == []
    fresh.stripe.v1.customers.create()
    sent = messages(first, 1)[0]
    first.close()

    second = connect(session)
    again = messages(second, 1)[0]
    second.send(json.dumps({
        "type": "event_ack",
        "event_id": json.loads(again["event_payload"])["id"],
        "webhook_conversation_id": again["webhook_conversation_id"],
    }))  # fmt: skip
    fresh.stripe.v1.products.create(params={"name": "A"})
    following = messages(second, 1)[0]
    second.close()

    assert again["event_payload"] == sent["event_payload"]
    assert json.loads(following["event_payload"])["type"] == "product.created"
    assert stripe.WebhookSignature.verify_header(
        again["event_payload"], again["http_headers"]["Stripe-Signature"], session["secret"]
    )


@pytest.mark.parametrize("features", [("v2_events",), ("webhooks", "v2_events")])
def test_thin_events_are_pushed_where_asked_for(fresh: Sandbox, features: tuple[str, ...]) -> None:
    socket = connect(open_session(fresh, *features))
    assert messages(socket, 1, timeout=0.5) == []
    fresh.stripe.v1.customers.create()
    received = messages(socket, len(features))
    socket.close()

    thin = next(message for message in received if message["type"] == "v2_event")
    assert json.loads(thin["payload"])["type"] == "v1.customer.created"


def test_the_secret_is_stable_for_a_key(sandbox: Sandbox) -> None:
    first, second = (open_session(sandbox, "webhooks") for _ in range(2))

    assert first["secret"] == second["secret"]
    assert first["websocket_id"] != second["websocket_id"]
    assert "?" not in first["websocket_url"]
