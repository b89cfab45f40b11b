"""What becomes of a payment's coins while its money is disputed, and after."""

from __future__ import annotations

import pytest

from coinpurse import ledger
from coinpurse.errors import InsufficientCoins
from coinpurse.ledger import Wallet
from tests.ledger.buyer import SOON, Buyer


def test_what_is_left_is_frozen_and_cannot_be_spent(ada: Buyer) -> None:
    ada.buy(100, 20)
    ada.spend(30)

    posted = ada.posted(0, 120, owing=0, cause="dispute")

    assert (posted.type, posted.coins, posted.frozen, posted.debt) == ("dispute", 0, 90, 0)
    assert ada.wallet() == Wallet(user_id="ada", balance=90, frozen=90, paid=90)
    for call in (lambda: ada.spend(1), lambda: ada.hold(1)):
        with pytest.raises(InsufficientCoins):
            call()


def test_disputed_coins_that_were_spent_are_owed_meanwhile_where_asked(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(30)

    posted = ada.posted(0, 100, owing=100, cause="dispute")

    assert (posted.coins, posted.frozen, posted.debt) == (-30, 70, 30)
    assert ada.wallet() == Wallet(user_id="ada", balance=40, frozen=70, paid=70, debt=30)
    won = ada.posted(0, cause="dispute")
    assert (won.type, won.coins, won.frozen, won.debt) == ("restoration", 30, -70, -30)
    assert ada.wallet() == Wallet(user_id="ada", balance=70, paid=70)


def test_of_disputed_coins_that_were_spent_no_more_are_owed_than_was_asked(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(30)

    # 70 are frozen: of the 80 that would be owed, 10 are not there.
    assert ada.posted(0, 100, owing=80, cause="dispute").debt == 10
    assert ada.posted(0, 100, owing=70, cause="dispute").debt == -10
    assert ada.wallet() == Wallet(user_id="ada", balance=70, frozen=70, paid=70)


def test_a_freeze_of_a_part_freezes_paid_coins_before_bonus(ada: Buyer) -> None:
    ada.buy(100, 20)

    ada.claim(10, 100)

    assert ada.grants() == [("paid", 100, 90, 90), ("bonus", 20, 20, 10)]


def test_frozen_coins_do_not_expire_and_are_there_when_the_dispute_is_won_in_time(
    ada: Buyer,
) -> None:
    ada.buy(100, expires_at=SOON)
    ada.claim(0, 60)
    ada.let_expire()
    assert ada.wallet() == Wallet(user_id="ada", balance=60, frozen=60, paid=60)

    ada.sql.execute("UPDATE coinpurse.grants SET expires_at = %s", [SOON])
    ada.claim(0)

    assert ada.wallet() == Wallet(user_id="ada", balance=60, paid=60)
    assert ada.do(ledger.sweep_due) == 0
    ada.let_expire()
    assert ada.wallet().balance == 0


@pytest.mark.parametrize("owing", [0, 50, 100])
def test_a_dispute_that_is_lost_takes_the_frozen_coins_and_what_was_spent_is_owed(
    ada: Buyer, owing: int
) -> None:
    ada.buy(100)
    ada.spend(30)
    ada.claim(0, 100, owing=owing, cause="dispute")

    lost = ada.posted(100, cause="dispute")

    assert (lost.type, lost.frozen) == ("dispute", -70)
    assert ada.wallet() == Wallet(user_id="ada", balance=-30, debt=30)


def test_coins_that_expired_while_they_were_frozen_are_taken_when_it_is_lost(ada: Buyer) -> None:
    ada.buy(100, expires_at=SOON)
    ada.claim(0, 100)
    ada.let_expire()

    assert ada.posted(100).coins == -100
    assert ada.wallet() == Wallet(user_id="ada")


def test_a_release_is_a_row_that_moves_no_coins(ada: Buyer) -> None:
    ada.buy(100)
    ada.claim(0, 100, cause="dispute")

    released = ada.posted(0, cause="dispute")

    assert (released.type, released.coins, released.frozen) == ("restoration", 0, -100)
    assert ada.wallet() == Wallet(user_id="ada", balance=100, paid=100)


@pytest.mark.parametrize("owing", [0, 50, 100])
def test_coins_that_come_back_while_the_payment_is_disputed_are_frozen(
    ada: Buyer, owing: int
) -> None:
    ada.buy(100)
    spent = ada.spend(40)
    held = ada.hold(50)
    ada.claim(0, 100, owing=owing)
    assert ada.wallet().frozen == 10

    ada.keyed(ledger.reverse, spent.id)
    assert ada.wallet().frozen == 50
    ada.keyed(ledger.void, held)

    assert ada.wallet() == Wallet(user_id="ada", balance=100, frozen=100, paid=100)
    ada.claim(0)
    assert ada.wallet() == Wallet(user_id="ada", balance=100, paid=100)
