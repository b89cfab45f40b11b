"""The service API: what other backends call with a key."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from coinpurse import Coinpurse
from coinpurse.api_keys import SCOPES
from coinpurse.errors import DomainError
from coinpurse.web.access import BODY_LIMIT_BYTES
from coinpurse.web.errors import ANSWERS
from tests.conftest import as_user

Post = Callable[..., TestResponse]
V1 = "/api/v1"


@pytest.fixture
def key(purse: Coinpurse) -> str:
    """A key that may do everything."""
    return purse.api_keys.create("backend", SCOPES).text


@pytest.fixture
def backend(host: Flask, key: str) -> FlaskClient:
    """Another program, with the key."""
    client = host.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


@pytest.fixture
def post(backend: FlaskClient) -> Post:
    """Send a change with an idempotency key of its own, unless one is given."""
    counted = iter(range(1_000_000))

    def send(
        path: str, body: object = None, *, key: str | None = None, **more: Any
    ) -> TestResponse:
        name = key or f"request-{next(counted)}"
        return backend.post(
            V1 + path, json=body, headers={"Idempotency-Key": name, **more.pop("headers", {})}, **more
        )  # fmt: skip

    return send


@pytest.fixture
def ada(purse: Coinpurse) -> str:
    """A user with 100 coins."""
    purse.credit("ada", 100, key="start")
    return "ada"


def refusal(response: TestResponse) -> tuple[int, str]:
    assert isinstance(response.json["error"], str)
    assert response.json["error"]
    assert "%" not in response.json["error"]
    return response.status_code, response.json["code"]


# What is done.


def test_a_wallet_is_shown_whole(backend: FlaskClient, purse: Coinpurse, ada: str) -> None:
    purse.hold(ada, 30, key="hold")
    assert backend.get(f"{V1}/wallets/ada").json == {
        "user_id": "ada",
        "balance": 100,
        "available": 70,
        "held": 30,
        "frozen": 0,
        "paid": 0,
        "bonus": 100,
        "debt": 0,
        "blocked": False,
    }


def test_somebody_never_seen_has_nothing(backend: FlaskClient) -> None:
    response = backend.get(f"{V1}/wallets/nobody")
    assert (response.status_code, response.json["balance"]) == (200, 0)


def test_a_spend_is_a_transaction(post: Post, purse: Coinpurse, ada: str) -> None:
    response = post(
        "/wallets/ada/spend",
        {"coins": 40, "description": "画", "metadata": {"job": 7, "score": 0.5}},
        key="order-1",
    )

    assert response.status_code == 200
    (row, _) = purse.transactions(ada)
    assert response.json == {
        "id": row.id,
        "user_id": "ada",
        "type": "usage",
        "coins": -40,
        "balance_after": 60,
        "held": 0,
        "frozen": 0,
        "debt": 0,
        "amount_minor": None,
        "currency": None,
        "payment_id": None,
        "session_id": None,
        "hold_id": None,
        "reverses": None,
        "description": "画",
        "metadata": {"job": 7, "score": 0.5},
        "key": "order-1",
        "grants": [{"id": row.grants[0][0], "coins": -40}],
        "created_at": row.created_at.isoformat(),
        "created": True,
    }
    assert purse.wallet(ada).balance == 60


def test_coins_are_given(post: Post, purse: Coinpurse) -> None:
    response = post(
        "/wallets/ada/credit",
        {
            "coins": 9,
            "kind": "paid",
            "source": "voucher",
            "expires_at": "2090-01-31T18:00:00+08:00",
        },
    )

    assert (response.status_code, response.json["coins"]) == (200, 9)
    (grant,) = purse.explain("ada").grants
    assert (grant.kind, grant.source) == ("paid", "voucher")
    assert grant.expires_at is not None
    assert grant.expires_at.isoformat().startswith("2090-01-31T10:00:00")


def test_coins_are_set_aside_and_taken_in_part(post: Post, purse: Coinpurse, ada: str) -> None:
    held = post("/wallets/ada/holds", {"coins": 50, "ttl_seconds": 60})
    assert (held.status_code, held.json["state"], held.json["coins"]) == (200, "open", 50)

    captured = post(f"/holds/{held.json['id']}/capture", {"coins": 20})

    assert (captured.json["coins"], captured.json["hold_id"]) == (-20, held.json["id"])
    assert (purse.wallet(ada).balance, purse.wallet(ada).held) == (80, 0)
    again = post(f"/holds/{held.json['id']}/capture")
    assert refusal(again) == (409, "hold_already_resolved")


@pytest.mark.parametrize("body", [None, {}])
def test_coins_are_let_go(post: Post, purse: Coinpurse, ada: str, body: object) -> None:
    held = post("/wallets/ada/holds", {"coins": 50})
    voided = post(f"/holds/{held.json['id']}/void", body)
    assert (voided.status_code, voided.json["coins"]) == (200, 0)
    assert purse.wallet(ada).available == 100


def test_a_capture_without_a_body_takes_all(post: Post, purse: Coinpurse, ada: str) -> None:
    held = post("/wallets/ada/holds", {"coins": 50})
    assert post(f"/holds/{held.json['id']}/capture").json["coins"] == -50


def test_a_spend_is_undone_in_parts_and_no_further(post: Post, ada: str) -> None:
    spent = post("/wallets/ada/spend", {"coins": 40}).json["id"]

    first = post(f"/transactions/{spent}/reverse", {"coins": 15})
    rest = post(f"/transactions/{spent}/reverse")

    assert (first.json["coins"], rest.json["coins"], rest.json["reverses"]) == (15, 25, spent)
    further = post(f"/transactions/{spent}/reverse", {"coins": 1})
    assert refusal(further) == (422, "amount_too_large")
    assert (further.json["needed"], further.json["available"]) == (1, 0)


def test_a_checkout_is_opened_for_a_user(post: Post, purse: Coinpurse) -> None:
    response = post(
        "/checkout-sessions",
        {
            "user_id": "ada",
            "pack": "chest",
            "currency": "EUR",
            "success_url": "https://yourapp.com/done?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://yourapp.com/no",
        },
        key="cart-1",
    )

    assert response.status_code == 200
    assert set(response.json) == {"session_id", "checkout_url"}
    (payment,) = purse.payments("ada")
    assert (payment.session_id, payment.price.currency) == (response.json["session_id"], "eur")


def test_a_repeated_checkout_is_the_same_one(post: Post, purse: Coinpurse) -> None:
    first, second = (
        post("/checkout-sessions", {"user_id": "ada", "pack": "chest"}, key="cart-1")
        for _ in range(2)
    )
    assert first.json == second.json
    assert len(purse.payments("ada")) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pack": "unknown"}, (422, "pack_unavailable")),
        ({"currency": "kwd"}, (422, "pack_unavailable")),
        ({"success_url": "https://evil.example/"}, (422, "redirect_not_allowed")),
        ({"cancel_url": "javascript:alert(1)"}, (422, "redirect_not_allowed")),
        ({"user_id": ""}, (422, "invalid_request")),
        ({"pack": None}, (422, "invalid_request")),
        ({"price_usd": 1}, (422, "invalid_request")),
    ],
)
def test_a_checkout_that_cannot_be_creates_nothing(
    post: Post, purse: Coinpurse, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    response = post("/checkout-sessions", {"user_id": "ada", "pack": "chest", **changes})
    assert refusal(response) == expected
    assert purse.payments("ada") == []


# Keys and scopes.

SCOPE_OF = {
    "GET /wallets/ada": "read",
    "GET /wallets/ada/transactions": "read",
    "POST /wallets/ada/spend": "spend",
    "POST /wallets/ada/credit": "grant",
    "POST /wallets/ada/holds": "spend",
    "POST /holds/1/capture": "spend",
    "POST /holds/1/void": "spend",
    "POST /transactions/1/reverse": "spend",
    "POST /usage": "spend",
    "POST /checkout-sessions": "checkout",
    "POST /payments/1/refund": "refund",
}


@pytest.mark.parametrize("operation", SCOPE_OF)
@pytest.mark.parametrize("scope", SCOPES)
def test_only_the_scope_of_an_operation_opens_it(
    client: FlaskClient, purse: Coinpurse, operation: str, scope: str
) -> None:
    method, path = operation.split()
    headers = {"Authorization": f"Bearer {purse.api_keys.create('backend', [scope]).text}"}

    response = client.open(V1 + path, method=method, headers=headers)

    if scope == SCOPE_OF[operation]:
        assert response.status_code in (200, 400)
    else:
        assert refusal(response) == (403, "missing_scope")
        assert response.json["scope"] == SCOPE_OF[operation]
        assert SCOPE_OF[operation] in response.json["error"]


def test_the_scopes_above_are_all_operations(host: Flask) -> None:
    routes = {
        f"{method} {rule.rule.removeprefix(V1)}"
        for rule in host.url_map.iter_rules()
        if rule.rule.startswith(f"{V1}/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    known = {
        operation.replace("/ada", "/<user_id>")
        .replace("/holds/1", "/holds/<hold_id>")
        .replace("/transactions/1", "/transactions/<transaction_id>")
        .replace("/payments/1", "/payments/<payment_id>")
        for operation in SCOPE_OF
    }
    assert routes == known


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer cpk_",
        "Bearer cpk_00000000_" + 40 * "0",
        "Basic YWRhOmFkYQ==",
        "cpk_00000000_" + 40 * "0",
        "Bearer é",
        "Bearer " + 9000 * "x",
    ],
)
@pytest.mark.parametrize("operation", ["GET /wallets/ada", "POST /wallets/ada/spend"])
def test_without_a_valid_key_nothing_opens(
    client: FlaskClient, header: str, operation: str
) -> None:
    method, path = operation.split()
    response = client.open(V1 + path, method=method, environ_base={"HTTP_AUTHORIZATION": header})
    assert refusal(response) == (401, "invalid_key")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_scheme_is_read_in_any_case(client: FlaskClient, key: str) -> None:
    response = client.get(f"{V1}/wallets/ada", headers={"Authorization": f"bEARER {key}"})
    assert response.status_code == 200


def test_a_revoked_key_opens_nothing(
    backend: FlaskClient, purse: Coinpurse, post: Post, ada: str
) -> None:
    assert backend.get(f"{V1}/wallets/ada").status_code == 200
    (key,) = purse.api_keys.list_all()

    purse.api_keys.revoke(key.prefix)

    assert refusal(backend.get(f"{V1}/wallets/ada")) == (401, "invalid_key")
    assert refusal(post("/wallets/ada/spend", {"coins": 1})) == (401, "invalid_key")


def test_a_log_in_does_not_open_the_service(host: Flask) -> None:
    response = as_user(host, "ada").get(f"{V1}/wallets/ada")
    assert refusal(response) == (401, "invalid_key")


def test_no_cookie_is_set(backend: FlaskClient) -> None:
    assert "Set-Cookie" not in backend.get(f"{V1}/wallets/ada").headers


def test_a_host_may_leave_the_service_out(purse: Coinpurse) -> None:
    app = Flask("host")
    Coinpurse(app, settings=purse.settings, user_id=lambda: None, service_api=False)
    client = app.test_client()
    assert client.get(f"{V1}/wallets/ada").status_code == 404
    assert not any(path.startswith(V1) for path in client.get("/api/openapi.json").json["paths"])
    assert "/api/v1" not in client.get("/api/docs").text


# Bad input, field by field.

BAD = [
    *[("spend", {"coins": value}) for value in (0, -1, 1.0, 1.5, "1", True, [1], {}, 2**53, 10**400)],
    *[("spend", {"coins": 1, "description": value}) for value in (7, [], "x" * 1001, "\x00", "\ud800")],
    *[("spend", {"coins": 1, "metadata": value}) for value in ("x", 7, [1], {"a": "x" * 9000}, {"a": "\x00"})],
    ("spend", {}),
    ("spend", {"coins": None}),
    ("spend", {"coins": 1, "amount": 2}),
    ("spend", {"coins": 1, "\ud800": 2}),
    ("spend", {"coins": 1, "x" * 5000: 2}),
    ("credit", {"coins": 1.0}),
    ("credit", {"coins": 1, "price_usd": 5}),
    *[("credit", {"coins": 1, "kind": value}) for value in ("free", "", 1, ["paid"])],
    *[("credit", {"coins": 1, "source": value}) for value in ("", 1, "x" * 101, "\n")],
    *[
        ("credit", {"coins": 1, "expires_at": value})
        for value in (
            "", "tomorrow", "2030-01-31", "2030-01-31T18:00:00", "2030-02-30T18:00:00Z", 1893456000, "20300131T180000Z",
            "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2030-01-31T18:00:00+99:00", ["2030"],
        )
    ],
    *[("holds", {"coins": 1, "ttl_seconds": value}) for value in (0, -1, 0.5, 1.0, "60", True, 366 * 86400 + 1)],
]  # fmt: skip


@pytest.mark.parametrize(("operation", "body"), BAD, ids=lambda value: str(value)[:40])
def test_bad_fields_are_refused_and_change_nothing(
    post: Post, purse: Coinpurse, ada: str, operation: str, body: dict[str, object]
) -> None:
    response = post(f"/wallets/ada/{operation}", body)

    assert refusal(response) == (422, "invalid_request")
    field = next(reversed(body)) if body else "coins"
    assert response.json["error"].startswith((field[:50], "\\ud800"))
    assert (purse.wallet(ada).balance, purse.wallet(ada).held) == (100, 0)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"1", b"null", b'"x"', b'{"coins": NaN}', b"\xff", b"[" * 100_000,
             b'{"coins": 1' + b"0" * 5000 + b"}"],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_what_is_not_a_json_object_is_refused(post: Post, ada: str, body: bytes) -> None:
    response = post("/wallets/ada/spend", data=body, content_type="application/json")
    assert refusal(response) == (400, "invalid_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_refused(post: Post, ada: str, kind: str) -> None:
    response = post("/wallets/ada/spend", data=b'{"coins": 1}', content_type=kind)
    assert refusal(response) == (415, "json_required")


def test_a_body_over_a_mebibyte_is_refused(post: Post, ada: str) -> None:
    body = json.dumps({"coins": 1, "description": "x" * 1024 * 1024})
    response = post("/wallets/ada/spend", data=body, content_type="application/json")
    assert refusal(response) == (413, "too_large")


@pytest.mark.parametrize("user_id", ["%00", "%0A", "%FF", "%E2%80%A8", "x" * 256])
def test_a_user_that_cannot_be_is_refused(backend: FlaskClient, post: Post, user_id: str) -> None:
    assert refusal(backend.get(f"{V1}/wallets/{user_id}")) == (422, "invalid_request")
    assert refusal(post(f"/wallets/{user_id}/credit", {"coins": 1})) == (422, "invalid_request")


def test_users_may_have_any_printable_id(post: Post, backend: FlaskClient) -> None:
    assert post("/wallets/a%C3%A9%20%E9%87%91%7Cx%25/credit", {"coins": 3}).status_code == 200
    assert backend.get(f"{V1}/wallets/aé 金|x%25").json["balance"] == 3


@pytest.mark.parametrize(
    "id_", ["0", "-1", "x", "1.0", "99999999999999999999", "9" * 5000, "٣", "7"]
)
@pytest.mark.parametrize(
    "path", ["/holds/{}/capture", "/holds/{}/void", "/transactions/{}/reverse"]
)
def test_an_unknown_id_is_not_found(post: Post, path: str, id_: str) -> None:
    assert refusal(post(path.format(id_))) == (404, "not_found")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "before=0", "before=-1", "before=9" + "9" * 30]
)
def test_a_bad_page_is_refused(backend: FlaskClient, query: str) -> None:
    assert refusal(backend.get(f"{V1}/wallets/ada/transactions?{query}")) == (
        422,
        "invalid_request",
    )


# Idempotency.


@pytest.mark.parametrize("operation", [name for name in SCOPE_OF if name.startswith("POST")])
def test_every_change_needs_an_idempotency_key(backend: FlaskClient, operation: str) -> None:
    response = backend.post(V1 + operation.split()[1], json={})
    assert refusal(response) == (400, "idempotency_key_required")


@pytest.mark.parametrize("name", ["", "x" * 251, "é", "a\tb"])
def test_a_bad_idempotency_key_is_refused(backend: FlaskClient, ada: str, name: str) -> None:
    response = backend.post(
        f"{V1}/wallets/ada/spend",
        json={"coins": 1},
        environ_base={"HTTP_IDEMPOTENCY_KEY": name},
    )
    assert refusal(response) == (422, "invalid_request")
    assert "Idempotency-Key" in response.json["error"]


def test_a_repeat_is_the_first_result(post: Post, purse: Coinpurse, ada: str) -> None:
    first = post("/wallets/ada/spend", {"coins": 10}, key="k")
    purse.spend(ada, 5, key="other")

    again = post("/wallets/ada/spend", {"coins": 10}, key="k")

    assert again.status_code == 200
    assert again.json == {**first.json, "created": False}
    assert purse.wallet(ada).balance == 85


def test_a_key_of_other_content_is_a_conflict(post: Post, purse: Coinpurse, ada: str) -> None:
    post("/wallets/ada/spend", {"coins": 10}, key="k")
    for path, body in [
        ("/wallets/ada/spend", {"coins": 50}),
        ("/wallets/ada/credit", {"coins": 10}),
        ("/wallets/ada/holds", {"coins": 10}),
    ]:
        assert refusal(post(path, body, key="k")) == (409, "idempotency_conflict")
    assert purse.wallet(ada).balance == 90


def test_the_same_key_serves_two_users(post: Post, purse: Coinpurse) -> None:
    for user in ("ada", "bob"):
        assert post(f"/wallets/{user}/credit", {"coins": 10}, key="k").json["created"] is True


def test_a_caller_cannot_take_a_key_of_the_ledger_s_own(
    post: Post, purse: Coinpurse, ada: str
) -> None:
    held = post("/wallets/ada/holds", {"coins": 10, "ttl_seconds": 1}).json["id"]
    for name in (f"hold_timeout:{held}", f"purchase:{held}", "start"):
        assert post("/wallets/ada/spend", {"coins": 1}, key=name).status_code == 200
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.holds SET expires_at = now() - interval '1 second'")
        work.execute("UPDATE coinpurse.wallets SET next_due_at = now() - interval '1 second'")
    assert purse.wallet(ada).available == 97


# Refusals.


def test_too_few_coins_say_how_many(post: Post, ada: str) -> None:
    for path in ("/wallets/ada/spend", "/wallets/ada/holds"):
        response = post(path, {"coins": 130})
        assert response.status_code == 402
        assert response.json == {
            "error": "Coins needed: 130. Coins available: 100.",
            "code": "insufficient_coins",
            "needed": 130,
            "available": 100,
            "shortfall": 30,
        }


def test_a_missing_wallet_is_not_found(post: Post) -> None:
    assert refusal(post("/wallets/nobody/spend", {"coins": 1})) == (404, "not_found")


def test_a_blocked_wallet_may_not_spend(post: Post, purse: Coinpurse, ada: str) -> None:
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET blocked = true")
    assert refusal(post("/wallets/ada/spend", {"coins": 1})) == (403, "wallet_blocked")
    assert refusal(post("/wallets/ada/holds", {"coins": 1})) == (403, "wallet_blocked")
    assert post("/wallets/ada/credit", {"coins": 1}).status_code == 200


def test_a_capture_takes_no_more_than_was_held(post: Post, ada: str) -> None:
    held = post("/wallets/ada/holds", {"coins": 10}).json["id"]
    response = post(f"/holds/{held}/capture", {"coins": 11})
    assert refusal(response) == (422, "amount_too_large")
    assert (response.json["needed"], response.json["available"]) == (11, 10)


def test_refusals_are_in_the_reader_s_language(post: Post, ada: str) -> None:
    response = post("/wallets/ada/spend", {"coins": 130}, headers={"Accept-Language": "zh-CN"})
    assert response.json["error"] == "需要 130 个金币，当前可用 100 个。"


def test_every_domain_error_has_an_answer() -> None:
    def below(kind: type[DomainError]) -> set[type[DomainError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    assert {kind.__name__ for kind in below(DomainError) if kind.code not in ANSWERS} == set()


# Pages of the ledger.


def test_pages_stay_right_while_rows_arrive(
    backend: FlaskClient, purse: Coinpurse, ada: str
) -> None:
    for number in range(11):
        purse.spend(ada, 1, key=f"before-{number}")
    seen: list[int] = []
    before = ""
    for number in range(10):
        page = backend.get(f"{V1}/wallets/ada/transactions?limit=3{before}").json
        seen += [row["id"] for row in page["transactions"]]
        purse.spend(ada, 1, key=f"meanwhile-{number}")
        if page["next"] is None:
            break
        before = f"&before={page['next']}"

    assert len(seen) == 12
    assert seen == sorted(set(seen), reverse=True)


def test_a_page_of_somebody_without_rows_is_empty(backend: FlaskClient) -> None:
    assert backend.get(f"{V1}/wallets/nobody/transactions").json == {
        "transactions": [],
        "next": None,
    }


# Usage in batches.


def test_a_thousand_spends_have_a_thousand_results(post: Post, purse: Coinpurse) -> None:
    for user in range(10):
        purse.credit(f"user-{user}", 99, key="start")
    spends = [
        {"user_id": f"user-{number % 10}", "coins": 1, "key": f"job-{number}"}
        for number in range(1000)
    ]

    results = post("/usage", {"spends": spends}).json["results"]

    # Each has coins for 99 of its 100.
    assert [result["status"] for result in results] == [200] * 990 + [402] * 10
    assert [result["transaction"]["key"] for result in results[:990]] == [
        spend["key"] for spend in spends[:990]
    ]
    assert results[-1] == {
        "status": 402,
        "error": "Coins needed: 1. Coins available: 0.",
        "code": "insufficient_coins",
        "needed": 1,
        "available": 0,
        "shortfall": 1,
    }
    again = post("/usage", {"spends": spends}).json["results"]
    assert [result["transaction"]["created"] for result in again[:990]] == [False] * 990
    assert purse.wallet("user-3").balance == 0


def test_bad_spends_of_a_batch_fail_alone(post: Post, purse: Coinpurse, ada: str) -> None:
    good = {"user_id": "ada", "coins": 5, "key": "a", "description": "d", "metadata": {"n": 1}}
    results = post(
        "/usage",
        {
            "spends": [
                {**good, "coins": 5.0},
                good,
                7,
                None,
                {**good, "key": "b", "user_id": "nobody"},
                {**good, "coins": 6},
                {**good, "unknown": 1},
                {"coins": 5, "key": "c"},
                good,
                {**good, "key": "x" * 251},
                {**good, "key": "last", "coins": 1000},
            ]
        },
    ).json["results"]

    assert [(result["status"], result.get("code")) for result in results] == [
        (422, "invalid_request"),
        (200, None),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (404, "not_found"),
        (409, "idempotency_conflict"),
        (422, "invalid_request"),
        (422, "invalid_request"),
        (200, None),
        (422, "invalid_request"),
        (402, "insufficient_coins"),
    ]
    assert results[8]["transaction"] == {**results[1]["transaction"], "created": False}
    assert purse.wallet(ada).balance == 95


def test_a_key_of_a_batch_is_the_key_of_a_spend(post: Post, purse: Coinpurse, ada: str) -> None:
    post("/wallets/ada/spend", {"coins": 5}, key="job-1")
    spends = [{"user_id": "ada", "coins": 5, "key": "job-1"}]
    (result,) = post("/usage", {"spends": spends}).json["results"]
    assert result["transaction"]["created"] is False
    assert purse.wallet(ada).balance == 95


@pytest.mark.parametrize(
    "spends", [None, {}, "x", 7, [{}] * 1001], ids=lambda value: str(value)[:9]
)
def test_a_batch_that_is_none_is_refused(post: Post, spends: object) -> None:
    assert refusal(post("/usage", {"spends": spends})) == (422, "invalid_request")


def test_an_empty_batch_has_no_results(post: Post) -> None:
    assert post("/usage", {"spends": []}).json == {"results": []}


def test_a_database_that_is_away_is_said(post: Post, purse: Coinpurse, ada: str, key: str) -> None:
    with purse.database.unit_of_work() as work:
        work.execute("ALTER TABLE coinpurse.wallets RENAME TO wallets_away")
        work.execute(
            "CREATE VIEW coinpurse.wallets AS SELECT w.*, pg_terminate_backend(pg_backend_pid())"
            " FROM coinpurse.wallets_away w"
        )
    response = post("/wallets/ada/spend", {"coins": 1})
    assert refusal(response) == (503, "database_unavailable")
    assert response.headers["Retry-After"]


def test_a_wallet_whose_books_are_broken_fails_alone_in_a_usage_report(
    purse: Coinpurse, post: Post, ada: str
) -> None:
    purse.credit("bob", 5, key="start")
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET balance = 50 WHERE user_id = 'bob'")

    answer = post(
        "/usage",
        {
            "spends": [
                {"user_id": "bob", "coins": 20, "key": "k"},
                {"user_id": ada, "coins": 20, "key": "k"},
            ]
        },
    )

    broken, spent = answer.json["results"]
    assert (broken["status"], broken["code"]) == (500, "internal_server_error")
    assert spent["transaction"]["balance_after"] == 80


def test_a_key_header_that_was_sent_twice_is_refused(
    backend: FlaskClient, purse: Coinpurse, ada: str
) -> None:
    for joined in ("k,k", "k, k", "k,k,k"):
        answer = backend.post(
            f"{V1}/wallets/{ada}/spend", json={"coins": 1}, headers={"Idempotency-Key": joined}
        )
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")
        assert "must be sent once" in answer.json["error"]
    assert purse.wallet(ada).balance == 100


@pytest.mark.parametrize(
    "body",
    [
        '{"coins": 1, "coins": 2}',
        '{"coins": 1, "metadata": {"a": 1, "a": 2}}',
        '{"coins": 1, "\\u0063oins": 2}',
    ],
)
def test_a_field_that_is_there_twice_is_refused(
    backend: FlaskClient, purse: Coinpurse, ada: str, body: str
) -> None:
    answer = backend.post(
        f"{V1}/wallets/{ada}/spend",
        data=body,
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )

    assert (answer.status_code, answer.json["code"]) == (400, "invalid_json")
    assert purse.wallet(ada).balance == 100


def nested(levels: int) -> str:
    """A spend whose metadata is nested this deep."""
    inside = levels - 1
    return '{"coins": 1, "metadata": {"a": ' + "[" * inside + "]" * inside + "}}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        *[(nested(levels), 422, "invalid_request") for levels in (101, 500, 900)],
        (nested(10_000), 400, "invalid_json"),
        ("[" * 10_000, 400, "invalid_json"),
        ('{"coins":' * 10_000, 400, "invalid_json"),
        ('{"coins": 1, "metadata": {"a": 1e400}}', 422, "invalid_request"),
        ('{"coins": 1, "metadata": {"a": "\\ud800"}}', 422, "invalid_request"),
        ('{"coins": 1, "metadata": {"\\u0000": 1}}', 422, "invalid_request"),
        ('{"coins": 1e400}', 422, "invalid_request"),
        ('{"coins": -0}', 422, "invalid_request"),
        ('{"coins": -Infinity}', 400, "invalid_json"),
        ('{"coins": ' + "9" * 5000 + "}", 400, "invalid_json"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_that_somebody_made_to_break_us_is_refused_and_changes_nothing(
    backend: FlaskClient, purse: Coinpurse, ada: str, body: str, status: int, code: str
) -> None:
    answer = backend.post(
        f"{V1}/wallets/{ada}/spend",
        data=body,
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )

    assert refusal(answer) == (status, code)
    assert purse.wallet(ada).balance == 100


def test_metadata_as_deep_as_it_may_be_can_be_read_ever_after(
    backend: FlaskClient, ada: str
) -> None:
    answer = backend.post(
        f"{V1}/wallets/{ada}/spend",
        data=nested(100),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )

    listed = backend.get(f"{V1}/wallets/{ada}/transactions?limit=1")
    assert (answer.status_code, listed.status_code) == (200, 200)
    assert listed.json["transactions"][0]["metadata"] == answer.json["metadata"]


def in_pieces(backend: FlaskClient, path: str, body: bytes, *, terminated: bool) -> TestResponse:
    """Send a body without a length. terminated: whether the server marks its end, as good ones do."""
    builder = EnvironBuilder(
        path=V1 + path,
        method="POST",
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked", "Idempotency-Key": "pieces"},
    )
    environ = {**backend.environ_base, **builder.get_environ(), "wsgi.input": BytesIO(body)}
    environ.pop("CONTENT_LENGTH", None)
    if terminated:
        environ["wsgi.input_terminated"] = True
    return TestResponse(
        *run_wsgi_app(backend.application, environ, buffered=True), Request(environ)
    )


def test_a_body_in_pieces_is_read_to_its_end(
    backend: FlaskClient, purse: Coinpurse, ada: str
) -> None:
    held = purse.hold(ada, 50, key="h")

    answer = in_pieces(backend, f"/holds/{held.id}/capture", b'{"coins": 1}', terminated=True)

    assert answer.json["coins"] == -1
    assert purse.wallet(ada).balance == 99


def test_a_body_in_pieces_whose_end_the_server_does_not_know_is_no_empty_one(
    backend: FlaskClient, purse: Coinpurse, ada: str
) -> None:
    held = purse.hold(ada, 50, key="h")

    answer = in_pieces(backend, f"/holds/{held.id}/capture", b'{"coins": 1}', terminated=False)

    assert (answer.status_code, answer.json["code"]) == (400, "invalid_json")
    assert purse.wallet(ada).held == 50


def test_a_body_in_pieces_that_is_too_large_is_not_cut(
    backend: FlaskClient, purse: Coinpurse, ada: str
) -> None:
    body = b'{"coins": 1}' + b" " * BODY_LIMIT_BYTES + b"and something else"

    answer = in_pieces(backend, f"/wallets/{ada}/spend", body, terminated=True)

    assert (answer.status_code, answer.json["code"]) == (413, "too_large")
    assert purse.wallet(ada).balance == 100
