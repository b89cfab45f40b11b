"""What refunds and disputes ask of a payment's coins, for any of Stripe's states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.money import Money
from coinpurse.ports import Dispute, Refund
from coinpurse.purchases import Payment
from coinpurse.refunds.rules import (
    RETURNED,
    STANDINGS,
    Claim,
    Policies,
    Standing,
    claim_of,
    standing_of,
)

DAY = datetime(2026, 11, 1, tzinfo=UTC)
PAYMENT = Payment(
    id=UUID(int=1),
    session_id="cs_test_1",
    user_id="ada",
    pack_sku="chest",
    coins=1000,
    bonus=200,
    price=Money(9999, "usd"),
    livemode=False,
    status="completed",
    request_digest=b"",
    stripe_parameters={},
    checkout_url=None,
    payment_intent_id="pi_1",
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
    completed_at=DAY,
    transaction_id=7,
    created_at=DAY,
    updated_at=DAY,
)
POLICIES = Policies()
# Statuses that Stripe has today, and some that it may add.
REFUND_STATUSES = (
    "pending",
    "requires_action",
    "succeeded",
    "failed",
    "canceled",
    "on_its_way",
    "",
)
DISPUTE_STATUSES = (*STANDINGS, "second_appeal", "warning_of_a_new_kind", "")


def refunded(
    amount: int, status: str = "succeeded", currency: str = "usd", id_: str = "re_1"
) -> Refund:
    return Refund(
        id=id_,
        status=status,
        amount_minor=amount,
        currency=currency,
        payment_intent_id="pi_1",
        created_at=DAY,
    )


def disputed(
    amount: int,
    status: str = "needs_response",
    *,
    withdrawn: int = 0,
    reinstated: int = 0,
    currency: str = "usd",
) -> Dispute:
    return Dispute(
        id="du_1",
        status=status,
        amount_minor=amount,
        currency=currency,
        payment_intent_id="pi_1",
        livemode=False,
        created_at=DAY,
        withdrawn_minor=withdrawn,
        reinstated_minor=reinstated,
    )


def claim(*after: Refund | Dispute, payment: Payment = PAYMENT, **policies: str) -> Claim:
    return claim_of(
        payment,
        [each for each in after if isinstance(each, Refund)],
        [each for each in after if isinstance(each, Dispute)],
        replace(POLICIES, **policies),  # type: ignore[arg-type]
    )


def payment_of(coins: int, bonus: int, price: int) -> Payment:
    return replace(PAYMENT, coins=coins, bonus=bonus, price=Money(price, "usd"))


amounts = st.integers(min_value=1, max_value=20_000)
payments = st.builds(
    payment_of,
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 999_999_999_999),
)
refunds = st.lists(st.builds(refunded, amounts, st.sampled_from(REFUND_STATUSES)), max_size=6)
disputes = st.lists(
    st.builds(
        lambda amount, status, taken, back: disputed(
            amount, status, withdrawn=taken, reinstated=back
        ),
        amounts,
        st.sampled_from(DISPUTE_STATUSES),
        st.integers(0, 20_000),
        st.integers(0, 20_000),
    ),
    max_size=4,
)
policies = st.builds(
    Policies,
    chargeback=st.sampled_from(("freeze", "claw_back")),
    inquiry=st.sampled_from(("freeze", "ignore")),
)


def test_trap_18_parts_add_up_and_none_is_taken_for_the_whole() -> None:
    first, second = refunded(3333), refunded(3333, id_="re_2")

    assert claim(first).taking == 400
    assert claim(first, second).taking == 800
    assert claim(first, second, refunded(3333, id_="re_3")).taking == 1200


@given(payments, st.integers(min_value=1))
def test_the_whole_money_takes_all_coins_and_no_more(payment: Payment, beyond: int) -> None:
    whole = payment.price.amount_minor

    assert claim(refunded(whole), payment=payment).taking == payment.total_coins
    assert claim(refunded(whole + beyond), payment=payment).taking == payment.total_coins


@given(payments, st.integers(1, 999_999_999_999))
def test_a_part_takes_its_share_rounded_in_the_buyers_favour(payment: Payment, amount: int) -> None:
    amount = min(amount, payment.price.amount_minor)

    taking = claim(refunded(amount), payment=payment).taking

    exact = Fraction(payment.total_coins * amount, payment.price.amount_minor)
    assert 0 <= exact - taking < 1


@given(payments, refunds, amounts)
def test_more_money_back_never_takes_fewer_coins(
    payment: Payment, before: list[Refund], amount: int
) -> None:
    less = claim(*before, payment=payment)
    more = claim(*before, refunded(amount), payment=payment)

    assert less.taking <= more.taking <= payment.total_coins


@given(refunds, disputes, policies, st.randoms(use_true_random=False))
def test_the_order_in_which_stripe_lists_them_does_not_matter(
    back: list[Refund], at_banks: list[Dispute], chosen: Policies, order: Random
) -> None:
    expected = claim_of(PAYMENT, back, at_banks, chosen)
    order.shuffle(back)
    order.shuffle(at_banks)

    assert claim_of(PAYMENT, back, at_banks, chosen) == expected


@given(payments, refunds, disputes, policies)
def test_no_state_of_stripes_asks_for_more_coins_than_were_sold(
    payment: Payment, back: list[Refund], at_banks: list[Dispute], chosen: Policies
) -> None:
    asked = claim_of(payment, back, at_banks, chosen)

    assert asked.taking >= 0
    assert 0 <= asked.owing <= asked.freezing
    assert asked.taking + asked.freezing <= payment.total_coins


@pytest.mark.parametrize("status", REFUND_STATUSES)
def test_trap_20_only_a_refund_that_failed_or_was_cancelled_takes_nothing(status: str) -> None:
    asked = claim(refunded(3333, status))

    assert (asked.taking, asked.refunded_minor) == ((0, 0) if status in RETURNED else (400, 3333))
    assert (asked.status == "completed") is (status in RETURNED)


def test_trap_20_a_refund_that_fails_leaves_the_others_in_force() -> None:
    asked = claim(refunded(3333, "failed"), refunded(6666, id_="re_2"))

    assert (asked.taking, asked.refunded_minor, asked.status) == (800, 6666, "partially_refunded")


def test_a_refund_in_another_currency_takes_nothing_and_asks_for_a_person() -> None:
    asked = claim(refunded(9999, currency="jpy", id_="re_yen"), refunded(3333))

    assert (asked.taking, asked.refunded_minor) == (400, 3333)
    assert asked.objection is not None
    assert "re_yen is in jpy, the payment in usd" in asked.objection


def test_more_money_back_than_was_paid_asks_for_a_person() -> None:
    asked = claim(refunded(9999), refunded(1, id_="re_2"))

    assert (asked.taking, asked.status) == (1200, "refunded")
    assert asked.objection == "10000 were refunded (minor units), 9999 were paid"


@pytest.mark.parametrize(
    ("status", "standing"),
    [*STANDINGS.items(), ("warning_new", Standing.INQUIRY), ("new", Standing.OPEN), ("", Standing.OPEN)],
)  # fmt: skip
def test_trap_21_each_status_of_a_dispute_has_its_standing(status: str, standing: Standing) -> None:
    assert standing_of(status) is standing


@pytest.mark.parametrize(
    ("status", "taking", "freezing", "owing", "shown"),
    [
        ("warning_needs_response", 0, 1200, 0, "completed"),
        ("warning_under_review", 0, 1200, 0, "completed"),
        ("warning_closed", 0, 0, 0, "completed"),
        ("needs_response", 0, 1200, 1200, "disputed"),
        ("under_review", 0, 1200, 1200, "disputed"),
        ("won", 0, 0, 0, "completed"),
        ("prevented", 0, 0, 0, "completed"),
        ("lost", 1200, 0, 0, "disputed"),
        ("a_status_of_tomorrow", 0, 1200, 1200, "disputed"),
        ("warning_of_tomorrow", 0, 1200, 0, "completed"),
    ],
)
def test_trap_21_an_inquiry_is_no_loss_and_what_is_won_or_closed_is_free(
    status: str, taking: int, freezing: int, owing: int, shown: str
) -> None:
    asked = claim(disputed(9999, status))

    assert (asked.taking, asked.freezing, asked.owing, asked.status) == (
        taking,
        freezing,
        owing,
        shown,
    )


def test_policies_decide_what_is_frozen_and_what_is_taken_at_once() -> None:
    assert claim(disputed(9999, "warning_needs_response"), inquiry="ignore").freezing == 0
    taken = claim(disputed(9999), chargeback="claw_back")
    assert (taken.taking, taken.freezing, taken.owing) == (1200, 0, 0)
    assert claim(disputed(9999, "won"), chargeback="claw_back").taking == 0


@pytest.mark.parametrize(("reinstated", "taking"), [(0, 0), (6666, 400), (9999, 0), (12_000, 0)])
def test_a_dispute_that_is_won_in_part_takes_the_missing_part(reinstated: int, taking: int) -> None:
    asked = claim(disputed(9999, "won", withdrawn=9999, reinstated=reinstated))

    assert asked.taking == taking


def test_a_dispute_counted_in_another_currency_is_about_the_whole_payment() -> None:
    assert claim(disputed(15, currency="jpy")).freezing == 1200


def test_refunds_and_disputes_of_one_payment_add_up_to_it_and_no_further() -> None:
    asked = claim(refunded(3333), disputed(3333), disputed(9999, "warning_needs_response"))

    assert (asked.taking, asked.owing, asked.freezing) == (400, 400, 800)


def test_the_refund_of_a_payment_that_was_never_credited_takes_no_status_from_it() -> None:
    uncredited = replace(PAYMENT, transaction_id=None, completed_at=None, status="pending")

    assert claim(refunded(100), payment=uncredited).status == "pending"
    assert claim(refunded(9999), payment=uncredited).status == "refunded"
    assert claim(refunded(99_999), payment=uncredited).objection is None
