"""Stripe's deliveries: refused, stored, acted on once, and tried again."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
import stripe
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from coinpurse import Coinpurse, Settings, signals
from coinpurse.inbox.rules import BACK_OFF
from coinpurse.web.webhook import tell_of_proxies
from tests.conftest import Sandbox

PACK = {"pack": "chest"}


class Deliverer:
    """Signs and delivers as Stripe does."""

    def __init__(self, host: Flask, secret: str, sandbox: Sandbox) -> None:
        self.host = host
        self.secret = secret
        self.sandbox = sandbox

    def send(
        self,
        event: dict[str, Any] | bytes | str,
        *,
        secret: str | None = None,
        at: int | None = None,
    ) -> TestResponse:
        body = (
            event
            if isinstance(event, str)
            else event
            if isinstance(event, bytes)
            else json.dumps(event)
        )
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
        header = stripe.WebhookSignature.generate_signature_header(
            text, secret or self.secret, timestamp=int(time.time()) if at is None else at
        )
        return self.host.test_client().post(
            "/api/payment/webhook",
            data=body,
            headers={"Stripe-Signature": header, "Content-Type": "application/json"},
        )

    def events_of(self, session_id: str) -> list[dict[str, Any]]:
        """Stripe's own events about a session and its payment intent, oldest first."""
        found = self.sandbox.events()
        related = {session_id}
        for event in found:
            thing = event["data"]["object"]
            if thing["id"] == session_id and thing.get("payment_intent"):
                related.add(thing["payment_intent"])
        return [event for event in reversed(found) if event["data"]["object"]["id"] in related]


@pytest.fixture
def deliverer(host: Flask, webhook_secret: str, sandbox: Sandbox) -> Deliverer:
    return Deliverer(host, webhook_secret, sandbox)


@pytest.fixture
def open_checkout(buyer: FlaskClient) -> Callable[..., str]:
    def start(**changes: str) -> str:
        response = buyer.post("/api/payment/create-checkout-session", json={**PACK, **changes})
        assert response.status_code == 200, response.get_data(as_text=True)
        session_id: str = response.json["session_id"]
        return session_id

    return start


@pytest.fixture
def paid_events(
    open_checkout: Callable[..., str], sandbox: Sandbox, deliverer: Deliverer
) -> dict[str, dict[str, Any]]:
    """What Stripe sends about one paid checkout, by type."""
    session_id = open_checkout()
    assert sandbox.pay(session_id)["result"] == "paid"
    return {event["type"]: event for event in deliverer.events_of(session_id)}


def only_payment(purse: Coinpurse) -> Any:
    (payment,) = purse.payments("ada")
    return payment


COMPLETED = "checkout.session.completed"


def test_completed_and_paid_credits_the_wallet(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    response = deliverer.send(paid_events[COMPLETED])

    assert (response.status_code, response.json) == (200, {"status": "success"})
    payment = only_payment(purse)
    assert payment.status == "completed"
    assert purse.wallet("ada").balance == 1200
    (row,) = purse.transactions("ada")
    assert (row.id, row.session_id, row.payment_id) == (
        payment.transaction_id,
        payment.session_id,
        payment.id,
    )
    event = purse.inbox.find(paid_events[COMPLETED]["id"])
    assert event is not None
    assert (event.state, event.attempts, event.next_attempt_at) == ("processed", 1, None)


def test_trap_1_parallel_deliveries_of_one_event_credit_once(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    start = Barrier(50)

    def deliver(_: int) -> int:
        start.wait(30)
        return deliverer.send(paid_events[COMPLETED]).status_code

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(deliver, range(50))) == {200}

    assert purse.wallet("ada").balance == 1200
    assert len(purse.transactions("ada")) == 1


def test_parallel_different_events_about_one_payment_credit_once(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    told = [paid_events[COMPLETED], paid_events["payment_intent.succeeded"]]
    events = [{**told[number % 2], "id": f"evt_{secrets.token_hex(8)}"} for number in range(50)]
    start = Barrier(len(events))

    def deliver(event: dict[str, Any]) -> int:
        start.wait(30)
        return deliverer.send(event).status_code

    with ThreadPoolExecutor(len(events)) as pool:
        assert set(pool.map(deliver, events)) == {200}

    assert purse.wallet("ada").balance == 1200
    assert len(purse.transactions("ada")) == 1
    assert {purse.inbox.find(event["id"]).state for event in events} == {"processed"}  # type: ignore[union-attr]


def test_trap_2_a_failed_effect_keeps_the_event_and_is_retried(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE coinpurse.grants RENAME TO grants_elsewhere")

        assert deliverer.send(paid_events[COMPLETED]).status_code == 200

        event = purse.inbox.find(paid_events[COMPLETED]["id"])
        assert event is not None
        assert (event.state, event.attempts) == ("failed", 1)
        assert event.next_attempt_at is not None
        assert event.error is not None
        assert "Traceback" in event.error
        assert "grants" in event.error
        jobs = connection.execute(
            "SELECT task_name, args, status FROM coinpurse.procrastinate_jobs"
        ).fetchall()
        [(task, arguments, status)] = jobs
        assert (task, arguments["event_id"], status) == ("process_event", event.id, "todo")
        # Its lines are told as those of the request that brought the event.
        assert arguments["request_id"]
        assert only_payment(purse).status == "pending"

        connection.execute("ALTER TABLE coinpurse.grants_elsewhere RENAME TO grants")

    assert deliverer.send(paid_events[COMPLETED]).status_code == 200
    assert purse.wallet("ada").balance == 1200
    after = purse.inbox.find(paid_events[COMPLETED]["id"])
    assert after is not None
    assert (after.state, after.attempts, after.error) == ("processed", 2, None)


def test_what_cannot_be_stored_is_not_acknowledged(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
) -> None:
    deliverer.host.testing = False
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE coinpurse.stripe_events RENAME TO events_elsewhere")
        assert deliverer.send(paid_events[COMPLETED]).status_code == 500
        connection.execute("ALTER TABLE coinpurse.events_elsewhere RENAME TO stripe_events")

    assert deliverer.send(paid_events[COMPLETED]).status_code == 200
    assert purse.wallet("ada").balance == 1200


def test_a_crash_between_the_inbox_and_the_effect_is_swept_up(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
) -> None:
    event = paid_events[COMPLETED]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state,"
            " next_attempt_at) VALUES (%s, %s, %s, false, now(), %s, 'received', now())",
            [event["id"], event["type"], event["data"]["object"]["id"], json.dumps(event)],
        )

    assert purse.inbox.process_due() == 1
    assert purse.inbox.process_due() == 0

    assert purse.wallet("ada").balance == 1200


def test_trap_5_completed_but_unpaid_waits_for_the_settlement(
    deliverer: Deliverer, open_checkout: Callable[..., str], sandbox: Sandbox, purse: Coinpurse
) -> None:
    session_id = open_checkout(currency="eur")
    assert sandbox.pay(session_id, iban="AT321904300235473204")["result"] == "processing"
    (completed,) = [
        event for event in deliverer.events_of(session_id) if event["type"] == COMPLETED
    ]
    deliverer.send(completed)

    payment = only_payment(purse)
    assert (payment.status, payment.settling_at is not None) == ("pending", True)
    assert purse.wallet("ada").balance == 0

    sandbox.post("clock/advance", seconds=3600)
    for event in deliverer.events_of(session_id):
        if event["type"] == "checkout.session.async_payment_succeeded":
            deliverer.send(event)

    payment = only_payment(purse)
    assert (payment.status, payment.settling_at) == ("completed", None)
    assert purse.wallet("ada").balance == 1200


def test_a_delayed_payment_that_fails_ends_the_payment(
    deliverer: Deliverer, open_checkout: Callable[..., str], sandbox: Sandbox, purse: Coinpurse
) -> None:
    session_id = open_checkout(currency="eur")
    assert sandbox.pay(session_id, iban="AT051904300235473205")["result"] == "processing"
    sandbox.post("clock/advance", seconds=3600)

    for event in deliverer.events_of(session_id):
        assert deliverer.send(event).status_code == 200

    assert only_payment(purse).status == "failed"
    assert purse.wallet("ada").balance == 0


def test_a_decline_is_recorded_and_the_buyer_may_try_again(
    deliverer: Deliverer, open_checkout: Callable[..., str], sandbox: Sandbox, purse: Coinpurse
) -> None:
    session_id = open_checkout()
    assert sandbox.pay(session_id, card="4000000000009995")["result"] == "declined"
    assert sandbox.pay(session_id)["result"] == "paid"
    events = deliverer.events_of(session_id)

    for event in events:
        if event["type"] == "payment_intent.payment_failed":
            deliverer.send(event)
    payment = only_payment(purse)
    assert (payment.status, payment.decline_code) == ("pending", "insufficient_funds")
    assert payment.decline_message

    for event in events:
        deliverer.send(event)
    assert only_payment(purse).status == "completed"
    assert purse.wallet("ada").balance == 1200


def test_trap_6_late_news_never_overwrites_completed(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    open_checkout: Callable[..., str],
    sandbox: Sandbox,
) -> None:
    deliverer.send(paid_events[COMPLETED])
    session = paid_events[COMPLETED]["data"]["object"]
    intent = paid_events["payment_intent.succeeded"]["data"]["object"]
    late = [
        ("checkout.session.expired", {**session, "status": "expired", "payment_status": "unpaid"}),
        ("checkout.session.async_payment_failed", {**session, "payment_status": "unpaid"}),
        ("checkout.session.completed", {**session, "payment_status": "unpaid"}),
        ("payment_intent.payment_failed", {**intent, "status": "requires_payment_method"}),
    ]
    for number, (type_, thing) in enumerate(late):
        event = {
            **paid_events[COMPLETED],
            "id": f"evt_late{number}",
            "type": type_,
            "data": {"object": thing},
        }
        assert deliverer.send(event).status_code == 200

    assert only_payment(purse).status == "completed"
    assert purse.wallet("ada").balance == 1200


def test_an_expired_checkout_is_expired(
    deliverer: Deliverer, open_checkout: Callable[..., str], sandbox: Sandbox, purse: Coinpurse
) -> None:
    session_id = open_checkout()
    sandbox.post("clock/advance", seconds=25 * 3600)

    for event in deliverer.events_of(session_id):
        deliverer.send(event)

    assert only_payment(purse).status == "expired"


def test_trap_7_a_payment_whose_session_was_never_noted_is_found_by_its_metadata(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE coinpurse.payment_sessions SET session_id = NULL, checkout_url = NULL"
        )

    deliverer.send(paid_events[COMPLETED])

    assert only_payment(purse).session_id == paid_events[COMPLETED]["data"]["object"]["id"]
    assert purse.wallet("ada").balance == 1200


def test_an_event_before_its_row_is_retried_and_in_the_end_foreign(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"]["metadata"]["payment_id"] = "01900000-0000-7000-8000-000000000000"

    states = []
    for _ in range(6):
        assert deliverer.send(event).status_code == 200
        states.append(purse.inbox.find(event["id"]).state)  # type: ignore[union-attr]

    assert states == ["failed"] * 5 + ["foreign"]
    assert purse.wallet("ada").balance == 0


def test_trap_8_the_buyer_gets_what_was_sold(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], settings: Settings, tmp_path: Any
) -> None:
    changed = tmp_path / "catalog.toml"
    changed.write_text('[[packs]]\nsku = "chest"\ncoins = 1\nprices = { usd = "500" }\n')
    other = Coinpurse(settings=settings.model_copy(update={"catalog": changed}))

    assert deliverer.send(paid_events[COMPLETED]).status_code == 200

    assert other.wallet("ada").balance == 1200
    other.database.close()


@pytest.mark.parametrize(
    "metadata",
    [{}, {"payment_id": "7"}, {"order": "ord_1"}, {"payment_id": ""}],
    ids=["none", "number", "other app", "empty"],
)
def test_trap_9_another_app_s_session_is_foreign(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    metadata: dict[str, str],
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["id"] = "evt_foreign"
    event["data"]["object"].update(id="cs_test_foreign", metadata=metadata)

    assert deliverer.send(event).status_code == 200

    assert purse.inbox.find("evt_foreign").state == "foreign"  # type: ignore[union-attr]
    assert purse.wallet("ada").balance == 0


def test_trap_10_an_event_of_the_other_mode_is_foreign(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["livemode"] = event["data"]["object"]["livemode"] = True

    assert deliverer.send(event).status_code == 200

    assert purse.inbox.find(event["id"]).state == "foreign"  # type: ignore[union-attr]
    assert purse.wallet("ada").balance == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount_total": 1}, "Stripe took 1 usd"),
        ({"amount_total": 10998}, "Stripe took 10998 usd"),
        ({"currency": "jpy"}, "9999 jpy"),
        ({"payment_status": "no_payment_required"}, "no payment was required"),
    ],
    ids=["less", "more", "currency", "free"],
)
def test_trap_4_a_payment_that_does_not_match_lands_in_review(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    change: dict[str, object],
    words: str,
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"].update(change)

    assert deliverer.send(event).status_code == 200

    payment = only_payment(purse)
    assert payment.status == "pending"
    assert words in payment.review_reason
    assert [found.id for found in purse.all_payments(in_review=True)] == [payment.id]
    assert purse.wallet("ada").balance == 0


def test_metadata_that_names_another_user_lands_in_review(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"]["metadata"]["user_id"] = "eve"

    deliverer.send(event)

    assert only_payment(purse).review_reason == "the user in Stripe's metadata is not the buyer"
    assert purse.wallet("eve").balance == 0


def test_coins_in_the_metadata_are_not_believed(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"]["metadata"].update(coins="1000000", total_coins="1000000")

    deliverer.send(event)

    assert purse.wallet("ada").balance == 1200


def test_a_second_payment_for_one_order_lands_in_review(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    deliverer.send(paid_events[COMPLETED])
    event = json.loads(json.dumps(paid_events["payment_intent.succeeded"]))
    event["id"] = "evt_second"
    event["data"]["object"]["id"] = "pi_second"

    deliverer.send(event)

    payment = only_payment(purse)
    assert (payment.status, payment.review_reason) == (
        "completed",
        "paid a second time, by pi_second",
    )
    assert purse.wallet("ada").balance == 1200


@pytest.mark.parametrize("type_", ["customer.created", "invoice.paid", "something.new"])
def test_other_types_are_ignored(deliverer: Deliverer, purse: Coinpurse, type_: str) -> None:
    event = {"id": "evt_1", "object": "event", "type": type_, "created": 1, "livemode": False,
             "data": {"object": {"id": "x", "object": "thing"}}}  # fmt: skip
    assert deliverer.send(event).status_code == 200
    assert purse.inbox.find("evt_1").state == "ignored"  # type: ignore[union-attr]


def test_a_thin_event_is_looked_up(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    session_id = paid_events[COMPLETED]["data"]["object"]["id"]
    thin = {
        "id": "evt_thin_1",
        "object": "v2.core.event",
        "type": "v1.checkout.session.completed",
        "created": "2026-11-01T10:00:00.000Z",
        "livemode": False,
        "related_object": {
            "id": session_id,
            "type": "checkout.session",
            "url": f"/v1/checkout/sessions/{session_id}",
        },
    }

    assert deliverer.send(thin).status_code == 200

    assert purse.wallet("ada").balance == 1200
    assert purse.inbox.find("evt_thin_1").state == "processed"  # type: ignore[union-attr]


def test_a_thin_event_while_stripe_is_away_is_kept_and_retried(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse, sandbox: Sandbox
) -> None:
    session_id = paid_events[COMPLETED]["data"]["object"]["id"]
    thin = {
        "id": "evt_thin_1",
        "object": "v2.core.event",
        "type": "v1.checkout.session.completed",
        "livemode": False,
        "related_object": {"id": session_id, "type": "checkout.session"},
    }
    sandbox.post("faults", kind="rate_limit", probability=1.0)
    assert deliverer.send(thin).status_code == 200
    event = purse.inbox.find("evt_thin_1")
    assert event is not None
    assert (event.state, event.next_attempt_at is not None) == ("failed", True)

    sandbox.clear_faults()
    assert purse.inbox.process("evt_thin_1").state == "processed"
    assert purse.wallet("ada").balance == 1200


def test_an_unreadable_object_is_asked_of_stripe(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    del event["data"]["object"]["payment_status"]

    assert deliverer.send(event).status_code == 200

    assert purse.wallet("ada").balance == 1200


def test_an_unknown_status_changes_nothing(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"]["payment_status"] = "partly_paid"

    assert deliverer.send(event).status_code == 200

    assert only_payment(purse).status == "pending"
    assert purse.inbox.find(event["id"]).state == "processed"  # type: ignore[union-attr]


@pytest.mark.parametrize("age", [-400, 400])
def test_a_stale_or_future_signature_is_refused(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse, age: int
) -> None:
    response = deliverer.send(paid_events[COMPLETED], at=int(time.time()) - age)

    assert (response.status_code, response.json) == (400, {"error": "Invalid signature"})
    assert purse.inbox.latest() == []


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        "t=1,v1=",
        "t=,v1=00",
        "t=1700000000,v1=é",
        "v1=00",
        "t=" + "9" * 400 + ",v1=00",
    ],
)
def test_a_bad_signature_header_is_refused(
    client: FlaskClient, purse: Coinpurse, header: str | None
) -> None:
    headers = {} if header is None else {"Stripe-Signature": header}

    response = client.post("/api/payment/webhook", data=b"{}", headers=headers)

    assert (response.status_code, response.json) == (400, {"error": "Invalid signature"})
    assert purse.inbox.latest() == []


@pytest.mark.parametrize(
    "body", ["[]", "7", "not json", "{}", '{"id": 5, "type": "a"}', '{"id": "evt_1"}'], ids=repr
)
def test_a_signed_body_that_is_no_event_is_an_invalid_payload(
    deliverer: Deliverer, purse: Coinpurse, body: str
) -> None:
    response = deliverer.send(body)

    assert (response.status_code, response.json) == (400, {"error": "Invalid payload"})
    assert purse.inbox.latest() == []


def test_a_body_changed_on_the_way_is_refused(
    client: FlaskClient,
    webhook_secret: str,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
) -> None:
    body = json.dumps(paid_events[COMPLETED])
    header = stripe.WebhookSignature.generate_signature_header(body, webhook_secret)

    response = client.post(
        "/api/payment/webhook",
        data=body.replace("1200", "9200"),
        headers={"Stripe-Signature": header},
    )

    assert response.status_code == 400
    assert purse.wallet("ada").balance == 0


def test_a_delivery_that_is_too_large_is_refused(deliverer: Deliverer) -> None:
    assert deliverer.send(b'{"id": "' + b"x" * 10_000_000 + b'"}').status_code == 413


def test_both_secrets_are_taken_while_one_is_rolled(settings: Settings, sandbox: Sandbox) -> None:
    old, new = (f"whsec_{secrets.token_hex(16)}" for _ in range(2))
    rolling = settings.model_copy(
        update={"stripe_webhook_secret": type(settings.stripe_webhook_secret)(f"{new},{old}")}  # type: ignore[misc,call-arg]
    )
    purse = Coinpurse(settings=rolling, user_id=lambda: None)
    app = Flask("rolling")
    purse.init_app(app)
    deliverer = Deliverer(app, new, sandbox)
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "customer.created",
        "data": {"object": {"id": "cus_1"}},
    }

    assert [deliverer.send(event, secret=secret).status_code for secret in (old, new)] == [200, 200]
    assert deliverer.send(event, secret="whsec_" + "0" * 32).status_code == 400
    purse.database.close()


def test_replay_of_a_processed_event_changes_nothing(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    deliverer.send(paid_events[COMPLETED])

    event = purse.inbox.process(paid_events[COMPLETED]["id"], again=True)

    assert (event.state, event.attempts) == ("processed", 2)
    assert purse.wallet("ada").balance == 1200


@pytest.mark.parametrize("again", ["replay", "redelivery"])
def test_trap_3_attempts_end_and_the_dead_event_is_told_of_and_revived(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
    again: str,
) -> None:
    alerts: list[dict[str, Any]] = []

    def hear(_sender: object, **facts: Any) -> None:
        alerts.append(facts)

    event_id = paid_events[COMPLETED]["id"]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE coinpurse.grants RENAME TO grants_elsewhere")
        deliverer.send(paid_events[COMPLETED])
        with signals.operator_alerted.connected_to(hear):
            states = [purse.inbox.process(event_id).state for _ in BACK_OFF]
        dead = purse.inbox.find(event_id)
        assert dead is not None
        assert (dead.state, dead.attempts, dead.next_attempt_at) == (
            "dead",
            len(BACK_OFF) + 1,
            None,
        )
        assert states == ["failed"] * (len(BACK_OFF) - 1) + ["dead"]
        assert purse.inbox.process_due() == 0
        connection.execute("ALTER TABLE coinpurse.grants_elsewhere RENAME TO grants")

    (alert,) = alerts
    assert (alert["event"], alert["facts"]["event_id"]) == ("event.dead", event_id)
    if again == "replay":
        purse.inbox.process(event_id, again=True)
    else:
        assert deliverer.send(paid_events[COMPLETED]).status_code == 200
    revived = purse.inbox.find(event_id)
    assert revived is not None
    assert (revived.state, revived.error) == ("processed", None)
    assert purse.wallet("ada").balance == 1200


def test_an_event_of_another_mode_than_its_object_is_foreign(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], purse: Coinpurse
) -> None:
    assert deliverer.send({**paid_events[COMPLETED], "livemode": True}).status_code == 200

    assert purse.wallet("ada").balance == 0


def test_only_a_signed_knock_at_a_store_is_told_of_proxies(
    deliverer: Deliverer, paid_events: dict[str, dict[str, Any]], host: Flask
) -> None:
    knock = {"id": "evt_k", "object": "event", "type": "coinpurse.knock", "created": 1, "livemode": False,
             "data": {"object": {"id": "knock", "object": "coinpurse.knock"}}}  # fmt: skip
    name = "Coinpurse-Forwarded-For"

    in_a_host = deliverer.send(knock)
    tell_of_proxies(host)
    unsigned = deliverer.send(knock, secret="whsec_of_somebody_else")

    assert (in_a_host.status_code, unsigned.status_code) == (200, 400)
    assert [name in answer.headers for answer in (in_a_host, unsigned)] == [False, False]
    assert name not in deliverer.send(paid_events[COMPLETED]).headers
    assert deliverer.send(knock).headers[name] == "0"


def test_a_session_of_another_payment_lands_in_review(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    open_checkout: Callable[..., str],
    purse: Coinpurse,
    database_url: str,
) -> None:
    other = open_checkout()
    event = json.loads(json.dumps(paid_events[COMPLETED]))
    event["data"]["object"]["id"] = other
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE coinpurse.payment_sessions SET session_id = NULL WHERE session_id <> %s",
            [other],
        )

    deliverer.send(event)

    (payment,) = purse.all_payments(in_review=True)
    assert payment.session_id is None
    assert purse.wallet("ada").balance == 0


def test_one_unreadable_event_does_not_stop_the_sweep(
    deliverer: Deliverer,
    paid_events: dict[str, dict[str, Any]],
    purse: Coinpurse,
    database_url: str,
) -> None:
    event = paid_events[COMPLETED]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for id_, payload in (("evt_0", "[]"), (event["id"], json.dumps(event))):
            connection.execute(
                "INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state,"
                " next_attempt_at) VALUES (%s, %s, '', false, now(), %s, 'received', now())",
                [id_, event["type"], payload],
            )

    assert purse.inbox.process_due() == 2

    assert purse.wallet("ada").balance == 1200
