"""What is asked of Stripe, and what comes back of it."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
import stripe

from coinpurse.errors import GatewayError
from coinpurse.ports import (
    CheckoutParameters,
    CheckoutSession,
    PaymentIntent,
    StripeEvent,
    StripeGateway,
)
from coinpurse.stripe_gateway import STRIPE_VERSION, Gateway, client

PARAMETERS = {
    "mode": "payment",
    "success_url": "https://app.example/success?session_id={CHECKOUT_SESSION_ID}",
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
    "metadata": {"payment_id": "42"},
    "payment_intent_data": {"metadata": {"payment_id": "42"}},
}


def test_gateway_is_what_the_features_ask_for(gateway: Gateway) -> None:
    port: StripeGateway = gateway

    for name in vars(StripeGateway):
        assert name.startswith("_") or hasattr(port, name)


def test_checkout_is_opened_with_the_stored_parameters_and_key(
    gateway: Gateway, server: Any, secret_key: str, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json | {"status": "open", "url": "https://checkout.example/c/1"})

    session = gateway.create_checkout_session(CheckoutParameters(PARAMETERS, "checkout:42"))

    (request,) = server.received
    assert (request.method, request.path) == ("POST", "/v1/checkout/sessions")
    assert request.headers["idempotency-key"] == "checkout:42"
    assert request.headers["stripe-version"] == STRIPE_VERSION == "2026-10-28.endive"
    assert request.headers["authorization"] == f"Bearer {secret_key}"
    assert request.form["line_items[0][price_data][unit_amount]"] == "9999"
    assert request.form["payment_intent_data[metadata][payment_id]"] == "42"
    assert (session.id, session.status, session.url) == (
        "cs_test_1",
        "open",
        "https://checkout.example/c/1",
    )


def test_session_id_placeholder_reaches_stripe_literally(
    gateway: Gateway, server: Any, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json)

    gateway.create_checkout_session(CheckoutParameters(PARAMETERS, "checkout:42"))

    success_url = "https://app.example/success?session_id={CHECKOUT_SESSION_ID}"
    assert server.received[0].form["success_url"] == success_url


def test_repeating_a_checkout_sends_the_same_request(
    gateway: Gateway, server: Any, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json)
    checkout = CheckoutParameters(PARAMETERS, "checkout:42")

    first, second = (gateway.create_checkout_session(checkout) for _ in range(2))

    assert first == second
    assert server.received[0].form == server.received[1].form
    assert {request.headers["idempotency-key"] for request in server.received} == {"checkout:42"}


def test_checkout_without_a_key_is_a_bug(gateway: Gateway, server: Any) -> None:
    with pytest.raises(AssertionError, match="key"):
        gateway.create_checkout_session(CheckoutParameters(PARAMETERS, ""))
    assert server.received == []


def test_session_is_fetched(gateway: Gateway, server: Any, session_json: dict[str, Any]) -> None:
    server.answer(body=session_json)

    session = gateway.get_checkout_session("cs_test_1")

    assert (server.received[0].method, server.received[0].path) == (
        "GET",
        "/v1/checkout/sessions/cs_test_1",
    )
    assert session == CheckoutSession(
        id="cs_test_1",
        status="complete",
        payment_status="paid",
        amount_minor=9999,
        currency="usd",
        livemode=False,
        mode="payment",
        url=None,
        payment_intent_id="pi_1",
        client_reference_id="user-7",
        metadata={"payment_id": "42", "coins": "1000"},
        customer_email="buyer@example.com",
        created_at=datetime.fromtimestamp(1_793_000_000, UTC),
        expires_at=datetime.fromtimestamp(1_793_086_400, UTC),
    )


def test_session_is_expired(gateway: Gateway, server: Any, session_json: dict[str, Any]) -> None:
    server.answer(body=session_json | {"status": "expired", "payment_status": "unpaid"})

    session = gateway.expire_checkout_session("cs_test_1")

    assert (server.received[0].method, server.received[0].path) == (
        "POST",
        "/v1/checkout/sessions/cs_test_1/expire",
    )
    assert session.status == "expired"


def test_payment_intent_is_fetched(
    gateway: Gateway, server: Any, intent_json: dict[str, Any]
) -> None:
    server.answer(body=intent_json)

    assert gateway.get_payment_intent("pi_1") == PaymentIntent(
        id="pi_1",
        status="requires_payment_method",
        amount_minor=9999,
        currency="usd",
        livemode=False,
        metadata={"payment_id": "42"},
        decline_code="insufficient_funds",
        decline_message="Your card has insufficient funds.",
    )


@pytest.mark.parametrize(
    "object_id", ["", ".", "..", "cs_1/expire", "cs_1?x=1", "cs_1\n", "é", "c" * 256]
)
def test_what_is_no_id_is_never_sent(gateway: Gateway, server: Any, object_id: str) -> None:
    for ask in (
        gateway.get_checkout_session,
        gateway.expire_checkout_session,
        gateway.get_payment_intent,
    ):
        with pytest.raises(GatewayError, match="not an id") as refused:
            ask(object_id)
        assert not refused.value.retryable
    assert server.received == []


def test_answers_are_plain_values_although_the_sdk_objects_are_no_dicts(
    gateway: Gateway, server: Any, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json)
    of_sdk = stripe.checkout.Session.construct_from(session_json, "key")
    with pytest.raises(AttributeError):
        of_sdk.get  # noqa: B018
    with pytest.raises(TypeError):
        json.dumps(of_sdk)

    session = gateway.get_checkout_session("cs_test_1")

    assert type(session.metadata) is dict
    plain = json.loads(json.dumps(dataclasses.asdict(session), default=datetime.isoformat))
    assert plain["metadata"] == {"payment_id": "42", "coins": "1000"}


@pytest.mark.parametrize(
    ("prefix", "livemode"),
    [("sk_test_", False), ("rk_test_", False), ("sk_live_", True), ("rk_live_", True), ("", False)],
)
def test_livemode_is_read_from_the_key(prefix: str, livemode: bool) -> None:
    assert Gateway(prefix + "x" * 24, webhook_secrets=[]).livemode is livemode


def test_one_secret_as_text_is_a_bug(webhook_secret: str) -> None:
    with pytest.raises(AssertionError):
        Gateway("sk_test_" + "x" * 24, webhook_secrets=webhook_secret)


def test_requests_go_to_stripe_unless_told_otherwise(secret_key: str) -> None:
    of_stripe = Gateway(secret_key, webhook_secrets=[])
    of_sandbox = Gateway(secret_key, webhook_secrets=[], api_base="http://127.0.0.1:12111//")

    assert of_stripe._client._requestor.base_addresses["api"] == "https://api.stripe.com"
    assert of_sandbox._client._requestor.base_addresses["api"] == "http://127.0.0.1:12111"


def test_app_is_named_and_a_host_that_named_itself_keeps_its_name(
    monkeypatch: pytest.MonkeyPatch, server: Any, secret_key: str, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json)
    for app_info in (None, {"name": "host", "version": "1", "url": None, "partner_id": None}):
        monkeypatch.setattr(stripe, "app_info", app_info)
        gateway = Gateway(secret_key, webhook_secrets=[], api_base=server.url)
        gateway.get_checkout_session("cs_test_1")

    first, second = (request.headers["user-agent"] for request in server.received)
    assert re.search(r" coinpurse/[0-9]", first)
    assert " host/1" in second


def test_source_tree_that_was_not_installed_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(client, "version", absent)
    monkeypatch.setattr(stripe, "app_info", None)

    Gateway("sk_test_" + "x" * 24, webhook_secrets=[])

    assert stripe.app_info == {
        "name": "coinpurse",
        "version": "unknown",
        "url": None,
        "partner_id": None,
    }


def test_sdk_logs_no_bodies_unless_the_operator_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("stripe")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    Gateway("sk_test_" + "x" * 24, webhook_secrets=[])
    assert logger.level == logging.INFO

    monkeypatch.setattr(logger, "level", logging.DEBUG)
    Gateway("sk_test_" + "x" * 24, webhook_secrets=[])
    assert logger.level == logging.DEBUG


def test_import_and_calls_leave_the_home_directory_alone(
    server: Any, session_json: dict[str, Any], tmp_path: Path
) -> None:
    server.answer(body=session_json, Request_Id="req_1")
    script = (
        "import sys\n"
        "from coinpurse.stripe_gateway import Gateway\n"
        "gateway = Gateway('sk_test_' + 'x' * 24, webhook_secrets=[], api_base=sys.argv[1])\n"
        "for _ in range(2):\n"
        "    gateway.get_checkout_session('cs_test_1')\n"
    )
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    subprocess.run(
        [sys.executable, "-W", "error", "-c", script, server.url],
        env=environment,
        check=True,
        timeout=60,
    )

    assert list(tmp_path.iterdir()) == []
    assert len(server.received) == 2
    for request in server.received:
        assert "x-stripe-client-telemetry" not in request.headers
        assert "telemetry_id" not in request.headers["x-stripe-client-user-agent"]


def test_threads_share_one_gateway(
    gateway: Gateway, server: Any, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json)
    found: list[CheckoutSession] = []

    def ask() -> None:
        found.append(gateway.get_checkout_session("cs_test_1"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(map(repr, found))) == 1


def thin_event(object_type: str, object_id: str) -> StripeEvent:
    return StripeEvent(
        id="evt_1",
        type="some.event",
        livemode=False,
        event_at=datetime(2026, 11, 2, tzinfo=UTC),
        object_id=object_id,
        object=None,
        thin=True,
        api_version=None,
        payload="{}",
        object_type=object_type,
    )


def test_thin_event_is_fetched_as_it_stands_now(
    gateway: Gateway,
    server: Any,
    thin_json: dict[str, Any],
    session_json: dict[str, Any],
    intent_json: dict[str, Any],
) -> None:
    server.answer(body=session_json)
    server.answer(body=intent_json)

    session = gateway.fetch(gateway.parse_event(json.dumps(thin_json)))
    intent = gateway.fetch(thin_event("payment_intent", "pi_1"))

    assert isinstance(session, CheckoutSession)
    assert isinstance(intent, PaymentIntent)
    assert [request.path for request in server.received] == [
        "/v1/checkout/sessions/cs_test_1",
        "/v1/payment_intents/pi_1",
    ]


@pytest.mark.parametrize(
    ("object_type", "object_id"),
    [("radar.value_list", "rsl_1"), ("", ""), ("checkout.session", "")],
)
def test_event_about_something_that_we_do_not_read_fetches_nothing(
    gateway: Gateway, server: Any, object_type: str, object_id: str
) -> None:
    assert gateway.fetch(thin_event(object_type, object_id)) is None
    assert server.received == []
