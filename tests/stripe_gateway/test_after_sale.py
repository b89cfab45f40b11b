"""Refunds, disputes and warnings: made and found at the sandbox, and refused whole where unsure."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from coinpurse.errors import GatewayError
from coinpurse.ports import AfterSale, CheckoutParameters, Refund, StripeEvent
from coinpurse.stripe_gateway import Gateway

PRICE = 9999
PARAMETERS = {
    "mode": "payment",
    "success_url": "https://app.example/success",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {
                "currency": "usd",
                "unit_amount": PRICE,
                "product_data": {"name": "1000 Coins"},
            },
        }
    ],
}


@pytest.fixture
def paid_intent(sandbox_gateway: Gateway, sandbox: Any) -> str:
    """A payment of 99.99 dollars."""
    key = secrets.token_hex(8)
    session = sandbox_gateway.create_checkout_session(CheckoutParameters(PARAMETERS, key))
    assert sandbox.pay(session.id)["result"] == "paid"
    intent = sandbox_gateway.get_checkout_session(session.id).payment_intent_id
    assert intent is not None
    return intent


def refund(gateway: Gateway, intent: str, amount_minor: int = 500, **more: Any) -> Refund:
    given = {"reason": None, "metadata": {}, "idempotency_key": secrets.token_hex(8)} | more
    return gateway.create_refund(intent, amount_minor=amount_minor, **given)


# Refunding ------------------------------------------------------------------------------------


def test_refund_is_made_and_found(sandbox_gateway: Gateway, paid_intent: str) -> None:
    made = refund(
        sandbox_gateway,
        paid_intent,
        reason="requested_by_customer",
        metadata={"refund_request": "7"},
    )

    assert (made.status, made.amount_minor, made.currency) == ("succeeded", 500, "usd")
    assert (made.reason, made.metadata) == ("requested_by_customer", {"refund_request": "7"})
    assert made.payment_intent_id == paid_intent
    assert sandbox_gateway.get_after_sale(paid_intent) == AfterSale(refunds=(made,))
    assert sandbox_gateway.get_refund(made.id) == made


def test_repeated_refund_is_the_same_one(sandbox_gateway: Gateway, paid_intent: str) -> None:
    first, second = (refund(sandbox_gateway, paid_intent, idempotency_key="refund:" + paid_intent)
                     for _ in range(2))  # fmt: skip

    assert first == second
    assert len(sandbox_gateway.get_after_sale(paid_intent).refunds) == 1


def test_refund_of_too_much_says_why(sandbox_gateway: Gateway, paid_intent: str) -> None:
    with pytest.raises(GatewayError, match="greater than unrefunded amount") as refused:
        refund(sandbox_gateway, paid_intent, PRICE + 1)
    assert (refused.value.status, refused.value.retryable) == (400, False)

    refund(sandbox_gateway, paid_intent, PRICE)
    with pytest.raises(GatewayError, match="already been refunded") as refused:
        refund(sandbox_gateway, paid_intent, 1)
    assert refused.value.code == "charge_already_refunded"


def test_refund_asks_for_exactly_what_was_given(
    gateway: Gateway, server: Any, refund_json: dict[str, Any]
) -> None:
    server.answer(body=refund_json)

    refund(gateway, "pi_1", metadata={"a": "b"}, idempotency_key="refund:7")
    refund(gateway, "pi_1", reason="duplicate", idempotency_key="refund:8")

    first, second = server.received
    assert (first.method, first.path) == ("POST", "/v1/refunds")
    assert first.form == {"payment_intent": "pi_1", "amount": "500", "metadata[a]": "b"}
    assert first.headers["idempotency-key"] == "refund:7"
    assert second.form == {"payment_intent": "pi_1", "amount": "500", "reason": "duplicate"}


def test_refund_without_a_key_is_a_bug(gateway: Gateway, server: Any) -> None:
    with pytest.raises(AssertionError, match="key"):
        refund(gateway, "pi_1", idempotency_key="")
    assert server.received == []


# All that came after --------------------------------------------------------------------------


def test_payment_without_a_sequel_has_none(sandbox_gateway: Gateway, paid_intent: str) -> None:
    assert sandbox_gateway.get_after_sale(paid_intent) == AfterSale()


def test_all_kinds_of_sequel_are_found(
    sandbox_gateway: Gateway, sandbox: Any, paid_intent: str
) -> None:
    warning_id = sandbox.post(f"charges/{paid_intent}/warning").json()["id"]
    dispute_id = sandbox.post(f"charges/{paid_intent}/dispute", amount=4000).json()["id"]

    (before,) = sandbox_gateway.get_after_sale(paid_intent).disputes
    sandbox.post(f"disputes/{dispute_id}/decide", verdict="win", reinstate=2500)
    made = refund(sandbox_gateway, paid_intent)
    found = sandbox_gateway.get_after_sale(paid_intent)

    assert (before.status, before.withdrawn_minor, before.reinstated_minor) == (
        "needs_response",
        4000,
        0,
    )
    (dispute,), (warning,) = found.disputes, found.warnings
    assert (dispute.id, dispute.status, dispute.amount_minor) == (dispute_id, "won", 4000)
    assert (dispute.withdrawn_minor, dispute.reinstated_minor) == (4000, 2500)
    assert dispute.evidence_due_at is not None
    assert dispute.evidence_due_at > dispute.created_at
    assert (warning.id, warning.actionable) == (warning_id, False)
    assert found.refunds == (made,)


def test_every_page_of_a_long_sequel_is_fetched(sandbox_gateway: Gateway, paid_intent: str) -> None:
    made = [refund(sandbox_gateway, paid_intent, 10) for _ in range(103)]

    found = sandbox_gateway.get_after_sale(paid_intent).refunds

    assert [each.id for each in found] == [each.id for each in reversed(made)]


def test_each_list_is_asked_for_one_payment_only(gateway: Gateway, server: Any) -> None:
    server.answer(body={"object": "list", "data": [], "has_more": False, "url": "/v1/refunds"})

    gateway.get_after_sale("pi_1")

    assert [request.path for request in server.received] == [
        "/v1/refunds?payment_intent=pi_1&limit=100",
        "/v1/disputes?payment_intent=pi_1&limit=100",
        "/v1/radar/early_fraud_warnings?payment_intent=pi_1&limit=100",
    ]


def test_part_that_cannot_be_read_refuses_the_whole(
    gateway: Gateway, server: Any, refund_json: dict[str, Any]
) -> None:
    entries = [refund_json, refund_json | {"id": "re_2", "amount": None}]
    server.answer(body={"object": "list", "data": entries, "has_more": False, "url": "/v1/refunds"})

    with pytest.raises(GatewayError, match="a Refund in a list cannot be read"):
        gateway.get_after_sale("pi_1")


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_one_failing_list_fails_the_whole(gateway: Gateway, server: Any, failing: int) -> None:
    for _ in range(failing):
        server.answer(body={"object": "list", "data": [], "has_more": False, "url": "/v1/x"})
    server.answer(401, {"error": {"type": "invalid_request_error", "message": "Not you."}})

    with pytest.raises(GatewayError, match="Not you") as refused:
        gateway.get_after_sale("pi_1")
    assert refused.value.status == 401
    assert len(server.received) == failing + 1


@pytest.mark.parametrize("object_id", ["", "..", "pi_1/x", "pi_1&limit=1"])
def test_what_is_no_id_is_asked_nowhere(gateway: Gateway, server: Any, object_id: str) -> None:
    asks: list[Callable[[str], object]] = [
        gateway.get_after_sale,
        gateway.get_charge,
        gateway.get_refund,
        gateway.get_dispute,
        gateway.get_fraud_warning,
        lambda intent: refund(gateway, intent),
    ]
    for ask in asks:
        with pytest.raises(GatewayError, match="not an id"):
            ask(object_id)
    assert server.received == []


# Events about it ------------------------------------------------------------------------------


def test_what_a_thin_event_is_about_is_fetched(
    sandbox_gateway: Gateway, sandbox: Any, paid_intent: str
) -> None:
    sandbox.post(f"charges/{paid_intent}/warning")
    made = refund(sandbox_gateway, paid_intent)
    sandbox.post(f"charges/{paid_intent}/dispute", amount=4000)
    found = sandbox_gateway.get_after_sale(paid_intent)
    about = [*found.disputes, *found.warnings, made]

    for each, object_type in zip(
        about, ("dispute", "radar.early_fraud_warning", "refund"), strict=True
    ):
        event = StripeEvent(
            id="evt_1",
            type="some.event",
            livemode=False,
            event_at=datetime(2026, 11, 2, tzinfo=UTC),
            object_id=each.id,
            object=None,
            thin=True,
            api_version=None,
            payload="{}",
            object_type=object_type,
        )
        assert sandbox_gateway.fetch(event) == each


def test_snapshots_of_it_lead_to_the_payment(
    sandbox_gateway: Gateway, sandbox: Any, paid_intent: str
) -> None:
    sandbox.post(f"charges/{paid_intent}/warning")
    refund(sandbox_gateway, paid_intent)
    sandbox.post(f"charges/{paid_intent}/dispute", amount=4000)

    read = {}
    for event in sandbox.events():
        if event["type"] in {"charge.refunded", "refund.created", "charge.dispute.created",
                             "radar.early_fraud_warning.created"}:  # fmt: skip
            about = sandbox_gateway.parse_event(json.dumps(event)).object
            if about is not None and about.payment_intent_id == paid_intent:  # type: ignore[union-attr]
                read[event["type"]] = type(about)

    assert {kind: found.__name__ for kind, found in read.items()} == {
        "charge.refunded": "Charge",
        "refund.created": "Refund",
        "charge.dispute.created": "Dispute",
        "radar.early_fraud_warning.created": "FraudWarning",
    }


def _json(event: dict[str, Any]) -> str:
    import json

    return json.dumps(event)
