"""Banks take back: inquiries, chargebacks, their ends, and warnings before them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coinpurse import signals
from coinpurse.errors import InsufficientCoins
from tests.refunds.conftest import Shop


def test_a_chargeback_freezes_what_is_left_and_asks_for_what_was_spent(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    shop.dispute(payment)

    assert shop.follow(payment).status == "disputed"

    assert shop.figures() == (300 - 900, 300, 900)
    with pytest.raises(InsufficientCoins):
        shop.purse.spend("ada", 1, key="more")


def test_a_dispute_that_is_won_restores_exactly(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    before = shop.purse.wallet("ada")
    dispute = shop.dispute(payment)
    shop.follow(payment)

    shop.decide(dispute, "win")
    assert shop.follow(payment).status == "completed"

    assert shop.purse.wallet("ada") == before


def test_a_dispute_that_is_lost_takes_what_was_frozen_for_good(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    dispute = shop.dispute(payment)
    shop.follow(payment)

    shop.decide(dispute, "lose")
    assert shop.follow(payment).status == "disputed"

    assert shop.figures() == (-900, 0, 900)


def test_an_inquiry_freezes_and_takes_nothing(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    dispute = shop.dispute(payment, inquiry=True)

    assert shop.follow(payment).status == "completed"
    assert shop.figures() == (300, 300, 0)

    shop.stripe("POST", f"disputes/{dispute}/close")
    shop.follow(payment)
    assert shop.figures() == (300, 0, 0)


def test_an_inquiry_is_ignored_by_policy(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(inquiry_policy="ignore")
    payment = shop.buy()
    shop.dispute(payment, inquiry=True)

    shop.follow(payment)

    assert shop.figures() == (1200, 0, 0)


def test_an_inquiry_that_becomes_a_chargeback_asks_for_the_spent_part_then(shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    dispute = shop.dispute(payment, inquiry=True)
    shop.follow(payment)

    shop.decide(dispute, "escalate")
    assert shop.follow(payment).status == "disputed"

    assert shop.figures() == (-600, 300, 900)


def test_a_chargeback_claws_back_at_once_by_policy(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(chargeback_policy="claw_back")
    payment = shop.buy()
    dispute = shop.dispute(payment)

    shop.follow(payment)
    assert shop.figures() == (0, 0, 0)

    shop.decide(dispute, "win")
    shop.follow(payment)
    assert shop.figures() == (1200, 0, 0)


def test_several_disputes_on_one_charge_add_up(shop: Shop) -> None:
    payment = shop.buy(card="4000000404000079")

    assert shop.follow(payment).disputed_minor == 9999

    assert shop.figures() == (1200, 1200, 0)


def test_a_dispute_about_a_part_freezes_a_part(shop: Shop) -> None:
    payment = shop.buy()
    shop.dispute(payment, amount=3333)

    shop.follow(payment)

    assert shop.figures() == (1200, 400, 0)


def test_a_dispute_that_is_won_in_part_takes_the_other_part(shop: Shop) -> None:
    payment = shop.buy()
    dispute = shop.dispute(payment)
    shop.follow(payment)

    shop.decide(dispute, "win", reinstate=6666)
    shop.follow(payment)

    assert shop.figures() == (800, 0, 0)


def test_a_warning_flags_the_payment(shop: Shop) -> None:
    payment = shop.buy()
    shop.sandbox.post(f"charges/{payment.payment_intent_id}/warning").raise_for_status()

    assert shop.follow(payment).fraud_warning_at is not None

    assert shop.figures() == (1200, 0, 0)


def test_a_warning_gives_the_money_back_by_policy_once(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop(fraud_warning_policy="refund")
    payment = shop.buy()
    shop.sandbox.post(f"charges/{payment.payment_intent_id}/warning").raise_for_status()
    shop.follow(payment)
    shop.follow(payment)

    shop.purse.services.refunds.send_open()
    shop.purse.services.refunds.send_open()

    assert shop.payment(payment).status == "refunded"
    assert shop.figures() == (0, 0, 0)
    assert len(shop.stripe("GET", "refunds")["data"]) >= 1


def test_the_host_hears_of_refunds_and_disputes(shop: Shop) -> None:
    heard: list[str] = []

    def listen(name: str) -> Callable[..., None]:
        def receiver(_sender: object, **facts: object) -> None:
            heard.append(name)

        return receiver

    receivers = {
        name: listen(name) for name in ("payment_refunded", "dispute_opened", "dispute_closed")
    }
    for name, receiver in receivers.items():
        getattr(signals, name).connect(receiver)
    payment = shop.buy()
    shop.purse.refund(payment.id, 100)
    dispute = shop.dispute(payment)
    shop.follow(payment)
    shop.follow(payment)
    shop.decide(dispute, "win")
    shop.follow(payment)

    assert heard == ["payment_refunded", "dispute_opened", "dispute_closed"]
