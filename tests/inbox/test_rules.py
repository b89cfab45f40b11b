"""Which events are acted on, and when a failed one is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.inbox.rules import (
    AFTER_SALE_TYPES,
    BACK_OFF,
    HANDLED_TYPES,
    REPORTS,
    RETRY_LATER_ATTEMPTS,
    StoredEvent,
    back_off,
)
from coinpurse.ports import CheckoutSession, PaymentIntent
from coinpurse.purchases.rules import Signal

SESSION = CheckoutSession(
    id="cs_test_1",
    status="complete",
    payment_status="unpaid",
    amount_minor=1,
    currency="usd",
    livemode=False,
    mode="payment",
)


def test_every_type_of_the_contract_is_handled_once() -> None:
    contract = {
        *("checkout.session.completed", "checkout.session.async_payment_succeeded"),
        *("checkout.session.async_payment_failed", "checkout.session.expired"),
        *("payment_intent.succeeded", "payment_intent.payment_failed"),
        *("refund.created", "refund.updated", "refund.failed", "charge.refunded"),
        *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
        *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
        *("radar.early_fraud_warning.created", "radar.early_fraud_warning.updated"),
    }

    assert set(HANDLED_TYPES) == contract
    assert len(HANDLED_TYPES) == len(contract)
    assert not AFTER_SALE_TYPES & set(REPORTS)


@pytest.mark.parametrize("type_", REPORTS)
def test_each_type_is_about_the_object_that_its_name_says(type_: str) -> None:
    about, _ = REPORTS[type_]

    expected = CheckoutSession if type_.startswith("checkout.session.") else PaymentIntent
    assert about is expected


def test_trap_5_only_the_failed_settlement_ends_an_unpaid_complete_session() -> None:
    signals = {
        type_: read(SESSION).signal
        for type_, (about, read) in REPORTS.items()
        if about is CheckoutSession
    }

    assert signals.pop("checkout.session.async_payment_failed") is Signal.SETTLEMENT_FAILED
    assert set(signals.values()) == {Signal.SETTLING}


def test_trap_3_a_failed_event_is_tried_for_days_and_ever_more_rarely() -> None:
    waits = [back_off(attempts) for attempts in range(1, len(BACK_OFF) + 1)]

    assert waits == list(BACK_OFF)
    assert list(BACK_OFF) == sorted(BACK_OFF)
    assert BACK_OFF[0] <= timedelta(seconds=10)
    assert sum(BACK_OFF, timedelta()) >= timedelta(days=3)


@given(st.integers(min_value=len(BACK_OFF) + 1))
def test_in_the_end_a_person_must_look(attempts: int) -> None:
    assert back_off(attempts) is None


def test_an_event_that_waits_for_its_row_is_given_up_within_the_hour() -> None:
    waits = BACK_OFF[: RETRY_LATER_ATTEMPTS - 1]

    assert timedelta(minutes=5) < sum(waits, timedelta()) <= timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "is_open"),
    [
        ("received", True),
        ("failed", True),
        ("processed", False),
        ("ignored", False),
        ("foreign", False),
        # Nothing tries it by itself; a replay or a redelivery still owes it an attempt.
        ("dead", True),
    ],
)
def test_an_attempt_is_owed_to_what_has_not_ended(state: str, is_open: bool) -> None:
    event = StoredEvent(
        id="evt_1",
        type="checkout.session.completed",
        object_id="cs_test_1",
        livemode=False,
        api_version=None,
        event_at=datetime(2026, 1, 1, tzinfo=UTC),
        payload="{}",
        state=state,
        note=None,
        attempts=0,
        error=None,
        next_attempt_at=None,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        processed_at=None,
    )

    assert event.is_open is is_open
