"""The checkout contract, to the letter."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from coinpurse import Coinpurse
from coinpurse.errors import InvalidRequest
from tests.conftest import Sandbox, as_user

URL = "/api/payment/create-checkout-session"
ORDER = {
    "price_usd": 99.99,
    "coins": 1000,
    "bonus": 200,
    "success_url": "https://yourapp.com/payment/success?session_id={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://yourapp.com/payment/cancel",
}


def order(
    client: FlaskClient, headers: dict[str, str] | None = None, **changes: object
) -> TestResponse:
    body = {name: value for name, value in {**ORDER, **changes}.items() if value is not ...}
    return client.post(URL, json=body, headers=headers)


def stripe_session(sandbox: Sandbox, purse: Coinpurse, session_id: str) -> dict[str, Any]:
    found = requests.get(
        f"{sandbox.url}/v1/checkout/sessions/{session_id}",
        params={"expand[]": "line_items.data.price.product"},
        auth=(purse.settings.require_stripe_key(), ""),
        timeout=30,
    )
    result: dict[str, Any] = found.json()
    return result


def test_the_request_of_the_contract_opens_a_checkout(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    response = order(buyer)

    assert response.status_code == 200
    assert set(response.json) == {"session_id", "checkout_url"}
    session = stripe_session(sandbox, purse, response.json["session_id"])
    assert session["url"] == response.json["checkout_url"]
    assert (session["amount_total"], session["currency"], session["mode"]) == (
        9999,
        "usd",
        "payment",
    )
    assert session["client_reference_id"] == "ada"
    assert session["success_url"] == ORDER["success_url"]
    (payment,) = purse.payments("ada")
    assert session["metadata"] == {
        "user_id": "ada",
        "coins": "1000",
        "bonus": "200",
        "total_coins": "1200",
        "payment_id": str(payment.id),
    }
    (item,) = session["line_items"]["data"]
    assert item["price"]["product"]["name"] == "1000 Coins"
    assert item["price"]["product"]["description"] == "Get 1000 coins + 200 bonus coins"
    assert (payment.status, payment.session_id) == ("pending", session["id"])


def test_without_a_bonus_the_description_names_none(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    response = order(buyer, price_usd=9.99, coins=100, bonus=...)

    session = stripe_session(sandbox, purse, response.json["session_id"])
    product = session["line_items"]["data"][0]["price"]["product"]
    assert (product["name"], product["description"]) == ("100 Coins", "Get 100 coins")


def test_a_pack_is_bought_by_its_sku_in_another_currency(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    response = buyer.post(URL, json={"pack": "chest", "currency": "jpy"})

    session = stripe_session(sandbox, purse, response.json["session_id"])
    assert (session["amount_total"], session["currency"]) == (14800, "jpy")
    assert session["success_url"].endswith("/payment/success?session_id={CHECKOUT_SESSION_ID}")


def test_the_metadata_is_on_the_payment_intent_too(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    session_id = order(buyer).json["session_id"]
    sandbox.pay(session_id)

    session = stripe_session(sandbox, purse, session_id)
    intent = requests.get(
        f"{sandbox.url}/v1/payment_intents/{session['payment_intent']}",
        auth=(purse.settings.require_stripe_key(), ""),
        timeout=30,
    ).json()
    assert intent["metadata"] == session["metadata"]


MISMATCHES = [
    {"price_usd": 0.01},
    {"price_usd": 99.98},
    {"price_usd": 99.990001},
    {"price_usd": -99.99},
    {"price_usd": 0},
    {"price_usd": 1e300},
    {"price_usd": "99.99"},
    {"price_usd": None},
    {"price_usd": True},
    {"price_usd": [99.99]},
    {"price_usd": ...},
    {"coins": 1001},
    {"coins": 0},
    {"coins": -1000},
    {"coins": 1000.5},
    {"coins": "1000"},
    {"coins": True},
    {"coins": 2**64},
    {"coins": ...},
    {"bonus": 201},
    {"bonus": -1},
    {"bonus": 0},
    {"bonus": None},
    {"bonus": ...},
    {"pack": "unknown"},
    {"pack": ""},
    {"pack": 7},
    {"pack": "chest", "currency": "kwd"},
    {"pack": "chest", "currency": "nonsense"},
    {"pack": "chest", "currency": 5},
    {"success_url": "https://evil.example/?{CHECKOUT_SESSION_ID}"},
    {"success_url": "https://yourapp.com.evil.example/"},
    {"success_url": "https://yourapp.com@evil.example/"},
    {"success_url": "https://evil.example\\@yourapp.com/"},
    {"success_url": "http://yourapp.com/"},
    {"success_url": "https://yourapp.com:8443/"},
    {"success_url": "//yourapp.com/"},
    {"success_url": "/payment/success"},
    {"success_url": "javascript:alert(1)"},
    {"success_url": "https://yourapp.com/\n"},
    {"success_url": "https://yourapp.com/\ud800"},
    {"success_url": "https://yourapp.com/" + "x" * 3000},
    {"success_url": 5},
    {"success_url": ""},
    {"cancel_url": "https://evil.example/"},
    {"cancel_url": {}},
]


@pytest.mark.parametrize("changes", MISMATCHES, ids=lambda changes: ascii(changes)[:60])
def test_any_other_figure_or_address_is_refused_and_creates_nothing(
    buyer: FlaskClient, purse: Coinpurse, changes: dict[str, object]
) -> None:
    response = order(buyer, **changes)

    assert response.status_code == 422, response.get_data(as_text=True)
    assert set(response.json) == {"error", "code"}
    assert purse.payments("ada") == []


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "code"),
    [
        (b"[]", "application/json", 400, "invalid_json"),
        (b'"text"', "application/json", 400, "invalid_json"),
        (b"", "application/json", 400, "invalid_json"),
        (b"{", "application/json", 400, "invalid_json"),
        (
            b'{"price_usd": NaN, "coins": 1000, "bonus": 200}',
            "application/json",
            400,
            "invalid_json",
        ),
        (b'{"price_usd": Infinity, "coins": 1000}', "application/json", 400, "invalid_json"),
        (b'{"coins": "\xff"}', "application/json", 400, "invalid_json"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b'{"coins": ' + b"9" * 5000 + b"}", "application/json", 400, "invalid_json"),
        (
            b'{"price_usd": 1e999999999, "coins": 1000, "bonus": 200}',
            "application/json",
            422,
            "invalid_request",
        ),
        (
            b'{"price_usd": 1e-999999999, "coins": 1000, "bonus": 200}',
            "application/json",
            422,
            "invalid_request",
        ),
        (b"coins=1000", "application/x-www-form-urlencoded", 415, "json_required"),
        (json.dumps(ORDER).encode(), "text/plain", 415, "json_required"),
        (b'{"x": "' + b"y" * 10_000_000 + b'"}', "application/json", 413, "too_large"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_body_that_is_no_order_is_refused(
    buyer: FlaskClient, purse: Coinpurse, raw: bytes, content_type: str, status: int, code: str
) -> None:
    response = buyer.post(URL, data=raw, content_type=content_type)

    assert (response.status_code, response.json["code"]) == (status, code)
    assert purse.payments("ada") == []


@pytest.mark.parametrize("written", ["99.99", "99.990", "9999e-2", "0.9999e2"])
def test_a_price_is_read_as_a_decimal(buyer: FlaskClient, written: str) -> None:
    body = json.dumps({**ORDER, "price_usd": 0}).replace(
        '"price_usd": 0', f'"price_usd": {written}'
    )
    assert buyer.post(URL, data=body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    "origin", [None, "https://evil.example", "null", "http://127.0.0.1:5001", ""]
)
def test_a_change_from_another_site_is_refused(
    host: Flask, purse: Coinpurse, origin: str | None
) -> None:
    client = as_user(host, "ada")
    client.environ_base["HTTP_ORIGIN"] = origin
    if origin is None:
        del client.environ_base["HTTP_ORIGIN"]

    response = order(client)

    assert (response.status_code, response.json["code"]) == (403, "wrong_origin")
    assert purse.payments("ada") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", URL),
        ("GET", "/api/payment/status/cs_test_a"),
        ("POST", "/api/payment/cancel/cs_test_a"),
        ("GET", "/api/payment/packs"),
        ("GET", "/api/payment/history"),
        ("GET", "/api/wallet"),
        ("GET", "/api/wallet/transactions"),
        ("GET", "/api/wallet/statement.csv"),
    ],
)
def test_a_stranger_gets_401_in_json(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, json={} if method == "POST" else None)

    assert response.status_code == 401
    assert response.json["code"] == "login_required"


def test_a_double_click_is_one_session(buyer: FlaskClient, purse: Coinpurse) -> None:
    first = order(buyer, headers={"Idempotency-Key": "click-1"})
    second = order(buyer, headers={"Idempotency-Key": "click-1"})

    assert first.json == second.json
    assert len(purse.payments("ada")) == 1


def test_parallel_clicks_with_one_key_are_one_session(host: Flask, purse: Coinpurse) -> None:
    def click(_: int) -> Any:
        return order(as_user(host, "ada"), headers={"Idempotency-Key": "click-1"}).json

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, range(8)))

    assert len(purse.payments("ada")) == 1
    assert len({answer["session_id"] for answer in answers}) == 1


def test_a_key_with_another_order_is_a_conflict(buyer: FlaskClient) -> None:
    order(buyer, headers={"Idempotency-Key": "click-1"})

    response = order(
        buyer, headers={"Idempotency-Key": "click-1"}, price_usd=9.99, coins=100, bonus=0
    )

    assert (response.status_code, response.json["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel"])
def test_a_bad_key_is_refused(buyer: FlaskClient, key: str) -> None:
    response = order(buyer, headers={"Idempotency-Key": key})
    assert (response.status_code, response.json["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "fault",
    [{"kind": "server_error"}, {"kind": "rate_limit"}],
    ids=["500", "429"],
)
def test_stripe_failing_ends_the_row_and_nothing_else(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox, fault: dict[str, object]
) -> None:
    assert sandbox.post("faults", **fault, probability=1.0, path="/v1/checkout/sessions").ok

    response = order(buyer)

    assert response.status_code == 502
    assert response.json["error"] == "Failed to create checkout session"
    (payment,) = purse.payments("ada")
    assert (payment.status, payment.session_id) == ("failed", None)
    assert purse.wallet("ada").balance == 0


def test_the_status_follows_the_payment(buyer: FlaskClient, sandbox: Sandbox) -> None:
    session_id = order(buyer).json["session_id"]
    assert buyer.get(f"/api/payment/status/{session_id}").json == {
        "status": "pending",
        "session_id": session_id,
        "coins_added": None,
        "new_balance": None,
    }


def test_a_buyer_sees_coins_even_when_the_webhook_is_late(
    buyer: FlaskClient, sandbox: Sandbox
) -> None:
    session_id = order(buyer).json["session_id"]
    assert sandbox.pay(session_id)["result"] == "paid"

    found = buyer.get(f"/api/payment/status/{session_id}").json

    assert found == {
        "status": "completed",
        "session_id": session_id,
        "coins_added": 1200,
        "new_balance": 1200,
    }
    (row,) = buyer.get("/api/wallet/transactions").json["transactions"]
    assert row["description"] == "Purchased 1000 coins + 200 bonus"
    assert (row["type"], row["coins"], row["balance_after"]) == ("purchase", 1200, 1200)


def test_looking_up_at_stripe_is_limited(buyer: FlaskClient, sandbox: Sandbox) -> None:
    session_id = order(buyer).json["session_id"]
    buyer.get(f"/api/payment/status/{session_id}")
    sandbox.pay(session_id)

    assert buyer.get(f"/api/payment/status/{session_id}").json["status"] == "pending"


def test_the_status_survives_stripe_being_away(buyer: FlaskClient, sandbox: Sandbox) -> None:
    session_id = order(buyer).json["session_id"]
    sandbox.post("faults", kind="server_error", probability=1.0)

    assert buyer.get(f"/api/payment/status/{session_id}").json["status"] == "pending"


@pytest.mark.parametrize(
    "session_id", ["cs_test_unknown", "nonsense", "cs_test_%00", "cs_test_" + "a" * 300]
)
def test_an_unknown_payment_is_not_found(buyer: FlaskClient, session_id: str) -> None:
    response = buyer.get(f"/api/payment/status/{session_id}")
    assert (response.status_code, response.json["error"]) == (404, "Payment not found")


def test_somebody_else_s_payment_is_forbidden(buyer: FlaskClient, host: Flask) -> None:
    session_id = order(buyer).json["session_id"]
    other = as_user(host, "eve")

    for response in (
        other.get(f"/api/payment/status/{session_id}"),
        other.post(f"/api/payment/cancel/{session_id}", json={}),
    ):
        assert (response.status_code, response.json["error"]) == (403, "Unauthorized")


def test_a_cancelled_checkout_cannot_be_paid(
    buyer: FlaskClient, sandbox: Sandbox, purse: Coinpurse
) -> None:
    session_id = order(buyer).json["session_id"]

    assert buyer.post(f"/api/payment/cancel/{session_id}", json={}).json["status"] == "cancelled"
    assert buyer.post(f"/api/payment/cancel/{session_id}", json={}).json["status"] == "cancelled"

    assert stripe_session(sandbox, purse, session_id)["status"] == "expired"
    assert purse.wallet("ada").balance == 0


def test_cancelling_what_was_paid_first_keeps_the_coins(
    buyer: FlaskClient, sandbox: Sandbox
) -> None:
    session_id = order(buyer).json["session_id"]
    sandbox.pay(session_id)

    answer = buyer.post(f"/api/payment/cancel/{session_id}", json={}).json

    assert (answer["status"], answer["coins_added"]) == ("completed", 1200)


def test_cancelling_while_stripe_is_away_can_be_repeated(
    buyer: FlaskClient, sandbox: Sandbox
) -> None:
    session_id = order(buyer).json["session_id"]
    sandbox.post("faults", kind="server_error", probability=1.0)

    response = buyer.post(f"/api/payment/cancel/{session_id}", json={})
    assert (response.status_code, response.json["code"]) == (502, "stripe_unavailable")

    sandbox.clear_faults()
    assert buyer.post(f"/api/payment/cancel/{session_id}", json={}).json["status"] == "cancelled"


def test_packs_and_history(buyer: FlaskClient) -> None:
    packs = buyer.get("/api/payment/packs").json["packs"]
    chest = next(pack for pack in packs if pack["sku"] == "chest")
    assert (chest["total_coins"], chest["prices"]["usd"]["amount"]) == (1200, "99.99")
    assert set(chest["prices"]) >= {"usd", "eur", "gbp", "jpy", "cny"}

    order(buyer)
    (row,) = buyer.get("/api/payment/history").json["payments"]
    assert (row["status"], row["amount"], row["currency"]) == ("pending", "99.99", "usd")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "before=0", "before=-1", "before=1e3"]
)
def test_bad_paging_is_refused(buyer: FlaskClient, query: str) -> None:
    assert buyer.get(f"/api/wallet/transactions?{query}").status_code == 422


def test_the_statement_is_a_csv_file(buyer: FlaskClient, sandbox: Sandbox) -> None:
    session_id = order(buyer).json["session_id"]
    sandbox.pay(session_id)
    buyer.get(f"/api/payment/status/{session_id}")

    lines = buyer.get("/api/wallet/statement.csv").get_data(as_text=True).splitlines()

    assert lines[0] == "id,time,type,coins,balance_after,amount,currency,description"
    assert lines[1].endswith(",purchase,1200,1200,99.99,USD,Purchased 1000 coins + 200 bonus")


def test_unsupported_methods_are_answered_in_json(buyer: FlaskClient) -> None:
    response = buyer.delete(URL)
    assert response.status_code == 405


def test_a_null_address_is_one_left_out(buyer: FlaskClient) -> None:
    assert order(buyer, success_url=None, cancel_url=None).status_code == 200


def test_a_host_without_our_pages_gives_its_own_addresses(purse: Coinpurse) -> None:
    app = Flask("bare")
    bare = Coinpurse(settings=purse.settings, user_id=lambda: "ada", pages_prefix=None)
    bare.init_app(app)
    client = as_user(app, "ada")

    assert order(client).status_code == 200
    assert order(client, success_url=...).status_code == 422
    bare.database.close()


def test_a_failed_checkout_is_opened_by_its_key_once_stripe_is_back(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.post("faults", kind="rate_limit", probability=1.0, path="/v1/checkout/sessions")
    assert order(buyer, headers={"Idempotency-Key": "click-1"}).status_code == 502
    sandbox.clear_faults()

    assert order(buyer, headers={"Idempotency-Key": "click-1"}).status_code == 200

    (payment,) = purse.payments("ada")
    assert (payment.status, payment.failure_reason) == ("pending", None)


@pytest.mark.parametrize("user_id", ["x" * 201, "a\u00a0b", "a\nb"], ids=["long", "space", "line"])
def test_an_id_that_could_not_be_credited_cannot_buy(purse: Coinpurse, user_id: str) -> None:
    with pytest.raises(InvalidRequest, match="user_id"):
        purse.start_checkout(
            user_id,
            pack="chest",
            success_url="https://yourapp.com/s",
            cancel_url="https://yourapp.com/c",
        )

    assert purse.all_payments() == []


STARTER = {"price_usd": 1.99, "coins": 20}


@pytest.mark.parametrize("bonus", [..., 0, 30], ids=["left out", "ordinary", "first purchase"])
def test_a_first_purchase_is_named_by_either_bonus_and_the_status_tells_what_came(
    buyer: FlaskClient, sandbox: Sandbox, bonus: object
) -> None:
    session_id = order(buyer, **STARTER, bonus=bonus).json["session_id"]
    sandbox.pay(session_id)

    status = buyer.get(f"/api/payment/status/{session_id}").json

    assert (status["coins_added"], status["new_balance"]) == (50, 50)


def test_a_first_bonus_that_is_not_due_is_no_pack_s_figure(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.pay(session_id := order(buyer).json["session_id"])
    buyer.get(f"/api/payment/status/{session_id}")

    refused = order(buyer, **STARTER, bonus=30)

    assert (refused.status_code, refused.json["code"]) == (422, "price_mismatch")
    assert len(purse.payments("ada")) == 1
    assert order(buyer, **STARTER, bonus=0).status_code == 200


def test_a_pack_bought_as_often_as_one_account_may_is_422_and_says_the_limit(
    buyer: FlaskClient, purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.pay(session_id := order(buyer, **STARTER, bonus=0).json["session_id"])
    buyer.get(f"/api/payment/status/{session_id}")

    refused = order(buyer, **STARTER, bonus=0)

    assert refused.status_code == 422
    assert refused.json == {
        "error": "Times that one account may buy this pack: 1.",
        "code": "pack_limit_reached",
        "limit": 1,
    }
    packs = {pack["sku"]: pack for pack in buyer.get("/api/payment/packs").json["packs"]}
    assert packs["starter"]["limit_reached"] is True
    assert packs["starter"]["first_purchase_bonus"] == 0
    assert packs["chest"]["limit_reached"] is False
