"""The service API's operations on payments: refunds that other backends ask for."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from coinpurse import Coinpurse
from coinpurse.api_keys import SCOPES, Scope
from coinpurse.db.identifiers import new_id
from coinpurse.purchases import Payment
from tests.conftest import Sandbox


class Backend:
    """Another program with a key."""

    def __init__(self, host: Flask, purse: Coinpurse, *scopes: Scope) -> None:
        self.http: FlaskClient = host.test_client()
        key = purse.api_keys.create("backend", scopes).text
        self.http.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"

    def refund(self, payment_id: object, body: object = None, *, key: str = "r-1") -> TestResponse:
        return self.http.post(
            f"/api/v1/payments/{payment_id}/refund", json=body, headers={"Idempotency-Key": key}
        )


@pytest.fixture
def backend(host: Flask, purse: Coinpurse) -> Backend:
    return Backend(host, purse, "refund")


@pytest.fixture
def payment(purse: Coinpurse, sandbox: Sandbox) -> Payment:
    """1200 coins for 99.99 USD, paid."""
    started = purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    sandbox.pay(started.session_id)
    return purse.payment_status(started.session_id, "ada").payment


def test_a_part_is_given_back_and_takes_its_coins(
    backend: Backend, purse: Coinpurse, payment: Payment
) -> None:
    answer = backend.refund(
        payment.id, {"amount_minor": 3333, "reason": "requested_by_customer"}, key="r-1"
    )

    assert answer.status_code == 200, answer.text
    body = answer.json
    assert body.pop("refund_id").startswith("re_")
    assert body == {
        "id": body["id"],
        "payment_id": str(payment.id),
        "amount_minor": 3333,
        "currency": "usd",
        "state": "made",
        "payment_status": "partially_refunded",
    }
    assert purse.wallet("ada").balance == 800
    (row, _) = purse.transactions("ada")
    assert (row.type, row.coins) == ("refund", -400)


def test_without_an_amount_all_that_is_left_is_given_back(
    backend: Backend, purse: Coinpurse, payment: Payment
) -> None:
    backend.refund(payment.id, {"amount_minor": 3333}, key="r-1")

    answer = backend.refund(payment.id, key="r-2")

    assert (answer.json["amount_minor"], answer.json["payment_status"]) == (6666, "refunded")
    assert purse.wallet("ada").balance == 0


def test_a_repeat_gets_the_first_refund(
    backend: Backend, purse: Coinpurse, payment: Payment
) -> None:
    first = backend.refund(payment.id, {"amount_minor": 100}).json

    assert backend.refund(payment.id, {"amount_minor": 100}).json == first
    other = backend.refund(payment.id, {"amount_minor": 200})

    assert (other.status_code, other.json["code"]) == (409, "idempotency_conflict")
    assert purse.find_payment(str(payment.id)).refunded_minor == 100  # type: ignore[union-attr]


def test_a_refund_that_stripe_has_not_answered_is_requested(
    backend: Backend, sandbox: Sandbox, payment: Payment
) -> None:
    sandbox.post(
        "faults", kind="server_error", method="POST", path="/v1/refunds", count=9
    ).raise_for_status()

    body = backend.refund(payment.id).json

    assert (body["state"], body["refund_id"], body["payment_status"]) == (
        "requested",
        None,
        "completed",
    )


def test_more_than_is_left_says_how_much_is_left(backend: Backend, payment: Payment) -> None:
    answer = backend.refund(payment.id, {"amount_minor": 10_000})

    assert answer.status_code == 422
    error = answer.json.pop("error")
    assert "10000" in error
    assert answer.json == {
        "error": error,
        "code": "refund_too_large",
        "asked_minor": 10_000,
        "left_minor": 9999,
        "currency": "usd",
    }


def test_what_cannot_be_refunded_is_refused_with_its_code(
    backend: Backend, purse: Coinpurse, sandbox: Sandbox, payment: Payment
) -> None:
    def code(answer: TestResponse) -> tuple[int, str]:
        assert "%" not in answer.json["error"]
        return answer.status_code, answer.json["code"]

    assert code(backend.refund(new_id())) == (404, "payment_not_found")
    assert code(backend.refund("cs_test_1")) == (404, "payment_not_found")
    assert code(backend.refund(f"{{{payment.id}}}")) == (404, "payment_not_found")
    sandbox.post(f"charges/{payment.payment_intent_id}/dispute").raise_for_status()
    assert code(backend.refund(payment.id)) == (409, "payment_disputed")
    unpaid = purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    assert code(backend.refund(unpaid.payment_id)) == (422, "not_refundable")


def test_what_was_refunded_is_not_refundable_again(backend: Backend, payment: Payment) -> None:
    backend.refund(payment.id, key="r-1")

    again = backend.refund(payment.id, key="r-2")

    assert (again.status_code, again.json["code"]) == (422, "not_refundable")
    assert "all of it was refunded before" in again.json["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"amount_minor": 10.0},
        {"amount_minor": "100"},
        {"amount_minor": True},
        {"amount_minor": 10**12},
        {"reason": "because"},
        {"reason": 7},
        {"amount": 5},
    ],
    ids=str,
)
def test_a_body_that_is_none_is_refused_and_gives_nothing_back(
    backend: Backend, purse: Coinpurse, payment: Payment, body: dict[str, Any]
) -> None:
    answer = backend.refund(payment.id, body)

    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
    assert purse.wallet("ada").balance == 1200


def test_a_refund_needs_its_scope_and_a_key(
    host: Flask, purse: Coinpurse, payment: Payment
) -> None:
    others = Backend(host, purse, *(scope for scope in SCOPES if scope != "refund"))

    answer = others.refund(payment.id)
    assert (answer.status_code, answer.json["code"], answer.json["scope"]) == (
        403,
        "missing_scope",
        "refund",
    )
    unnamed = Backend(host, purse, "refund").http.post(f"/api/v1/payments/{payment.id}/refund")
    assert (unnamed.status_code, unnamed.json["code"]) == (400, "idempotency_key_required")


def test_a_callers_key_never_stands_for_a_refund_of_the_stores_own(
    backend: Backend, purse: Coinpurse, payment: Payment
) -> None:
    backend.refund(payment.id, {"amount_minor": 100}, key="mine")

    purse.refund(payment.id, 100, key="mine")

    assert purse.find_payment(str(payment.id)).refunded_minor == 200  # type: ignore[union-attr]
