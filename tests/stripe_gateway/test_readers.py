"""Which fields of Stripe's objects may be missing, and which may not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.ports import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Dispute,
    FraudWarning,
    PaymentIntent,
    Refund,
)
from coinpurse.stripe_gateway.fields import Fields, UnreadableError
from coinpurse.stripe_gateway.readers import (
    READERS,
    read_balance_transaction,
    read_object,
)

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
    assert set(READERS) == {
        "checkout.session",
        "payment_intent",
        "charge",
        "refund",
        "dispute",
        "radar.early_fraud_warning",
    }
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


# What comes after the sale ---------------------------------------------------------------------


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def read_dispute(dispute_json: dict[str, Any], **changes: Any) -> Dispute:
    dispute = read_object(dispute_json | changes)
    assert isinstance(dispute, Dispute)
    return dispute


def test_charge_is_read(charge_json: dict[str, Any]) -> None:
    assert read_object(charge_json) == Charge("ch_1", "pi_1", livemode=False)


def test_refund_is_read(refund_json: dict[str, Any]) -> None:
    assert read_object(refund_json) == Refund(
        id="re_1",
        status="succeeded",
        amount_minor=500,
        currency="usd",
        payment_intent_id="pi_1",
        created_at=moment(1_793_000_200),
        reason="requested_by_customer",
        failure_reason=None,
        metadata={"refund_request": "7"},
    )


def test_dispute_is_read_with_what_it_moved(dispute_json: dict[str, Any]) -> None:
    assert read_object(dispute_json) == Dispute(
        id="du_1",
        status="won",
        amount_minor=9999,
        currency="usd",
        payment_intent_id="pi_1",
        livemode=False,
        created_at=moment(1_793_000_300),
        reason="fraudulent",
        withdrawn_minor=9999,
        reinstated_minor=4000,
        evidence_due_at=moment(1_793_600_000),
    )


def test_fraud_warning_is_read(warning_json: dict[str, Any]) -> None:
    assert read_object(warning_json) == FraudWarning(
        id="issfr_1",
        payment_intent_id="pi_1",
        actionable=True,
        fraud_type="made_with_stolen_card",
        livemode=False,
        created_at=moment(1_793_000_250),
    )


@pytest.mark.parametrize("kind", ["charge", "refund", "dispute", "warning"])
def test_what_belongs_to_no_payment_intent_reads_with_none(
    kind: str, request: pytest.FixtureRequest
) -> None:
    values = request.getfixturevalue(f"{kind}_json")

    assert read_object(values | {"payment_intent": None}).payment_intent_id is None  # type: ignore[union-attr]
    del values["payment_intent"]
    assert read_object(values).payment_intent_id is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("charge", name) for name in ("id", "livemode")),
        *(("refund", name) for name in ("id", "amount", "currency", "created")),
        *(("dispute", name) for name in ("id", "status", "amount", "currency", "created")),
        ("dispute", "livemode"),
        *(("warning", name) for name in ("id", "actionable", "fraud_type", "livemode", "created")),
    ],
)
@pytest.mark.parametrize("value", [None, 1.5, [], {}])
def test_what_comes_after_has_what_we_need(
    kind: str, name: str, value: Any, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(UnreadableError, match=rf": {name} has to be "):
        read_object(request.getfixturevalue(f"{kind}_json") | {name: value})


def test_statuses_after_the_sale_stay_text(
    refund_json: dict[str, Any], dispute_json: dict[str, Any]
) -> None:
    refund = read_object(refund_json | {"status": "held", "reason": "weather"})

    assert isinstance(refund, Refund)
    assert (refund.status, refund.reason) == ("held", "weather")
    assert read_object(refund_json | {"status": None}).status == ""  # type: ignore[union-attr]
    assert read_dispute(dispute_json, status="prevented").status == "prevented"


@pytest.mark.parametrize("due_by", [0, None])
def test_bank_that_takes_no_evidence_sets_no_deadline(
    dispute_json: dict[str, Any], due_by: int | None
) -> None:
    dispute = read_dispute(dispute_json, evidence_details={"due_by": due_by})

    assert dispute.evidence_due_at is None


@pytest.mark.parametrize("movements", [None, [], ["txn_1", None, 5]])
def test_inquiry_moved_nothing(dispute_json: dict[str, Any], movements: Any) -> None:
    dispute = read_dispute(dispute_json, balance_transactions=movements)

    assert (dispute.withdrawn_minor, dispute.reinstated_minor) == (0, 0)


def test_only_what_moved_the_disputed_money_counts(dispute_json: dict[str, Any]) -> None:
    dispute = read_dispute(
        dispute_json,
        balance_transactions=[
            "txn_0",
            {"amount": -5000, "reporting_category": "dispute", "type": "adjustment"},
            {"amount": -4000, "type": "adjustment"},
            {"amount": 700, "reporting_category": "dispute_reversal", "type": "adjustment"},
            {"amount": -1500, "reporting_category": "fee", "type": "stripe_fee"},
            {"amount": -1500, "reporting_category": "fee", "type": "adjustment"},
            {"amount": "unreadable", "type": "stripe_fee"},
        ],
    )

    assert (dispute.withdrawn_minor, dispute.reinstated_minor) == (9000, 700)


@pytest.mark.parametrize("movements", [{}, "txn_1", [{"type": "adjustment"}]])
def test_movements_that_cannot_be_counted_are_refused(
    dispute_json: dict[str, Any], movements: Any
) -> None:
    with pytest.raises(UnreadableError):
        read_dispute(dispute_json, balance_transactions=movements)


def test_balance_transaction_knows_its_payment_by_its_source(
    movement_json: dict[str, Any],
) -> None:
    expected = BalanceTransaction(
        id="txn_3",
        type="refund",
        reporting_category="refund",
        amount_minor=-500,
        fee_minor=0,
        currency="usd",
        created_at=moment(1_793_000_200),
        source_id="re_1",
        payment_intent_id="pi_1",
    )

    assert read_balance_transaction(Fields("txn", movement_json)) == expected


@pytest.mark.parametrize(
    ("source", "source_id"),
    [(None, None), ("re_1", "re_1"), ({"id": "po_1", "object": "payout"}, "po_1")],
)
def test_balance_transaction_without_a_payment(
    movement_json: dict[str, Any], source: Any, source_id: str | None
) -> None:
    movement = read_balance_transaction(Fields("txn", movement_json | {"source": source}))

    assert (movement.source_id, movement.payment_intent_id) == (source_id, None)


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
        "balance_transactions",
        "evidence_details",
        "payment_intent",
    ]
    renamed = dict(zip(names, values.values(), strict=False))
    said = kind
    try:
        read_object(values | renamed | {"object": kind})
    except UnreadableError as problem:
        said = str(problem)
    assert said.startswith(kind)
