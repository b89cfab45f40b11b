"""Webhooks: signed, retried, recorded, waited for, and disturbed on demand."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import stripe
from sandbox_process import SECRET, Receiver, Sandbox, running, start

COMPLETED = "checkout.session.completed"


def test_paying_delivers_signed_events(delivering: Sandbox, receiver: Receiver) -> None:
    session = delivering.session(metadata={"payment_id": "7"}, client_reference_id="user-1")
    delivering.pay(session.id, wait=10)

    event = receiver.wait_for(COMPLETED)[0]

    assert event["data"]["object"]["metadata"] == {"payment_id": "7"}
    assert event["data"]["object"]["client_reference_id"] == "user-1"
    assert event["data"]["object"]["payment_status"] == "paid"
    assert event["request"]["id"] is None or event["request"]["id"].startswith("req_")


def test_effects_come_in_stripes_order(delivering: Sandbox) -> None:
    session = delivering.paid_session()
    delivering.advance(2)

    types = [name for name in delivering.event_types() if name != "product.created"]

    assert types == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]
    assert session.status == "complete"


def test_only_enabled_events_are_delivered(fresh: Sandbox, receiver: Receiver) -> None:
    endpoint = fresh.stripe.v1.webhook_endpoints.create(
        params={"url": receiver.url, "enabled_events": [COMPLETED]}
    )
    receiver.secret = endpoint.secret
    fresh.paid_session()
    fresh.flush()

    assert receiver.types() == [COMPLETED]
    shown = fresh.stripe.v1.webhook_endpoints.retrieve(endpoint.id)
    assert getattr(shown, "secret", None) is None


def test_a_disabled_endpoint_gets_nothing(fresh: Sandbox, receiver: Receiver) -> None:
    client = fresh.stripe
    endpoint = client.v1.webhook_endpoints.create(
        params={"url": receiver.url, "enabled_events": ["*"]}
    )
    client.v1.webhook_endpoints.update(endpoint.id, params={"disabled": True})
    fresh.paid_session()
    fresh.flush()

    assert receiver.types() == []


def test_failed_deliveries_are_retried_with_a_fresh_signature(
    tmp_path: Path, receiver: Receiver
) -> None:
    options = ("--webhook-url", receiver.url, "--webhook-secret", SECRET)
    receiver.answer = lambda event: 500 if len(receiver.bodies) < 3 else 200
    with running(tmp_path / "s.sqlite", *options, "--retry-delays", "1,1,60") as sandbox:
        sandbox.stripe.v1.customers.create()
        receiver.wait_for("customer.created", 3)
        sandbox.flush()
        delivery = sandbox.control("GET", "/deliveries")["deliveries"][0]

    assert [attempt["status"] for attempt in delivery["attempts"]] == [500, 500, 200]
    assert delivery["status"] == "succeeded"
    assert len(set(receiver.headers)) == 3
    assert len(set(receiver.bodies)) == 1


def test_an_unreachable_endpoint_is_given_up_after_the_last_retry(tmp_path: Path) -> None:
    options = ("--webhook-url", "http://127.0.0.1:9/none", "--retry-delays", "30,60")
    with running(tmp_path / "s.sqlite", *options) as sandbox:
        sandbox.stripe.v1.customers.create()
        for seconds in (0, 31, 61):
            sandbox.advance(seconds)
            sandbox.flush()
        delivery = sandbox.control("GET", "/deliveries")["deliveries"][0]
        event = sandbox.stripe.v1.events.list(params={"delivery_success": False}).data[0]

    assert (delivery["status"], len(delivery["attempts"])) == ("failed", 3)
    assert "ConnectionError" in delivery["attempts"][0]["error"]
    assert event.pending_webhooks == 1


def test_pending_webhooks_counts_down(delivering: Sandbox, receiver: Receiver) -> None:
    receiver.answer = lambda event: 500
    delivering.stripe.v1.customers.create()
    delivering.flush()
    event = delivering.stripe.v1.events.list().data[0]
    assert event.pending_webhooks == 1

    receiver.answer = lambda event: 200
    delivering.control("POST", "/deliveries/flush", {"retries": True})

    assert delivering.stripe.v1.events.retrieve(event.id).pending_webhooks == 0
    listed = delivering.stripe.v1.events.list(params={"delivery_success": True}).data
    assert [found.id for found in listed] == [event.id]


def test_redirects_do_not_count_as_delivered(delivering: Sandbox, receiver: Receiver) -> None:
    receiver.answer = lambda event: 302
    delivering.stripe.v1.customers.create()
    delivering.flush()

    assert delivering.control("GET", "/deliveries")["deliveries"][0]["status"] == "pending"


def test_an_event_can_be_sent_again(delivering: Sandbox, receiver: Receiver) -> None:
    delivering.stripe.v1.customers.create()
    event = receiver.wait_for("customer.created")[0]
    endpoint = delivering.stripe.v1.webhook_endpoints.list().data[0]

    delivering.control("POST", "/deliveries/redeliver", {"event": event["id"]})
    receiver.wait_for("customer.created", 2)
    delivering.request(
        "POST", f"/v1/events/{event['id']}/retry", data={"webhook_endpoint": endpoint.id}
    )

    assert len(set(receiver.bodies)) == 1
    assert len(receiver.wait_for("customer.created", 3)) == 3


@pytest.mark.parametrize(
    ("rule", "count"),
    [({"kind": "lose"}, 0), ({"kind": "repeat", "copies": 2}, 3), ({"kind": "delay"}, 1)],
)
def test_delivery_faults(
    delivering: Sandbox, receiver: Receiver, rule: dict[str, Any], count: int
) -> None:
    delivering.control(
        "POST", "/faults", rule | {"event_type": "customer.*", "count": 1, "seconds": 0.3}
    )
    delivering.stripe.v1.customers.create()
    delivering.flush()
    time.sleep(0.6)
    delivering.flush()

    assert len(receiver.events) == count
    assert delivering.control("GET", "/faults")["counts"] == {rule["kind"]: 1}


def test_reordering_follows_the_seed(delivering: Sandbox, receiver: Receiver) -> None:
    delivering.control("POST", "/faults", {"kind": "reorder", "seconds": 600})
    orders = []
    for _ in range(2):
        delivering.control("POST", "/seed", {"seed": 42})
        delivering.control("POST", "/clock/freeze")
        for number in range(6):
            delivering.stripe.v1.customers.create(params={"description": str(number)})
        found = delivering.control("GET", "/deliveries", None)["deliveries"][:6]
        orders.append(sorted(range(6), key=lambda at: found[at]["due"]))
        delivering.advance(600)
        delivering.flush()

    assert orders[0] == orders[1] != [5, 4, 3, 2, 1, 0]


def test_deliveries_survive_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    state = tmp_path / "s.sqlite"
    options = ("--webhook-url", receiver.url, "--webhook-secret", SECRET)
    receiver.answer = lambda event: 500
    first = start(state, *options, "--retry-delays", "1,1,1,1,1,1,1,1")
    session = first.paid_session()
    first.flush()
    first.kill()
    assert first.process.stdout is not None
    first.process.stdout.close()

    # From here on: the new process may well be quicker with what is due than this test.
    before = len(receiver.types())
    receiver.answer = lambda event: 200
    with running(state, *options) as second:
        again = second.stripe.v1.checkout.sessions.retrieve(session.id)
        assert again.payment_status == "paid"
        second.flush(retries=True)

        assert COMPLETED in receiver.types()[before:]
        assert second.stripe.v1.events.list(params={"delivery_success": False}).data == []


def test_thin_events_are_delivered_and_fetched(fresh: Sandbox, receiver: Receiver) -> None:
    client = fresh.stripe
    destination = client.v2.core.event_destinations.create(
        params={
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": [f"v1.{COMPLETED}"],
            "webhook_endpoint": {"url": receiver.url},
            "include": ["webhook_endpoint.signing_secret"],
        }
    )
    assert destination.webhook_endpoint is not None
    receiver.secret = destination.webhook_endpoint.signing_secret or ""
    session = fresh.paid_session()

    event = receiver.wait_for(f"v1.{COMPLETED}")[0]
    notification = client.parse_event_notification(
        receiver.bodies[0], receiver.headers[0], receiver.secret
    )

    assert "data" not in event
    assert event["related_object"]["id"] == session.id
    assert notification.id == event["id"]
    assert client.v2.core.events.retrieve(event["id"]).type == f"v1.{COMPLETED}"
    related = fresh.request("GET", event["related_object"]["url"]).json()
    assert related["payment_status"] == "paid"


def test_payloads_carry_the_endpoints_version(fresh: Sandbox, receiver: Receiver) -> None:
    endpoint = fresh.stripe.v1.webhook_endpoints.create(
        params={
            "url": receiver.url,
            "enabled_events": ["customer.created"],
            "api_version": "2026-09-30.endive",  # type: ignore[typeddict-item]
        }
    )
    receiver.secret = endpoint.secret
    fresh.stripe.v1.customers.create()

    assert receiver.wait_for("customer.created")[0]["api_version"] == "2026-09-30.endive"


def test_a_wrong_secret_is_noticed_by_the_receiver(delivering: Sandbox, receiver: Receiver) -> None:
    delivering.stripe.v1.customers.create()
    receiver.wait_for("customer.created")

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(
            receiver.bodies[0].decode(), receiver.headers[0], "whsec_" + "other"
        )
