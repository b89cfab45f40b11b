"""Money goes back: whole, in parts, from us or from Stripe's side, and some of it fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from coinpurse.db.identifiers import new_id
from coinpurse.errors import (
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    NotRefundable,
    PaymentDisputed,
    RefundTooLarge,
)
from tests.refunds.conftest import Shop


def test_a_whole_refund_takes_all_coins_back(shop: Shop) -> None:
    payment = shop.buy()

    made = shop.purse.refund(payment.id, reason="requested_by_customer")

    assert made.state == "made"
    assert shop.figures() == (0, 0, 0)
    assert shop.payment(payment).status == "refunded"
    assert shop.payment(payment).refunded_minor == 9999


def test_parts_add_up_and_take_coins_in_proportion(shop: Shop) -> None:
    payment = shop.buy()

    shop.purse.refund(payment.id, 3333)
    assert shop.figures() == (1200 - 400, 0, 0)
    assert shop.payment(payment).status == "partially_refunded"
    shop.purse.refund(payment.id, 3333)
    assert shop.figures() == (1200 - 800, 0, 0)
    shop.purse.refund(payment.id)

    assert shop.figures() == (0, 0, 0)
    assert shop.payment(payment).status == "refunded"


def test_a_refund_in_the_dashboard_is_followed_in_any_number_of_looks(shop: Shop) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 5000)
    shop.refund_at_stripe(payment, 1000)

    for _ in range(3):
        shop.follow(payment)

    assert shop.figures() == (1200 - 1200 * 6000 // 9999, 0, 0)
    rows = [row for row in shop.purse.transactions("ada") if row.type == "refund"]
    assert len(rows) == 1


def test_spent_coins_become_debt_that_the_next_purchase_repays(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")

    shop.purse.refund(payment.id)

    assert shop.figures() == (-900, 0, 900)
    shop.buy()
    assert shop.figures() == (300, 0, 0)


def test_spent_coins_are_forgiven_by_policy(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(spent_coins_policy="forgive")
    payment = shop.buy()
    spent = shop.purse.spend("ada", 900, key="hat")

    shop.purse.refund(payment.id)

    assert shop.figures() == (0, 0, 0)
    # Taking the hat back gives no coins whose money is gone.
    shop.purse.reverse(spent.id, key="back")
    assert shop.figures() == (0, 0, 0)


def test_a_wallet_is_blocked_by_policy_until_somebody_lifts_it(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop(spent_coins_policy="block")
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")

    shop.purse.refund(payment.id)

    assert shop.purse.wallet("ada").blocked
    shop.purse.unblock("ada", key="u", reason="talked to her", actor="grace")
    assert not shop.purse.wallet("ada").blocked


def test_a_refund_that_fails_later_gives_the_coins_back(shop: Shop) -> None:
    payment = shop.buy()
    made = shop.purse.refund(payment.id)
    shop.sandbox.post(f"refunds/{made.refund_id}/fail").raise_for_status()

    shop.follow(payment)

    assert shop.figures() == (1200, 0, 0)
    assert shop.payment(payment).status == "completed"


def test_the_same_key_is_one_refund(shop: Shop) -> None:
    payment = shop.buy()

    def ask(_: int) -> object:
        return shop.purse.refund(payment.id, 1000, key="r-1").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1

    assert shop.follow(payment).refunded_minor == 1000
    with pytest.raises(IdempotencyConflict):
        shop.purse.refund(payment.id, 2000, key="r-1")


def test_two_refunds_at_once_never_give_back_more_than_was_paid(shop: Shop) -> None:
    payment = shop.buy()

    def ask(number: int) -> bool:
        try:
            shop.purse.refund(payment.id, 6000, key=f"r-{number}")
        except (RefundTooLarge, NotRefundable):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1

    assert shop.follow(payment).refunded_minor == 6000


@pytest.mark.parametrize("amount", [0, -1, 1.5, "5", True])
def test_an_amount_that_is_none_is_refused(shop: Shop, amount: object) -> None:
    payment = shop.buy()

    with pytest.raises(InvalidRequest):
        shop.purse.refund(payment.id, amount)  # type: ignore[arg-type]


def test_what_cannot_be_refunded_says_why(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.purse.refund(new_id())
    payment = shop.buy()
    with pytest.raises(RefundTooLarge) as too_large:
        shop.purse.refund(payment.id, 10000)
    assert too_large.value.facts["left_minor"] == 9999
    with pytest.raises(InvalidRequest):
        shop.purse.refund(payment.id, reason="because")
    shop.purse.refund(payment.id)
    with pytest.raises(NotRefundable, match="all of it was refunded before"):
        shop.purse.refund(payment.id)


def test_an_unpaid_order_has_nothing_to_give_back(shop: Shop) -> None:
    started = shop.purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )

    with pytest.raises(NotRefundable, match="nothing was paid"):
        shop.purse.refund(started.payment_id)


def test_a_disputed_payment_is_not_refunded_too(shop: Shop) -> None:
    payment = shop.buy()
    shop.dispute(payment)

    # We have not heard of it: Stripe refuses, and we learn it then.
    with pytest.raises(PaymentDisputed):
        shop.purse.refund(payment.id)
    assert shop.payment(payment).status == "disputed"
    # Now we know ourselves.
    with pytest.raises(PaymentDisputed):
        shop.purse.refund(payment.id)


def test_a_preview_says_what_a_refund_does_and_does_nothing(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    before = shop.figures()

    preview = shop.purse.preview_refund(payment.id)

    assert (preview.coins, preview.taken, preview.owed, preview.forgiven) == (1200, 300, 900, 0)
    assert shop.figures() == before
    assert shop.payment(payment).status == "completed"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["server_error", "timeout"])
def test_a_refund_that_stripe_does_not_answer_is_made_once_by_the_worker(
    shop: Shop, when: str, kind: str
) -> None:
    payment = shop.buy()
    shop.sandbox.post(
        "faults", kind=kind, when=when, method="POST", path="/v1/refunds", count=9, seconds=0.01
    ).raise_for_status()

    asked = shop.purse.refund(payment.id, 5000, key="r")
    assert asked.state == "requested"
    shop.sandbox.clear_faults()
    # The turn of the first try is over.
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.refund_requests SET tried_at = now() - interval '1 hour'")
    shop.purse.services.refunds.send_open()

    assert shop.purse.refund(payment.id, 5000, key="r").state == "made"
    assert shop.follow(payment).refunded_minor == 5000
    assert shop.figures() == (1200 - 600, 0, 0)
