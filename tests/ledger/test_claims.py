"""What becomes of a payment's coins when its money goes back, is disputed, or returns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import InsufficientCoins, WalletBlocked
from coinpurse.ledger import NewGrant, SpentPolicy, Transaction, Wallet

SOON = datetime.now(UTC) + timedelta(days=10)


class Buyer:
    """Ada, one payment of hers, and what can be done with both; every call is a transaction of its own."""

    def __init__(self, database: Database, sql: psycopg.Connection) -> None:
        self.database = database
        self.sql = sql
        self.payment = uuid4()
        self.calls = 0

    def do(self, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
        with self.database.unit_of_work() as work:
            return call(work, *args, **values)

    def keyed(self, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
        self.calls += 1
        return self.do(call, *args, key=f"k{self.calls}", **values)

    def buy(
        self,
        paid: int,
        bonus: int = 0,
        *,
        payment: UUID | None = None,
        expires_at: datetime | None = None,
        user_id: str = "ada",
    ) -> Transaction:
        grants = [NewGrant("paid", paid, expires_at=expires_at)]
        if bonus:
            grants.append(NewGrant("bonus", bonus, expires_at=expires_at))
        posted: Transaction = self.keyed(
            ledger.credit,
            user_id,
            grants,
            type_="purchase",
            source="purchase",
            payment_id=payment or self.payment,
        )
        return posted

    def spend(self, coins: int) -> Transaction:
        posted: Transaction = self.keyed(ledger.spend, "ada", coins)
        return posted

    def hold(self, coins: int, ttl_seconds: float = 600) -> int:
        held: ledger.Hold = self.keyed(ledger.hold, "ada", coins, ttl_seconds=ttl_seconds)
        return held.id

    def claim(self, taking: int, freezing: int = 0, **values: Any) -> Transaction | None:
        values.setdefault("payment_id", self.payment)
        posted: Transaction | None = self.do(
            ledger.claim, "ada", taking=taking, freezing=freezing, **values
        )
        return posted

    def posted(self, taking: int, freezing: int = 0, **values: Any) -> Transaction:
        posted = self.claim(taking, freezing, **values)
        assert posted is not None
        assert posted.created
        return posted

    def wallet(self) -> Wallet:
        with self.database.unit_of_work() as work:
            found = ledger.get_wallet(work, "ada")
            assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []
        return found

    def grants(self) -> list[tuple[str, int, int, int]]:
        """Kind, coins, remaining and frozen of each grant, oldest first."""
        rows = self.sql.execute(
            "SELECT kind, coins, remaining, frozen FROM coinpurse.grants WHERE user_id = 'ada' ORDER BY id"
        )
        return [tuple(row) for row in rows]

    def types(self) -> list[str]:
        """The types of the rows, oldest first."""
        rows = self.do(ledger.list_transactions, "ada", before=None, limit=100)
        return [row.type for row in reversed(rows)]

    def let_expire(self) -> None:
        """The time of every grant that has an end comes."""
        self.sql.execute(
            "UPDATE coinpurse.grants SET expires_at = now() WHERE expires_at < 'infinity'"
        )
        self.sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")


@pytest.fixture
def ada(database: Database, sql: psycopg.Connection) -> Buyer:
    """A buyer with nothing yet."""
    return Buyer(database, sql)


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
    ada.buy(40, user_id="bob")

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


# ---- coins that are held


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


# ---- freezing


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
    _void(ada, held)

    assert ada.wallet() == Wallet(user_id="ada", balance=100, frozen=100, paid=100)
    ada.claim(0)
    assert ada.wallet() == Wallet(user_id="ada", balance=100, paid=100)


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
