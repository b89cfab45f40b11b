"""What becomes of a payment's coins when its money goes back, and when it returns."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.db import UnitOfWork
from coinpurse.errors import InsufficientCoins, WalletBlocked
from coinpurse.ledger import SpentPolicy, Wallet
from tests.ledger.buyer import SOON, Buyer

# ---- taking and restoring


def test_a_full_refund_takes_paid_coins_and_bonus(ada: Buyer) -> None:
    ada.buy(1000, 200)

    posted = ada.posted(1200, description="Refund of the order")

    assert (posted.type, posted.coins, posted.balance_after) == ("refund", -1200, 0)
    assert (posted.payment_id, posted.debt, posted.forgiven) == (ada.payment, 0, 0)
    assert posted.description == "Refund of the order"
    assert [coins for _, coins in posted.grants] == [-1000, -200]
    assert ada.wallet() == Wallet(user_id="ada")


def test_a_part_takes_paid_coins_before_bonus(ada: Buyer) -> None:
    ada.buy(1000, 200)

    assert ada.posted(600).coins == -600
    assert ada.grants() == [("paid", 1000, 400, 0), ("bonus", 200, 200, 0)]

    assert ada.posted(1100).coins == -500
    assert ada.grants() == [("paid", 1000, 0, 0), ("bonus", 200, 100, 0)]


def test_a_repeat_posts_nothing(ada: Buyer) -> None:
    ada.buy(1000, 200)
    ada.spend(900)
    ada.claim(1000, 100)
    before = ada.wallet()

    for _ in range(3):
        assert ada.claim(1000, 100) is None

    assert ada.wallet() == before
    assert ada.types() == ["purchase", "usage", "refund"]


def test_a_lower_target_restores_exactly_the_grants_that_were_taken(ada: Buyer) -> None:
    ada.buy(1000, 200, expires_at=SOON)
    ada.spend(150)
    figures = "SELECT * FROM coinpurse.grants ORDER BY id"
    before, wallet = ada.sql.execute(figures).fetchall(), ada.wallet()
    ada.claim(1050)

    partly = ada.posted(900)
    rest = ada.posted(0)

    # The last taken comes back first: bonus, then paid.
    assert (partly.type, partly.coins) == ("restoration", 150)
    assert ada.sql.execute(figures).fetchall() == before
    assert (rest.type, partly.coins + rest.coins, rest.balance_after) == ("restoration", 1050, 1050)
    assert ada.wallet() == wallet


def test_coins_that_are_restored_after_their_time_expire(ada: Buyer) -> None:
    ada.buy(10, expires_at=SOON)
    ada.claim(10)
    ada.let_expire()

    ada.claim(0)

    assert ada.wallet().balance == 0
    assert ada.types() == ["purchase", "refund", "restoration", "expiry"]


def test_coins_of_other_payments_and_users_are_not_touched(ada: Buyer) -> None:
    ada.buy(10)
    ada.buy(20, payment=uuid4())
    ada.keyed(ledger.adjust, "ada", 5, reason="Gift", actor="op")
    ada.buy(40, user_id="bob", payment=uuid4())

    posted = ada.posted(500, 500, owing=500)

    assert (posted.coins, posted.debt) == (-1000, 990)
    assert ada.grants() == [("paid", 10, 0, 0), ("paid", 20, 20, 0), ("bonus", 5, 5, 0)]
    assert ada.do(ledger.get_wallet, "bob").balance == 40


# ---- coins that were spent


def test_spent_coins_become_debt(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(80)

    posted = ada.posted(100)

    assert (posted.coins, posted.debt, posted.balance_after) == (-100, 80, -80)
    assert [coins for _, coins in posted.grants] == [-20]
    assert ada.wallet() == Wallet(user_id="ada", balance=-80, debt=80)
    with pytest.raises(InsufficientCoins):
        ada.spend(1)


def test_spent_coins_are_forgiven_where_the_policy_says_so(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(80)

    posted = ada.posted(100, policy="forgive")

    assert (posted.coins, posted.debt, posted.forgiven) == (-20, 0, 80)
    assert ada.wallet() == Wallet(user_id="ada")


def test_a_refund_of_coins_that_were_all_spent_is_a_row_even_where_they_are_forgiven(
    ada: Buyer,
) -> None:
    ada.buy(10)
    ada.spend(10)

    posted = ada.posted(10, policy="forgive")
    undone = ada.posted(0, policy="forgive")

    assert (posted.coins, posted.forgiven, posted.balance_after) == (0, 10, 0)
    assert (undone.coins, undone.forgiven, undone.balance_after) == (0, -10, 0)


def test_spent_coins_block_the_wallet_where_the_policy_says_so(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(1)

    ada.claim(50, policy="block")
    assert not ada.wallet().blocked  # Nothing was missing.
    ada.claim(100, policy="block")

    assert ada.wallet() == Wallet(user_id="ada", balance=-1, debt=1, blocked=True)
    ada.buy(500, payment=uuid4())
    for call in (lambda: ada.spend(1), lambda: ada.hold(1)):
        with pytest.raises(WalletBlocked):
            call()


def test_a_wallet_is_unblocked_by_hand_or_when_its_money_came_back(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(50)
    ada.claim(100, policy="block")

    ada.keyed(ledger.unblock, "ada", reason="Paid by post", actor="op")

    assert (ada.wallet().blocked, ada.wallet().debt) == (False, 50)
    ada.claim(100, policy="block")
    assert not ada.wallet().blocked
    ada.claim(50, policy="block")
    ada.claim(80, policy="block")
    assert ada.wallet().blocked
    ada.claim(0, policy="block")
    assert ada.wallet() == Wallet(user_id="ada", balance=50, paid=50)


def test_a_wallet_stays_blocked_while_any_payment_blocks_it(ada: Buyer) -> None:
    other = uuid4()
    ada.buy(10)
    ada.buy(10, payment=other)
    ada.spend(20)
    ada.claim(10, policy="block")
    ada.claim(10, policy="block", payment_id=other)

    ada.claim(0, policy="block")
    assert ada.wallet().blocked
    ada.claim(0, policy="block", payment_id=other)
    assert not ada.wallet().blocked


def test_a_wallet_that_was_unblocked_by_hand_is_blocked_only_by_what_is_missing_since(
    ada: Buyer,
) -> None:
    other = uuid4()
    ada.buy(10)
    ada.buy(10, payment=other)
    ada.spend(20)
    ada.claim(10, policy="block")
    ada.keyed(ledger.unblock, "ada", reason="Paid by post", actor="op")

    ada.claim(8, policy="block")
    assert not ada.wallet().blocked
    ada.claim(10, policy="block", payment_id=other)
    assert ada.wallet().blocked
    ada.claim(0, policy="block", payment_id=other)
    assert not ada.wallet().blocked


def test_trap_19_the_next_purchase_repays_what_was_spent_and_refunded(ada: Buyer) -> None:
    ada.buy(1000, 200)
    ada.spend(700)
    ada.claim(1200)
    assert ada.wallet().available == -700

    again = ada.buy(1000, 200, payment=uuid4())

    assert (again.coins, again.debt, again.balance_after) == (1200, -700, 500)
    assert ada.wallet() == Wallet(user_id="ada", balance=500, paid=500)
    ada.spend(500)
    with pytest.raises(InsufficientCoins):
        ada.spend(1)


def test_a_purchase_that_repaid_a_debt_is_refunded_in_full_too(ada: Buyer) -> None:
    second = uuid4()
    ada.buy(100)
    ada.spend(100)
    ada.claim(100)
    ada.buy(100, payment=second)

    posted = ada.posted(100, payment_id=second)

    assert (posted.coins, posted.debt) == (-100, 100)
    assert ada.wallet() == Wallet(user_id="ada", balance=-100, debt=100)


def test_a_debt_that_was_repaid_comes_back_as_coins(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(100)
    ada.claim(100)
    ada.buy(70, payment=uuid4())
    assert ada.wallet().debt == 30

    posted = ada.posted(20)

    # 80 less are owed: 30 were still debt, 50 had been repaid.
    assert (posted.type, posted.coins, posted.debt) == ("restoration", 80, -30)
    assert ada.wallet() == Wallet(user_id="ada", balance=50, paid=50)
    ada.claim(100)
    assert ada.wallet() == Wallet(user_id="ada", balance=-30, debt=80, paid=50)


# ---- coins that expired


@pytest.mark.parametrize("policy", ["debt", "forgive", "block"])
def test_coins_that_expired_are_neither_taken_nor_owed(ada: Buyer, policy: SpentPolicy) -> None:
    ada.buy(100, expires_at=SOON)
    ada.spend(30)
    ada.let_expire()

    posted = ada.posted(100, policy=policy)

    assert posted.debt + posted.forgiven == 30
    assert posted.grants == ()
    assert ada.wallet().debt == (0 if policy == "forgive" else 30)
    assert ada.types() == ["purchase", "usage", "expiry", "refund"]


def test_a_payment_whose_coins_all_expired_owes_nothing(ada: Buyer) -> None:
    ada.buy(100, 20, expires_at=SOON)
    ada.let_expire()

    assert ada.claim(120) is None
    assert ada.claim(0, 120) is None
    assert ada.wallet() == Wallet(user_id="ada")


def test_coins_that_are_due_expire_before_they_are_claimed(ada: Buyer) -> None:
    ada.buy(100, expires_at=SOON)
    ada.let_expire()  # Nobody swept.

    assert ada.claim(100) is None
    assert ada.types() == ["purchase", "expiry"]


# ---- the books


def test_each_row_of_a_claim_has_a_key_of_its_own_that_callers_cannot_use(ada: Buyer) -> None:
    ada.buy(100)

    keys = [ada.posted(target).idempotency_key for target in (10, 20, 0)]

    assert keys == [f"claim:{ada.payment}:{number}" for number in (1, 2, 3)]


def test_a_claim_on_a_connection_of_the_host_is_undone_with_it(
    ada: Buyer, database_url: str
) -> None:
    ada.buy(100)
    before = ada.wallet()

    with psycopg.connect(database_url) as connection:
        posted = ledger.claim(UnitOfWork(connection), "ada", ada.payment, taking=60, policy="debt")
        assert posted is not None
        connection.rollback()

    assert ada.wallet() == before
    again = ada.posted(60)
    assert (again.coins, again.idempotency_key) == (posted.coins, posted.idempotency_key)
