"""Stripe's lists, page by page: what is asked for, what is found, and what is left out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe
from structlog.testing import capture_logs

from coinpurse.errors import GatewayError
from coinpurse.ports import (
    BalanceTransaction,
    CheckoutParameters,
    CheckoutSession,
    Dispute,
    FraudWarning,
    Refund,
    StripeEvent,
    StripePrice,
    StripeProduct,
)
from coinpurse.stripe_gateway import Gateway
from coinpurse.stripe_gateway.lists import LISTS
from tests.waiting import wait_until

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
KINDS = [
    CheckoutSession,
    Refund,
    Dispute,
    FraudWarning,
    BalanceTransaction,
    StripeEvent,
    StripeProduct,
    StripePrice,
]
PARAMETERS = {
    "mode": "payment",
    "success_url": "https://app.example/success",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {
                "currency": "usd",
                "unit_amount": 9999,
                "product_data": {"name": "1000 Coins"},
            },
        }
    ],
}


def listed(*entries: Any, has_more: Any = False) -> dict[str, Any]:
    return {"object": "list", "data": list(entries), "has_more": has_more, "url": "/v1/things"}


def open_session(gateway: Gateway) -> CheckoutSession:
    return gateway.create_checkout_session(CheckoutParameters(PARAMETERS, secrets.token_hex(8)))


def every(gateway: Gateway, kind: Any, since: datetime) -> list[Any]:
    """All pages, each of at most 100 and all readable."""
    found: list[Any] = []
    cursor = None
    while True:
        page = gateway.list_page(kind, since=since, cursor=cursor)
        assert len(page.items) <= 100
        assert page.unreadable_ids == ()
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert cursor == found[-1].id


@pytest.fixture
def sequel(sandbox_gateway: Gateway, sandbox: Any) -> dict[str, str]:
    """A payment that was warned of, refunded in part and disputed; ids by kind."""
    session = open_session(sandbox_gateway)
    assert sandbox.pay(session.id)["result"] == "paid"
    intent = str(sandbox_gateway.get_checkout_session(session.id).payment_intent_id)
    warning = sandbox.post(f"charges/{intent}/warning").json()
    refund = sandbox_gateway.create_refund(
        intent, amount_minor=500, reason=None, metadata={}, idempotency_key=secrets.token_hex(8)
    )
    dispute = sandbox.post(f"charges/{intent}/dispute", amount=4000).json()
    return {
        "CheckoutSession": session.id,
        "Refund": refund.id,
        "Dispute": dispute["id"],
        "FraudWarning": warning["id"],
        "intent": intent,
        "charge": dispute["charge"],
    }


# What the sandbox has --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS[:4])
def test_list_has_what_was_made(
    sandbox_gateway: Gateway, sequel: dict[str, str], kind: type[Any]
) -> None:
    found = every(sandbox_gateway, kind, datetime.now(UTC) - timedelta(hours=1))

    (made,) = [each for each in found if each.id == sequel[kind.__name__]]
    assert isinstance(made, kind)
    assert made.payment_intent_id == sequel["intent"]


def test_movements_of_the_balance_lead_to_the_payment(
    sandbox_gateway: Gateway, sequel: dict[str, str]
) -> None:
    wanted = {
        ("charge", 9999, sequel["charge"]),
        ("refund", -500, sequel["Refund"]),
        ("adjustment", -4000, sequel["Dispute"]),
    }

    def found() -> set[tuple[str, int, str | None]]:
        since = datetime.now(UTC) - timedelta(hours=1)
        movements = every(sandbox_gateway, BalanceTransaction, since)
        return {
            (each.type, each.amount_minor, each.source_id)
            for each in movements
            if each.payment_intent_id == sequel["intent"]
        }

    # Stripe books a charge a moment after the payment.
    wait_until(lambda: len(found()) >= len(wanted))
    assert found() == wanted


def test_nothing_is_older_than_asked_for(
    sandbox_gateway: Gateway, sandbox: Any, sequel: dict[str, str]
) -> None:
    since = sandbox.now() + timedelta(hours=1)

    assert [every(sandbox_gateway, kind, since) for kind in KINDS] == [[] for _ in KINDS]


def test_pages_follow_each_other_without_gap_or_repeat(sandbox_gateway: Gateway) -> None:
    opened = [open_session(sandbox_gateway).id for _ in range(205)]

    found = [each.id for each in every(sandbox_gateway, CheckoutSession, SINCE)]

    assert len(found) == len(set(found))
    assert found[:205] == opened[::-1]


# Events that were not taken ---------------------------------------------------------------------


@pytest.fixture
def endpoint(sandbox: Any, server: Any, secret_key: str) -> Iterator[str]:
    """A webhook endpoint at the local server."""
    client = stripe.StripeClient(secret_key, base_addresses={"api": sandbox.url})
    made = client.v1.webhook_endpoints.create(
        params={"url": server.url + "/hook", "enabled_events": ["checkout.session.completed"]}
    )
    yield made.id
    client.v1.webhook_endpoints.delete(made.id)


def wait_for_delivery(server: Any, session_id: str) -> str:
    told = session_id.encode()
    bodies = wait_until(lambda: [each.body for each in server.received if told in each.body])
    return str(bodies[0].decode())


def test_event_that_was_refused_reads_as_its_delivery(
    sandbox_gateway: Gateway, sandbox: Any, server: Any, endpoint: str
) -> None:
    server.answer(500, {})
    session = open_session(sandbox_gateway)
    sandbox.pay(session.id)
    delivered = sandbox_gateway.parse_event(wait_for_delivery(server, session.id))

    events = every(sandbox_gateway, StripeEvent, SINCE)

    (found,) = [event for event in events if event.object_id == session.id]
    assert isinstance(found.object, CheckoutSession)
    assert found.object.payment_status == "paid"
    assert replace(found, payload="") == replace(delivered, payload="")
    assert sandbox_gateway.parse_event(found.payload) == found
    said, was_said = json.loads(found.payload), json.loads(delivered.payload)
    # Stripe counts in it who has yet to take the event.
    assert said | {"pending_webhooks": 0} == was_said | {"pending_webhooks": 0}


def test_event_that_was_taken_is_not_listed(
    sandbox_gateway: Gateway, sandbox: Any, server: Any, endpoint: str
) -> None:
    server.answer(200, {})
    session = open_session(sandbox_gateway)
    sandbox.pay(session.id)
    wait_for_delivery(server, session.id)
    sandbox.post("deliveries/flush")

    events = every(sandbox_gateway, StripeEvent, SINCE)

    assert [event for event in events if event.object_id == session.id] == []


# What is asked for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path", "more"),
    [
        (CheckoutSession, "/v1/checkout/sessions", {}),
        (Refund, "/v1/refunds", {}),
        (Dispute, "/v1/disputes", {}),
        (FraudWarning, "/v1/radar/early_fraud_warnings", {}),
        (BalanceTransaction, "/v1/balance_transactions", {"expand[0]": "data.source"}),
        (StripeEvent, "/v1/events", {"delivery_success": "false"}),
    ],
)
def test_page_is_asked_for(
    gateway: Gateway, server: Any, kind: Any, path: str, more: dict[str, str]
) -> None:
    server.answer(body=listed())
    gateway.list_page(kind, since=SINCE)
    gateway.list_page(kind, since=SINCE, cursor="x_1")

    asked = [urlsplit(request.path) for request in server.received]

    first = {"created[gte]": str(int(SINCE.timestamp())), "limit": "100"} | more
    assert [each.path for each in asked] == [path, path]
    assert dict(parse_qsl(asked[0].query)) == first
    assert dict(parse_qsl(asked[1].query)) == first | {"starting_after": "x_1"}


def test_every_kind_has_its_list() -> None:
    assert set(LISTS) == set(KINDS)


def test_cursor_that_is_no_id_is_never_sent(gateway: Gateway, server: Any) -> None:
    with pytest.raises(GatewayError, match="not an id"):
        gateway.list_page(Refund, since=SINCE, cursor="re_1&limit=1")
    assert server.received == []


# What cannot be read ----------------------------------------------------------------------------


def test_unreadable_entries_are_named_and_do_not_end_the_list(
    gateway: Gateway, server: Any, refund_json: dict[str, Any], warning_json: dict[str, Any]
) -> None:
    broken = refund_json | {"id": "re_2", "amount": None}
    other = warning_json | {"id": "issfr_3"}
    server.answer(body=listed(refund_json, other, None, broken, has_more=True))

    with capture_logs() as logs:
        page = gateway.list_page(Refund, since=SINCE)

    assert [refund.id for refund in page.items] == ["re_1"]
    assert page.unreadable_ids == ("issfr_3", "", "re_2")
    assert page.next_cursor == "re_2"
    assert [(line["event"], line["object_id"]) for line in logs] == [
        ("stripe.entry_unreadable", "issfr_3"),
        ("stripe.entry_unreadable", ""),
        ("stripe.entry_unreadable", "re_2"),
    ]


@pytest.mark.parametrize(
    "change", [{"type": None}, {"created": None}, {"id": "evt 1"}, {"object": "v2.core.event"}]
)
def test_unreadable_event_does_not_end_the_list(
    gateway: Gateway, server: Any, event_json: dict[str, Any], change: dict[str, Any]
) -> None:
    server.answer(body=listed(event_json | {"id": "evt_0"} | change, event_json))

    page = gateway.list_page(StripeEvent, since=SINCE)

    assert [event.id for event in page.items] == ["evt_1"]
    assert len(page.unreadable_ids) == 1


def test_event_about_something_odd_is_kept(
    gateway: Gateway, server: Any, event_json: dict[str, Any]
) -> None:
    odd = event_json | {"data": {"object": {"object": "checkout.session", "id": "cs_1"}}}
    server.answer(body=listed(odd))

    (event,) = gateway.list_page(StripeEvent, since=SINCE).items

    assert (event.object, event.object_id) == (None, "cs_1")


@pytest.mark.parametrize(
    "answer",
    [
        {"object": "list", "has_more": False},
        {"object": "list", "data": {}, "has_more": False},
        {"object": "list", "data": []},
        listed(has_more=True),
        listed(None, has_more=True),
        listed({"object": "refund", "id": "re_0"}, has_more=True),
        {"object": "refund", "id": "re_1"},
    ],
)
def test_what_is_no_page_is_refused(gateway: Gateway, server: Any, answer: dict[str, Any]) -> None:
    server.answer(body=answer, Request_Id="req_7")

    with pytest.raises(GatewayError, match="cannot be used") as refused:
        gateway.list_page(Refund, since=SINCE, cursor="re_0")
    assert (refused.value.status, refused.value.request_id) == (200, "req_7")
    assert not refused.value.retryable


@pytest.mark.parametrize("kind", KINDS)
def test_stripes_refusal_of_a_list_is_ours(gateway: Gateway, server: Any, kind: Any) -> None:
    server.answer(403, {"error": {"type": "invalid_request_error", "message": "Not this key."}})

    with pytest.raises(GatewayError, match="Not this key") as refused:
        gateway.list_page(kind, since=SINCE)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
