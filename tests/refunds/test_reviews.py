"""Payments that a person must settle: credited, given back, or dismissed, once and for good."""

from __future__ import annotations

import pytest

from coinpurse.db.identifiers import new_id
from coinpurse.errors import (
    GatewayError,
    InvalidRequest,
    NotFound,
    NotInReview,
    PaymentDisputed,
)
from coinpurse.ports import PaymentIntent
from coinpurse.purchases import Payment, fulfil, report_of_intent, report_of_session
from coinpurse.refunds import decisions_for
from tests.refunds.conftest import Shop


def sell_at_another_price(shop: Shop) -> Payment:
    """A buyer paid 99.99 USD, and our row says 100.99: it is in review, uncredited."""
    started = shop.purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET amount_minor = 10099")
    shop.sandbox.pay(started.session_id)
    return hear_of(shop, started.session_id)


def hear_of(shop: Shop, session_id: str) -> Payment:
    """Take in what Stripe says of a checkout, as a webhook or a look-up would."""
    session = shop.purse.services.gateway.get_checkout_session(session_id)
    with shop.purse.database.unit_of_work() as work:
        payment = fulfil(work, report_of_session(session)).payment
    assert payment is not None
    return payment


def hear_of_intent(shop: Shop, payment_intent_id: str) -> PaymentIntent:
    """The same for a payment intent."""
    intent = shop.purse.services.gateway.get_payment_intent(payment_intent_id)
    with shop.purse.database.unit_of_work() as work:
        fulfil(work, report_of_intent(intent))
    return intent


def pay_again(shop: Shop, payment: Payment) -> str:
    """Take money for the same order a second time; the payment intent of that."""
    intent = shop.stripe(
        "POST",
        "payment_intents",
        data={
            "amount": str(payment.price.amount_minor),
            "currency": "usd",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
            "metadata[payment_id]": str(payment.id),
            "metadata[user_id]": payment.user_id,
        },
    )
    hear_of_intent(shop, intent["id"])
    return str(intent["id"])


def refunded_at_stripe(shop: Shop, payment_intent_id: str | None) -> int:
    """What Stripe has given back of a payment intent."""
    found = shop.stripe("GET", f"refunds?payment_intent={payment_intent_id}")["data"]
    return sum(refund["amount"] for refund in found)


def test_a_payment_of_another_amount_may_be_credited_all_the_same(shop: Shop) -> None:
    payment = sell_at_another_price(shop)
    assert payment.is_in_review
    assert decisions_for(payment) == ("credit", "refund", "dismiss")

    settled = shop.purse.resolve_review(payment.id, "credit", reason="our slip", actor="grace")

    assert (settled.status, settled.is_in_review) == ("completed", False)
    assert settled.review_note == "credit by grace: our slip"
    assert shop.figures() == (1200, 0, 0)


def test_what_a_person_credited_is_never_credited_again_by_later_reports(shop: Shop) -> None:
    payment = sell_at_another_price(shop)
    shop.purse.resolve_review(payment.id, "credit", reason="our slip", actor="grace")

    for _ in range(3):
        assert payment.session_id is not None
        again = hear_of(shop, payment.session_id)
        assert not again.is_in_review
        assert payment.payment_intent_id is not None
        hear_of_intent(shop, payment.payment_intent_id)
        shop.follow(payment)

    assert shop.figures() == (1200, 0, 0)
    assert not shop.payment(payment).is_in_review


def test_a_second_payment_is_given_back_and_the_first_stays(shop: Shop) -> None:
    payment = shop.buy()
    second = pay_again(shop, payment)
    in_review = shop.payment(payment)
    assert in_review.review_reason == f"paid a second time, by {second}"
    assert decisions_for(in_review) == ("refund", "dismiss")

    settled = shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")

    assert not settled.is_in_review
    assert refunded_at_stripe(shop, second) == 9999
    assert refunded_at_stripe(shop, payment.payment_intent_id) == 0
    assert shop.figures() == (1200, 0, 0)
    hear_of_intent(shop, second)
    shop.purse.services.after_sales.refresh(second)
    assert not shop.payment(payment).is_in_review
    assert (shop.payment(payment).status, shop.figures()) == ("completed", (1200, 0, 0))


def test_money_that_was_given_back_is_never_credited_by_later_reports(shop: Shop) -> None:
    payment = sell_at_another_price(shop)

    shop.purse.resolve_review(payment.id, "refund", reason="wrong price", actor="grace")
    assert refunded_at_stripe(shop, payment.payment_intent_id) == 9999
    for _ in range(3):
        assert payment.session_id is not None
        hear_of(shop, payment.session_id)
        shop.follow(payment)

    assert shop.figures() == (0, 0, 0)
    assert not shop.payment(payment).is_credited


def test_a_dismissed_review_stays_settled_when_the_same_report_comes_again(shop: Shop) -> None:
    payment = sell_at_another_price(shop)

    settled = shop.purse.resolve_review(payment.id, "dismiss", reason="by hand", actor="grace")
    assert payment.session_id is not None
    again = hear_of(shop, payment.session_id)

    assert settled.reviewed_at is not None
    assert not again.is_in_review
    assert again.review_note == "dismiss by grace: by hand"
    assert shop.figures() == (0, 0, 0)


def test_a_further_payment_after_a_settled_one_asks_for_a_person_again(shop: Shop) -> None:
    payment = shop.buy()
    pay_again(shop, payment)
    shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")

    third = pay_again(shop, payment)

    assert shop.payment(payment).review_intent_id == third
    assert shop.payment(payment).is_in_review


def test_a_decision_that_does_not_fit_is_refused_and_changes_nothing(shop: Shop) -> None:
    payment = shop.buy()
    with pytest.raises(NotInReview, match="waits for no decision"):
        shop.purse.resolve_review(payment.id, "dismiss", reason="r", actor="grace")
    pay_again(shop, payment)

    with pytest.raises(NotInReview, match="can be settled by: refund, dismiss"):
        shop.purse.resolve_review(payment.id, "credit", reason="r", actor="grace")

    assert shop.payment(payment).is_in_review
    assert shop.figures() == (1200, 0, 0)


def test_a_settled_payment_waits_for_no_second_decision(shop: Shop) -> None:
    payment = sell_at_another_price(shop)
    shop.purse.resolve_review(payment.id, "credit", reason="our slip", actor="grace")

    with pytest.raises(NotInReview):
        shop.purse.resolve_review(payment.id, "refund", reason="r", actor="grace")

    assert refunded_at_stripe(shop, payment.payment_intent_id) == 0


@pytest.mark.parametrize(
    ("reason", "actor"), [("", "grace"), ("  ", "grace"), ("r", ""), ("r", " ")]
)
def test_a_decision_without_a_reason_or_a_name_is_refused(
    shop: Shop, reason: str, actor: str
) -> None:
    payment = sell_at_another_price(shop)

    with pytest.raises(InvalidRequest):
        shop.purse.resolve_review(payment.id, "dismiss", reason=reason, actor=actor)

    assert shop.payment(payment).is_in_review


def test_a_payment_that_is_not_there_cannot_be_settled(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.purse.resolve_review(new_id(), "dismiss", reason="r", actor="grace")


def test_a_decision_that_stripe_could_not_be_asked_for_is_repeated(shop: Shop) -> None:
    payment = shop.buy()
    second = pay_again(shop, payment)
    shop.sandbox.post("faults", kind="rate_limit", probability=1.0).raise_for_status()
    with pytest.raises(GatewayError):
        shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")
    assert shop.payment(payment).is_in_review
    shop.sandbox.clear_faults()

    shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")

    assert refunded_at_stripe(shop, second) == 9999
    assert not shop.payment(payment).is_in_review


def test_a_refund_that_stripe_refused_can_be_decided_again(shop: Shop) -> None:
    payment = shop.buy()
    second = pay_again(shop, payment)
    hear_of_intent(shop, second)
    dispute = shop.sandbox.post(f"charges/{second}/dispute").json()["id"]
    with pytest.raises(PaymentDisputed):
        shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")
    assert shop.payment(payment).is_in_review

    shop.decide(dispute, "win")
    settled = shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")

    assert not settled.is_in_review
    assert refunded_at_stripe(shop, second) == 9999


def test_a_review_stays_open_until_its_money_has_gone_back(shop: Shop) -> None:
    payment = shop.buy()
    second = pay_again(shop, payment)
    hear_of_intent(shop, second)
    shop.sandbox.post("faults", kind="server_error", method="POST", path="/v1/refunds", count=9)

    asked = shop.purse.resolve_review(payment.id, "refund", reason="paid twice", actor="grace")
    assert asked.is_in_review
    shop.sandbox.clear_faults()
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.refund_requests SET tried_at = now() - interval '1 hour'")
    shop.purse.services.refunds.send_open()

    assert not shop.payment(payment).is_in_review
    assert refunded_at_stripe(shop, second) == 9999
    assert shop.figures() == (1200, 0, 0)


def test_a_dismissed_payment_that_was_never_credited_is_waited_for_no_more(shop: Shop) -> None:
    payment = sell_at_another_price(shop)

    settled = shop.purse.resolve_review(payment.id, "dismiss", reason="by phone", actor="grace")

    assert settled.status == "failed"
    assert shop.figures() == (0, 0, 0)


def test_a_review_that_was_settled_by_a_refund_stays_settled_at_its_own_webhook(shop: Shop) -> None:
    payment = sell_at_another_price(shop)
    shop.purse.resolve_review(payment.id, "refund", reason="wrong price", actor="grace")

    for _ in range(2):
        assert payment.payment_intent_id is not None
        shop.follow(payment)
        hear_of(shop, payment.session_id or "")

    after = shop.payment(payment)
    assert (after.status, after.is_in_review) == ("refunded", False)
    with pytest.raises(NotInReview):
        shop.purse.resolve_review(payment.id, "credit", reason="again", actor="grace")
    assert shop.figures() == (0, 0, 0)


@pytest.mark.parametrize("of_second", [True, False])
def test_a_refund_that_settled_a_review_and_failed_asks_for_a_person_again(
    shop: Shop, of_second: bool
) -> None:
    if of_second:
        payment = shop.buy()
        intent = pay_again(shop, payment)
        hear_of_intent(shop, intent)
    else:
        payment = sell_at_another_price(shop)
        intent = payment.payment_intent_id or ""
    shop.purse.resolve_review(payment.id, "refund", reason="x", actor="grace")
    (refund,) = shop.stripe("GET", "refunds", params={"payment_intent": intent})["data"]
    shop.sandbox.post(f"refunds/{refund['id']}/fail").raise_for_status()

    shop.purse.services.after_sales.refresh(intent)
    assert shop.payment(payment).is_in_review

    shop.purse.resolve_review(payment.id, "refund", reason="once more", actor="grace")
    shop.purse.services.after_sales.refresh(intent)
    assert not shop.payment(payment).is_in_review
    assert refunded_at_stripe(shop, intent) >= 9999


def test_coins_credited_for_less_money_go_back_with_that_money(shop: Shop) -> None:
    """The order was 100.99, Stripe took 99.99, a person credited it: all of the money takes all of the coins."""
    payment = sell_at_another_price(shop)
    shop.purse.resolve_review(payment.id, "credit", reason="our price was wrong", actor="grace")
    assert shop.figures() == (1200, 0, 0)

    shop.refund_at_stripe(payment)
    assert shop.follow(payment).status == "refunded"

    assert shop.figures() == (0, 0, 0)


def test_nothing_is_credited_while_its_refund_is_under_way(shop: Shop) -> None:
    payment = sell_at_another_price(shop)
    shop.sandbox.post("faults", kind="server_error", method="POST", path="/v1/refunds", count=9)
    shop.purse.resolve_review(payment.id, "refund", reason="x", actor="grace")

    with pytest.raises(NotInReview, match="under way"):
        shop.purse.resolve_review(payment.id, "credit", reason="x", actor="linus")

    assert shop.figures() == (0, 0, 0)
