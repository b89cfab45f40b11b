"""Keys, versions, errors, idempotency, pages and expansion, as Stripe's HTTP face has them."""

from __future__ import annotations

import threading
import uuid

import pytest
import stripe
from sandbox_process import Sandbox, cart


def test_unknown_urls_answer_404_without_a_log_url(sandbox: Sandbox) -> None:
    answer = sandbox.request("GET", "/v1/nothing")

    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("Unrecognized request URL (GET: /v1/noth")
    assert set(answer.json()["error"]) == {"message", "type"}
    assert answer.headers["Request-Id"].startswith("req_")


def test_basic_and_bearer_keys_both_open_the_account(sandbox: Sandbox) -> None:
    import requests

    basic = requests.get(sandbox.url + "/v1/account", auth=("rk_test_any", ""), timeout=10)
    bearer = sandbox.request("GET", "/v1/account")

    assert basic.json()["id"] == bearer.json()["id"]


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc", "sk_test_", "nonsense", ""])
def test_other_keys_are_turned_away(sandbox: Sandbox, key: str) -> None:
    answer = sandbox.request("GET", "/v1/account", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 401
    if "live" in key:
        assert "live key" in answer.json()["error"]["message"]


def test_versions_are_echoed_and_unknown_ones_refused(sandbox: Sandbox) -> None:
    unpinned = sandbox.request("GET", "/v1/account")
    unknown = sandbox.request("GET", "/v1/account", headers={"Stripe-Version": "2020-01-01"})

    assert unpinned.headers["Stripe-Version"] == "2026-08-26.dahlia"
    assert unknown.status_code == 400
    assert "request_log_url" not in unknown.json()["error"]


@pytest.mark.parametrize(
    ("version", "accepted"),
    [("2026-08-26.dahlia", True), ("2026-09-30.endive", False), ("2026-10-28.endive", False)],
)
def test_payment_method_types_left_with_endive(
    sandbox: Sandbox, version: str, accepted: bool
) -> None:
    client = sandbox.client(version)
    params = cart() | {"payment_method_types": ["card"]}
    if accepted:
        session = client.v1.checkout.sessions.create(params=params)  # type: ignore[arg-type]
        assert session.payment_method_types == ["card"]
        return

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.checkout.sessions.create(params=params)  # type: ignore[arg-type]

    assert refusal.value.code == "payment_method_types_no_longer_supported"
    assert refusal.value.param == "payment_method_types"


def test_unknown_and_missing_parameters_are_named(sandbox: Sandbox) -> None:
    unknown = sandbox.request(
        "POST", "/v1/products", data={"name": "a", "metadata[a]": "b", "colour[0]": "red"}
    ).json()["error"]
    missing = sandbox.request("POST", "/v1/products").json()["error"]
    nested = sandbox.request(
        "POST", "/v1/checkout/sessions",
        data={"mode": "payment", "line_items[0][cost]": "1"},
    ).json()["error"]  # fmt: skip

    assert (unknown["code"], unknown["param"]) == ("parameter_unknown", "colour")
    assert (missing["code"], missing["param"]) == ("parameter_missing", "name")
    assert nested["param"] == "line_items[0][cost]"
    assert unknown["doc_url"] == "https://stripe.com/docs/error-codes/parameter-unknown"


def test_a_repeated_key_gets_the_first_answer(sandbox: Sandbox) -> None:
    key = str(uuid.uuid4())
    client = sandbox.stripe
    first = client.v1.customers.create(params={"name": "A"}, options={"idempotency_key": key})
    second = client.v1.customers.create(params={"name": "A"}, options={"idempotency_key": key})

    assert second.id == first.id
    assert second.last_response is not None
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as mismatch:
        client.v1.customers.create(params={"name": "B"}, options={"idempotency_key": key})
    assert mismatch.value.http_status == 400


def test_malformed_requests_do_not_use_up_their_key(sandbox: Sandbox) -> None:
    options: stripe.RequestOptions = {"idempotency_key": str(uuid.uuid4())}
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.stripe.v1.products.create(params={}, options=options)  # type: ignore[typeddict-item]

    assert sandbox.stripe.v1.products.create(params={"name": "A"}, options=options).name == "A"


def test_a_decline_is_replayed_without_a_second_charge(sandbox: Sandbox) -> None:
    options: stripe.RequestOptions = {"idempotency_key": str(uuid.uuid4())}
    charges = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as decline:
            sandbox.stripe.v1.payment_intents.create(
                params={"amount": 2000, "currency": "usd", "confirm": True,
                        "payment_method": "pm_card_chargeDeclined"},
                options=options,
            )  # fmt: skip
        assert decline.value.error is not None
        charges.append(decline.value.error.charge)

    assert charges[0] == charges[1]


def test_the_twin_of_a_running_request_is_refused(fresh: Sandbox) -> None:
    fresh.control(
        "POST", "/faults", {"kind": "timeout", "path": "/v1/products", "seconds": 1.5, "count": 1}
    )
    options: stripe.RequestOptions = {"idempotency_key": "twins"}
    failures: list[Exception] = []

    def first() -> None:
        try:
            fresh.stripe.v1.products.create(params={"name": "A"}, options=options)
        except stripe.APIConnectionError as error:
            failures.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    thread.join(0.5)
    with pytest.raises(stripe.StripeError) as refusal:
        fresh.stripe.v1.products.create(params={"name": "A"}, options=options)
    thread.join()

    assert refusal.value.http_status == 409
    assert refusal.value.error is not None
    assert refusal.value.error.code == "idempotency_key_in_use"
    assert len(failures) == 1


def test_concurrent_twins_make_one_object(fresh: Sandbox) -> None:
    client = fresh.client()
    ids: list[str] = []

    def create() -> None:
        for _ in range(20):
            try:
                ids.append(client.v1.customers.create(options={"idempotency_key": "one"}).id)
            except stripe.StripeError as error:
                assert error.http_status == 409  # noqa: PT017
            else:
                return

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_pages_go_both_ways(fresh: Sandbox) -> None:
    client = fresh.stripe
    made = [client.v1.customers.create(params={"email": f"{n}@x.example"}).id for n in range(25)]
    newest_first = made[::-1]

    forwards = [found.id for found in client.v1.customers.list(
        params={"limit": 10}).auto_paging_iter()]  # fmt: skip
    backwards = [found.id for found in client.v1.customers.list(
        params={"limit": 4, "ending_before": made[0]}).auto_paging_iter()]  # fmt: skip
    page = client.v1.customers.list(params={"limit": 3, "starting_after": newest_first[1]})

    assert forwards == newest_first
    assert backwards == made[1:]
    assert [found.id for found in page.data] == newest_first[2:5]
    assert page.has_more


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_page_sizes_have_bounds(sandbox: Sandbox, limit: str) -> None:
    answer = sandbox.request("GET", f"/v1/customers?limit={limit}")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "limit"


def test_lists_filter_by_time(fresh: Sandbox) -> None:
    client = fresh.stripe
    old = client.v1.customers.create()
    fresh.advance(1000)
    new = client.v1.customers.create()

    late = client.v1.customers.list(params={"created": {"gt": old.created}})
    early = client.v1.customers.list(params={"created": {"lt": new.created}})

    assert [found.id for found in late.data] == [new.id]
    assert [found.id for found in early.data] == [old.id]


def test_expansion_reaches_into_lists(sandbox: Sandbox) -> None:
    session = sandbox.paid_session()
    found = sandbox.stripe.v1.checkout.sessions.list(
        params={
            "payment_intent": session.payment_intent,
            "expand": ["data.payment_intent.latest_charge", "data.line_items"],
        }
    ).data[0]

    assert found.payment_intent.latest_charge.paid  # type: ignore[union-attr]
    assert found.line_items is not None


def test_expansion_refuses_what_it_cannot_do(sandbox: Sandbox) -> None:
    customer = sandbox.stripe.v1.customers.create()
    unknown = sandbox.request("GET", "/v1/customers?expand[]=data.colour")
    scalar = sandbox.request("GET", f"/v1/customers/{customer.id}?expand[]=email")
    deep = sandbox.request("GET", f"/v1/customers/{customer.id}?expand[]=a.b.c.d.e")

    assert [unknown.status_code, scalar.status_code, deep.status_code] == [400, 400, 400]


def test_events_filter_by_type(fresh: Sandbox) -> None:
    fresh.paid_session()
    client = fresh.stripe
    both = client.v1.events.list(params={"types": ["charge.succeeded", "payment_intent.succeeded"]})
    starred = client.v1.events.list(params={"type": "payment_intent.*"})

    assert [event.type for event in both.data] == ["payment_intent.succeeded", "charge.succeeded"]
    assert len(starred.data) == 2
