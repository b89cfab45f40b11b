"""How Stripe's refusals and the network's failures come out."""

from __future__ import annotations

import socket
import traceback
from typing import Any

import pytest
import stripe
from structlog.testing import capture_logs

from coinpurse.errors import GatewayError
from coinpurse.ports import CheckoutParameters
from coinpurse.stripe_gateway import Gateway
from coinpurse.stripe_gateway.refusals import refusal


def error_body(**facts: Any) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": "Said by Stripe."} | facts}


def failure_of(gateway: Gateway) -> GatewayError:
    with pytest.raises(GatewayError) as failed:
        gateway.get_checkout_session("cs_test_1")
    return failed.value


REFUSALS = [
    # status, facts of the error, retryable, code
    (400, {"code": "parameter_missing"}, False, "parameter_missing"),
    (400, {}, False, "invalid_request_error"),
    (400, {"type": "idempotency_error"}, False, "idempotency_error"),
    (400, {"code": "rate_limit"}, True, "rate_limit"),
    (401, {}, False, "invalid_request_error"),
    (402, {"type": "card_error", "code": "card_declined"}, False, "card_declined"),
    (403, {"code": "more_permissions_required"}, False, "more_permissions_required"),
    (404, {"code": "resource_missing"}, False, "resource_missing"),
    (
        409,
        {"type": "idempotency_error", "code": "idempotency_key_in_use"},
        True,
        "idempotency_key_in_use",
    ),
    (429, {"code": "lock_timeout"}, True, "lock_timeout"),
    (429, {"type": 5, "code": None}, True, None),
    (500, {"type": "api_error"}, True, "api_error"),
    (503, {"type": "api_error"}, True, "api_error"),
    (418, {"code": "teapot"}, False, "teapot"),
]


@pytest.mark.parametrize(("status", "facts", "retryable", "code"), REFUSALS)
def test_refusal_says_what_stripe_said(
    gateway: Gateway,
    server: Any,
    status: int,
    facts: dict[str, Any],
    retryable: bool,
    code: str | None,
) -> None:
    server.answer(status, error_body(**facts), Request_Id="req_1", Stripe_Should_Retry="false")

    failure = failure_of(gateway)

    assert (failure.retryable, failure.code, failure.status) == (retryable, code, status)
    assert failure.request_id == "req_1"
    assert "Said by Stripe." in str(failure)
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "facts", [{"message": None}, {"message": ["a", "list"]}, {"message": "m" * 9999}]
)
def test_strange_messages_are_bearable(
    gateway: Gateway, server: Any, facts: dict[str, Any]
) -> None:
    server.answer(400, error_body(**facts))

    failure = failure_of(gateway)

    assert failure.status == 400
    assert len(str(failure)) < 600


@pytest.mark.parametrize("status", [409, 500, 503])
def test_passing_trouble_is_retried_with_the_same_key(
    gateway: Gateway, server: Any, session_json: dict[str, Any], status: int
) -> None:
    server.answer(status, error_body())
    server.answer(body=session_json)

    session = gateway.create_checkout_session(
        CheckoutParameters({"mode": "payment"}, "checkout:42")
    )

    assert session.id == "cs_test_1"
    assert [request.headers["idempotency-key"] for request in server.received] == [
        "checkout:42"
    ] * 2
    assert server.received[0].form == server.received[1].form


def test_retries_end(gateway: Gateway, server: Any) -> None:
    server.answer(502, b"<html>Bad gateway</html>")

    failure = failure_of(gateway)

    assert (failure.retryable, failure.status) == (True, 502)
    assert len(server.received) == 3


def test_rate_limit_is_left_to_the_caller(gateway: Gateway, server: Any) -> None:
    server.answer(429, error_body())

    assert failure_of(gateway).retryable
    assert len(server.received) == 1


def test_slow_answer_is_given_up_and_retried_with_the_same_key(
    hasty_gateway: Gateway, server: Any, session_json: dict[str, Any]
) -> None:
    server.answer(body=session_json, delay_seconds=1.0)
    server.answer(body=session_json)

    session = hasty_gateway.create_checkout_session(
        CheckoutParameters({"mode": "payment"}, "checkout:42")
    )

    assert session.id == "cs_test_1"
    assert [request.headers["idempotency-key"] for request in server.received] == [
        "checkout:42"
    ] * 2


def test_no_answer_in_time_is_retryable(hasty_gateway: Gateway, server: Any) -> None:
    server.answer(delay_seconds=1.0)

    failure = failure_of(hasty_gateway)

    assert (failure.retryable, failure.status, failure.code) == (True, None, None)
    assert "ReadTimeout" in str(failure)


def test_nobody_listening_is_retryable(secret_key: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    failure = failure_of(
        Gateway(secret_key, webhook_secrets=[], api_base=f"http://127.0.0.1:{port}")
    )

    assert (failure.retryable, failure.status) == (True, None)
    assert "could not be reached: ConnectionError" in str(failure)


def test_answer_that_breaks_off_is_retryable(gateway: Gateway, server: Any) -> None:
    server.answer(200, b'{"object": "checkout', Content_Length="500")

    failure = failure_of(gateway)

    assert (failure.retryable, failure.status) == (True, None)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(gateway: Gateway, server: Any, status: int) -> None:
    server.answer(status, b"", Location="/elsewhere")

    failure = failure_of(gateway)

    assert (failure.retryable, failure.status) == (False, status)
    assert [request.path for request in server.received] == ["/v1/checkout/sessions/cs_test_1"]


GARBAGE = [
    b"",
    b"<html><body>Welcome to our Wi-Fi</body></html>",
    b"\xff\xfe\x00",
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"{}",
    b'{"object": []}',
    b'{"error": "text"}',
    b'{"error": null}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize(
    ("status", "retryable"), [(200, False), (404, False), (429, True), (500, True)]
)
def test_answers_that_are_not_stripes(
    gateway: Gateway, server: Any, body: bytes, status: int, retryable: bool
) -> None:
    server.answer(status, body, Request_Id="req_1", Stripe_Should_Retry="false")

    failure = failure_of(gateway)

    assert (failure.retryable, failure.status, failure.request_id) == (retryable, status, "req_1")
    assert f"HTTP {status} without Stripe's JSON" in str(failure)
    assert "Wi-Fi" not in str(failure)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"object": "list", "data": [], "has_more": False, "url": "/v1"}, "not a CheckoutSession"),
        ({"object": "payment_intent"}, "payment_intent: id has to be text and is absent"),
        ({"object": "checkout.session", "id": "cs_test_1"}, "checkout.session: payment_status"),
        (
            {
                "object": "payment_intent",
                "id": "pi_1",
                "status": "x",
                "amount": 1,
                "currency": "usd",
                "livemode": True,
            },
            "not a CheckoutSession",
        ),
    ],
)
def test_answer_that_is_something_else(
    gateway: Gateway, server: Any, body: dict[str, Any], problem: str
) -> None:
    server.answer(200, body, Request_Id="req_1")

    failure = failure_of(gateway)

    assert problem in str(failure)
    assert (failure.retryable, failure.status, failure.request_id) == (False, 200, "req_1")


def test_no_error_has_a_key_in_it(
    gateway: Gateway, server: Any, secret_key: str, webhook_secret: str
) -> None:
    said = f"Invalid API Key provided: {secret_key}; and {webhook_secret}, rk_live_{'y' * 20}"
    server.answer(401, error_body(message=said))

    failure = failure_of(gateway)

    shown = "".join(traceback.format_exception(failure)) + repr(vars(failure))
    assert "Invalid API Key provided: [key]; and [key], [key]" in str(failure)
    assert secret_key not in shown
    assert webhook_secret not in shown
    assert failure.__cause__ is None
    assert failure.__context__ is None


def test_key_that_cannot_be_sent_is_not_shown(server: Any, secret_key: str) -> None:
    failure = failure_of(Gateway(secret_key + "\n", webhook_secrets=[], api_base=server.url))

    assert "InvalidHeader" in str(failure)
    assert secret_key not in "".join(traceback.format_exception(failure))


def test_error_of_the_sdk_itself_is_translated(secret_key: str) -> None:
    failure = refusal(stripe.APIError("odd", http_status=599), "")

    assert (failure.retryable, failure.status, failure.code) == (True, 599, None)
    assert str(failure) == "Stripe answered 599 (no code): odd"


def test_notice_is_logged_and_warns_nobody(
    gateway: Gateway, server: Any, session_json: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STRIPE_SUPPRESS_NOTICES", raising=False)
    server.answer(body=session_json, Stripe_Notice="This version ends soon.")

    with capture_logs() as lines:
        session = gateway.get_checkout_session("cs_test_1")

    assert session.id == "cs_test_1"
    assert lines == [
        {"event": "stripe.notice", "notice": "This version ends soon.", "log_level": "warning"}
    ]


def test_sessions_that_are_not_open_cannot_be_expired(gateway: Gateway, server: Any) -> None:
    server.answer(
        400, error_body(message='Only Checkout Sessions with a status in ["open"] can be expired.')
    )

    with pytest.raises(GatewayError, match="can be expired") as failed:
        gateway.expire_checkout_session("cs_test_1")
    assert not failed.value.retryable
    assert failed.value.code == "invalid_request_error"
