"""What a payment can become: every pair of status and signal, and every objection."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.db.identifiers import new_id
from coinpurse.money import Money
from coinpurse.ports import CheckoutSession, PaymentIntent
from coinpurse.purchases.rules import (
    INTENT_SIGNALS,
    SESSION_SIGNALS,
    Payment,
    Report,
    Signal,
    next_status,
    objection,
    report_of_intent,
    report_of_session,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = (
    *("pending", "completed", "failed", "cancelled", "expired"),
    *("partially_refunded", "refunded", "disputed"),
)
BEFORE_MONEY = ("pending", "failed", "cancelled", "expired")

PAYMENT = Payment(
    id=new_id(),
    session_id="cs_test_1",
    user_id="ada",
    pack_sku="chest",
    coins=1000,
    bonus=200,
    price=Money(9999, "usd"),
    livemode=False,
    status="pending",
    request_digest=b"",
    stripe_parameters={},
    checkout_url=None,
    payment_intent_id=None,
    settling_at=None,
    decline_code=None,
    decline_message=None,
    declined_at=None,
    cancel_requested_at=None,
    failure_reason=None,
    review_reason=None,
    paid_minor=None,
    paid_currency=None,
    review_intent_id=None,
    review_note=None,
    reviewed_at=None,
    refunded_minor=0,
    disputed_minor=0,
    fraud_warning_at=None,
    completed_at=None,
    transaction_id=None,
    created_at=NOW,
    updated_at=NOW,
)
PAID = Report(
    signal=Signal.PAID,
    payment_id=str(PAYMENT.id),
    session_id="cs_test_1",
    payment_intent_id="pi_1",
    user_id="ada",
    amount_minor=9999,
    currency="usd",
    livemode=False,
)
SESSION = CheckoutSession(
    id="cs_test_1",
    status="complete",
    payment_status="paid",
    amount_minor=9999,
    currency="usd",
    livemode=False,
    mode="payment",
    payment_intent_id="pi_1",
    metadata={"payment_id": str(PAYMENT.id), "user_id": "ada"},
)
INTENT = PaymentIntent(
    id="pi_1",
    status="succeeded",
    amount_minor=9999,
    currency="usd",
    livemode=False,
    metadata=SESSION.metadata,
)


@pytest.mark.parametrize(("status", "signal"), list(product(STATUSES, Signal)))
def test_each_signal_in_each_status_does_what_the_table_says(status: str, signal: Signal) -> None:
    expected = status
    if signal is Signal.PAID and status in BEFORE_MONEY:
        expected = "completed"
    elif status == "pending":
        expected = {
            Signal.SETTLEMENT_FAILED: "failed",
            Signal.EXPIRED: "expired",
        }.get(signal, "pending")

    assert next_status(replace(PAYMENT, status=status), signal) == expected


@pytest.mark.parametrize("cancelling", [False, True])
def test_trap_6_completed_is_reached_by_paid_alone_and_never_left(cancelling: bool) -> None:
    start = replace(PAYMENT, cancel_requested_at=NOW if cancelling else None)

    for signals in product(Signal, repeat=4):
        payment = start
        for number, signal in enumerate(signals, 1):
            payment = replace(payment, status=next_status(payment, signal))
            paid = Signal.PAID in signals[:number]
            assert (payment.status == "completed") is paid, signals


def test_the_end_of_any_order_without_money_is_one_of_the_unpaid_ends() -> None:
    for signals in product(set(Signal) - {Signal.PAID}, repeat=4):
        payment = PAYMENT
        for signal in signals:
            payment = replace(payment, status=next_status(payment, signal))
        assert payment.status in ("pending", "failed", "expired")


def test_an_expiry_that_the_buyer_asked_for_is_a_cancellation() -> None:
    asked = replace(PAYMENT, cancel_requested_at=NOW)

    assert next_status(asked, Signal.EXPIRED) == "cancelled"
    assert next_status(asked, Signal.SETTLEMENT_FAILED) == "failed"
    assert next_status(asked, Signal.PAID) == "completed"


@pytest.mark.parametrize(
    ("status", "payment_status", "signal"),
    [
        ("open", "unpaid", Signal.OPEN),
        ("complete", "paid", Signal.PAID),
        ("complete", "no_payment_required", Signal.FREE),
        ("complete", "unpaid", Signal.SETTLING),
        ("expired", "unpaid", Signal.EXPIRED),
        ("open", "paid", Signal.UNKNOWN),
        ("expired", "paid", Signal.UNKNOWN),
        ("complete", "", Signal.UNKNOWN),
        ("", "paid", Signal.UNKNOWN),
    ],
)
def test_trap_5_a_session_means_what_both_of_its_statuses_say(
    status: str, payment_status: str, signal: Signal
) -> None:
    session = replace(SESSION, status=status, payment_status=payment_status)

    assert report_of_session(session).signal is signal


@given(st.text(), st.text(), st.text())
def test_statuses_that_stripe_adds_later_are_harmless(one: str, two: str, three: str) -> None:
    if (one, two) not in SESSION_SIGNALS:
        session = replace(SESSION, status=one, payment_status=two)
        for settlement_failed in (False, True):
            signal = report_of_session(session, settlement_failed=settlement_failed).signal
            assert signal is Signal.UNKNOWN
    if three not in INTENT_SIGNALS:
        assert report_of_intent(replace(INTENT, status=three)).signal is Signal.UNKNOWN
    for status in STATUSES:
        assert next_status(replace(PAYMENT, status=status), Signal.UNKNOWN) == status


@pytest.mark.parametrize(
    ("status", "payment_status", "signal"),
    [
        ("complete", "unpaid", Signal.SETTLEMENT_FAILED),
        ("complete", "paid", Signal.PAID),
        ("expired", "unpaid", Signal.EXPIRED),
        ("open", "unpaid", Signal.OPEN),
    ],
)
def test_a_failed_settlement_ends_only_what_was_settling(
    status: str, payment_status: str, signal: Signal
) -> None:
    session = replace(SESSION, status=status, payment_status=payment_status)

    assert report_of_session(session, settlement_failed=True).signal is signal


@pytest.mark.parametrize(
    ("status", "signal"),
    [
        ("succeeded", Signal.PAID),
        ("requires_payment_method", Signal.DECLINED),
        ("processing", Signal.UNKNOWN),
        ("requires_action", Signal.UNKNOWN),
        ("requires_capture", Signal.UNKNOWN),
        ("canceled", Signal.UNKNOWN),
    ],
)
def test_an_intent_means_what_its_status_says(status: str, signal: Signal) -> None:
    assert report_of_intent(replace(INTENT, status=status)).signal is signal


def test_a_report_carries_the_facts_of_its_source() -> None:
    assert report_of_session(SESSION) == PAID
    declined = replace(INTENT, decline_code="insufficient_funds", decline_message="No.")
    assert report_of_intent(declined) == replace(
        PAID, session_id=None, decline_code="insufficient_funds", decline_message="No."
    )
    bare = report_of_session(replace(SESSION, metadata={}))
    assert (bare.payment_id, bare.user_id) == (None, None)


COMPLETED = {"status": "completed", "completed_at": NOW, "payment_intent_id": "pi_1"}


@pytest.mark.parametrize(
    ("payment", "report", "words"),
    [
        ({}, {}, None),
        ({}, {"session_id": None}, None),
        ({}, {"user_id": None}, None),
        ({}, {"payment_intent_id": None}, None),
        ({"session_id": None}, {}, None),
        ({"payment_intent_id": "pi_declined"}, {}, None),
        (COMPLETED, {}, None),
        (COMPLETED, {"payment_intent_id": None}, None),
        ({**COMPLETED, "payment_intent_id": None}, {}, None),
        ({}, {"signal": Signal.FREE}, "no payment was required"),
        ({}, {"amount_minor": 9998}, "Stripe took 9998 usd (minor units), the order is 9999 usd"),
        ({}, {"amount_minor": 10000}, "Stripe took 10000 usd"),
        ({}, {"amount_minor": 0}, "Stripe took 0 usd"),
        ({}, {"currency": "jpy"}, "Stripe took 9999 jpy"),
        ({}, {"currency": "USD"}, "Stripe took 9999 USD"),
        # Stripe may have opened two sessions for one order; that of another order is looked for elsewhere.
        ({}, {"session_id": "cs_test_2"}, None),
        (COMPLETED, {"payment_intent_id": "pi_2"}, "paid a second time, by pi_2"),
        ({"refunded_minor": 9999}, {}, "its money was given back before its coins were credited"),
        ({"disputed_minor": 1}, {}, "its money was given back before its coins were credited"),
        ({"review_reason": "odd"}, {}, "paid for, after it went to a person"),
        ({}, {"user_id": "eve"}, "the user in Stripe's metadata is not the buyer"),
        ({}, {"user_id": ""}, "the user in Stripe's metadata is not the buyer"),
        ({}, {"user_id": "Ada"}, "the user in Stripe's metadata is not the buyer"),
    ],
)
def test_trap_4_what_does_not_agree_is_objected_to(
    payment: dict[str, object], report: dict[str, object], words: str | None
) -> None:
    found = objection(replace(PAYMENT, **payment), replace(PAID, **report))  # type: ignore[arg-type]

    if words is None:
        assert found is None
    else:
        assert found is not None
        assert words in found


def test_a_payment_tells_what_it_sells() -> None:
    assert PAYMENT.total_coins == 1200
    assert PAYMENT.description == "Purchased 1000 coins + 200 bonus"
