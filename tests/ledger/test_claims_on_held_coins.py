"""Coins that were held or spent when their money went back, and are let go later."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from coinpurse import ledger
from coinpurse.ledger import SpentPolicy, Wallet
from tests.ledger.buyer import Buyer


def _void(ada: Buyer, held: int) -> None:
    ada.keyed(ledger.void, held)


def _time_out(ada: Buyer, held: int) -> None:
    ada.sql.execute("UPDATE coinpurse.holds SET expires_at = now() WHERE id = %s", [held])
    ada.sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")
    ada.do(ledger.get_wallet, "ada")


@pytest.mark.parametrize("let_go", [_void, _time_out])
def test_held_coins_are_taken_when_they_are_let_go(
    ada: Buyer, let_go: Callable[[Buyer, int], None]
) -> None:
    ada.buy(100)
    held = ada.hold(60)

    posted = ada.posted(100)
    assert (posted.coins, posted.debt, posted.grants[0][1]) == (-100, 60, -40)
    assert ada.wallet() == Wallet(user_id="ada", balance=0, held=60, paid=60, debt=60)
    let_go(ada, held)

    assert ada.wallet() == Wallet(user_id="ada")
    assert ada.grants() == [("paid", 100, 0, 0)]


def test_held_coins_that_are_captured_stay_owed_and_the_rest_is_taken(ada: Buyer) -> None:
    ada.buy(100)
    held = ada.hold(60)
    ada.claim(100)

    ada.keyed(ledger.capture, held, coins=25)

    assert ada.wallet() == Wallet(user_id="ada", balance=-25, debt=25)


@pytest.mark.parametrize("let_go", [_void, _time_out])
def test_holding_coins_through_a_refund_makes_none_of_them_free(
    ada: Buyer, let_go: Callable[[Buyer, int], None]
) -> None:
    ada.buy(100)
    held = ada.hold(100)
    assert ada.posted(100, policy="forgive").forgiven == 100

    let_go(ada, held)

    assert ada.wallet() == Wallet(user_id="ada")
    last = ada.do(ledger.list_transactions, "ada", before=None, limit=1)[0]
    assert (last.coins, last.forgiven) == (-100, -100)


@pytest.mark.parametrize("policy", ["debt", "forgive", "block"])
def test_a_spend_that_is_reversed_after_a_refund_makes_no_coin_free(
    ada: Buyer, policy: SpentPolicy
) -> None:
    ada.buy(100)
    spent = ada.spend(100)
    ada.claim(100, policy=policy)

    ada.keyed(ledger.reverse, spent.id, coins=30)
    ada.keyed(ledger.reverse, spent.id)

    assert ada.wallet() == Wallet(user_id="ada")
    ada.claim(0, policy=policy)
    assert ada.wallet() == Wallet(user_id="ada", balance=100, paid=100)


def test_a_wallet_that_held_coins_had_blocked_is_free_once_they_are_taken(ada: Buyer) -> None:
    ada.buy(100)
    held = ada.hold(100)
    ada.claim(100, policy="block")
    assert ada.wallet().blocked

    _void(ada, held)

    assert ada.wallet() == Wallet(user_id="ada")


def test_a_debt_that_was_repaid_for_held_coins_comes_back_when_they_are_taken(ada: Buyer) -> None:
    ada.buy(100)
    held = ada.hold(100)
    ada.claim(100)
    ada.buy(100, payment=uuid4())

    _void(ada, held)

    assert ada.wallet() == Wallet(user_id="ada", balance=100, paid=100)
