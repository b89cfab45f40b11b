"""Which fields of Stripe's objects may be missing, and which may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.ports import CheckoutSession, PaymentIntent
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.readers import READERS, read_object

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read_session(session_json: dict[str, Any], **changes: Any) -> CheckoutSession:
    session = read_object(session_json | changes)
    assert isinstance(session, CheckoutSession)
    return session


def read_intent(intent_json: dict[str, Any], **changes: Any) -> PaymentIntent:
    intent = read_object(intent_json | changes)
    assert isinstance(intent, PaymentIntent)
    return intent


def test_every_reader_has_its_own_row() -> None:
    assert set(READERS) == {"checkout.session", "payment_intent"}
    assert len(set(READERS.values())) == len(READERS)


@pytest.mark.parametrize("values", [{}, {"object": None}, {"object": "balance"}])
def test_types_that_we_do_not_read_are_none(values: dict[str, Any]) -> None:
    assert read_object(values) is None


NULLABLE = {
    "status": ("status", ""),
    "amount_total": ("amount_minor", 0),
    "currency": ("currency", ""),
    "url": ("url", None),
    "payment_intent": ("payment_intent_id", None),
    "client_reference_id": ("client_reference_id", None),
    "metadata": ("metadata", {}),
    "customer_details": ("customer_email", None),
    "created": ("created_at", None),
    "expires_at": ("expires_at", None),
}


@pytest.mark.parametrize("name", NULLABLE)
def test_null_and_absent_are_the_same(session_json: dict[str, Any], name: str) -> None:
    attribute, expected = NULLABLE[name]

    assert getattr(read_session(session_json, **{name: None}), attribute) == expected
    del session_json[name]
    assert getattr(read_session(session_json), attribute) == expected


@pytest.mark.parametrize("name", ["id", "payment_status", "livemode", "mode"])
@pytest.mark.parametrize("value", [None, "", 5, []])
def test_session_has_what_stripe_always_sends(
    session_json: dict[str, Any], name: str, value: Any
) -> None:
    with pytest.raises(UnreadableError, match=rf"^checkout\.session: {name} has to be "):
        read_object(session_json | {name: value})


@pytest.mark.parametrize("name", ["id", "status", "amount", "currency", "livemode"])
@pytest.mark.parametrize("value", [None, "", 1.0, [], {}])
def test_intent_has_what_we_need(intent_json: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises(UnreadableError, match=rf"^payment_intent: {name} has to be "):
        read_object(intent_json | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount_total", True),
        ("amount_total", 99.99),
        ("amount_total", "9999"),
        ("amount_total", 2**63),
        ("created", 10**30),
        ("created", True),
        ("created", 1.5),
        ("created", "yesterday"),
        ("created", "0001-01-01T00:00:00+23:00"),
        ("url", 5),
        ("payment_intent", 5),
        ("payment_intent", {"object": "payment_intent"}),
        ("metadata", []),
        ("metadata", {"a": None}),
        ("metadata", {"a": {"b": "c"}}),
        ("customer_details", "text"),
        ("object", 5),
    ],
)
def test_wrong_kinds_of_value_are_refused(
    session_json: dict[str, Any], name: str, value: Any
) -> None:
    with pytest.raises(UnreadableError):
        read_object(session_json | {name: value})


def test_statuses_that_stripe_adds_later_stay_text(session_json: dict[str, Any]) -> None:
    session = read_session(session_json, status="paused", payment_status="half_paid", mode="gift")

    assert (session.status, session.payment_status, session.mode) == ("paused", "half_paid", "gift")


def test_expanded_payment_intent_is_its_id(
    session_json: dict[str, Any], intent_json: dict[str, Any]
) -> None:
    assert read_session(session_json, payment_intent=intent_json).payment_intent_id == "pi_1"


def test_email_that_we_gave_stands_in_for_the_buyers(session_json: dict[str, Any]) -> None:
    session = read_session(
        session_json, customer_details={"email": None}, customer_email="a@b.example"
    )

    assert session.customer_email == "a@b.example"


def test_currency_is_lower_case(session_json: dict[str, Any], intent_json: dict[str, Any]) -> None:
    assert read_session(session_json, currency="EUR").currency == "eur"
    assert read_intent(intent_json, currency="EUR").currency == "eur"


def test_metadata_is_text(session_json: dict[str, Any]) -> None:
    assert read_session(session_json, metadata={"coins": 1000}).metadata == {"coins": "1000"}


def test_intent_that_was_never_declined(intent_json: dict[str, Any]) -> None:
    intent = read_intent(intent_json, last_payment_error=None)

    assert (intent.decline_code, intent.decline_message) == (None, None)


def test_stripes_code_stands_in_for_the_banks(intent_json: dict[str, Any]) -> None:
    failure = {"code": "payment_intent_authentication_failure", "message": "Not authenticated."}

    intent = read_intent(intent_json, last_payment_error=failure)

    assert intent.decline_code == "payment_intent_authentication_failure"


def test_times_are_utc() -> None:
    moments = Fields(
        "times",
        {
            "epoch": 0,
            "zulu": "1970-01-01T00:00:00Z",
            "ahead": "1970-01-01T02:00:00+02:00",
            "bare": "1970-01-01",
        },
    )

    found = {moments.optional_moment(name) for name in ("epoch", "zulu", "ahead", "bare")}

    assert {moment.isoformat() for moment in found if moment} == {"1970-01-01T00:00:00+00:00"}
    assert len(found) == 1


@given(st.sampled_from(sorted(READERS)), st.dictionaries(st.text(), json_values))
def test_no_object_breaks_a_reader(kind: str, values: dict[str, Any]) -> None:
    names = [
        "id",
        "metadata",
        "livemode",
        "created",
        "last_payment_error",
        "amount",
        "customer_details",
    ]
    renamed = dict(zip(names, values.values(), strict=False))
    said = kind
    try:
        read_object(values | renamed | {"object": kind})
    except UnreadableError as problem:
        said = str(problem)
    assert said.startswith(kind)
