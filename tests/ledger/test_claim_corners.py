"""Claims where two things meet: expiry and freezing, debt and expiry, claims before their coins, a wrong user."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.errors import InvalidRequest, LedgerInvariantBroken
from coinpurse.ledger import NewGrant
from tests.ledger.buyer import SOON, Buyer


def test_coins_that_thaw_in_a_swap_still_expire(ada: Buyer, sql: psycopg.Connection) -> None:
    """The freeze moves from the bonus to the paid coins; in sum nothing changes."""
    grants = [NewGrant("paid", 50), NewGrant("bonus", 50, expires_at=SOON)]
    ada.keyed(ledger.credit, "ada", grants, source="purchase", payment_id=ada.payment)
    held = ada.hold(50)
    spent = ada.spend(50)
    ada.keyed(ledger.void, held)
    ada.claim(0, 50)

    ada.keyed(ledger.reverse, spent.id)

    assert ada.grants() == [("paid", 50, 50, 50), ("bonus", 50, 50, 0)]
    row = sql.execute("SELECT next_due_at < 'infinity' FROM coinpurse.wallets").fetchone()
    assert row == (True,)


@pytest.mark.parametrize("claimed_before", [True, False])
def test_a_payment_of_somebody_else_is_never_claimed(ada: Buyer, claimed_before: bool) -> None:
    ada.buy(100)
    ada.buy(10, payment=uuid4(), user_id="bob")
    if claimed_before:
        ada.claim(10)
    before = ada.wallet()

    with pytest.raises((psycopg.DatabaseError, LedgerInvariantBroken), match="is not of bob"):
        ada.do(ledger.claim, "bob", ada.payment, taking=100)

    assert ada.wallet() == before
    assert ada.do(ledger.get_wallet, "bob").balance == 10


@pytest.mark.parametrize(
    "values",
    [
        {"freezing": 50, "owing": 60},
        {"policy": "gold"},
        {"cause": "usage"},
        {"taking": -1},
        {"taking": 2**53},
    ],
)
def test_targets_that_cannot_be_are_refused(ada: Buyer, values: dict[str, Any]) -> None:
    ada.buy(100)

    with pytest.raises(InvalidRequest):
        ada.claim(**{"taking": 0, **values})


@pytest.mark.parametrize(
    ("targets", "policy"), [((100, 0), "forgive"), ((100, 0), "debt"), ((0, 100), "debt")]
)
def test_a_claim_from_before_the_coins_came_holds_for_them(
    ada: Buyer, targets: tuple[int, int], policy: str
) -> None:
    ada.buy(5, payment=uuid4())
    ada.claim(*targets, policy=policy)

    ada.buy(100)

    assert ada.wallet().available == 5


def test_restored_paid_coins_keep_their_place_in_the_order(ada: Buyer) -> None:
    ada.buy(10)
    ada.spend(10)
    ada.claim(10)
    gift = [NewGrant("bonus", 10)]
    ada.keyed(ledger.credit, "ada", gift, source="promotion")  # Repays the debt.
    ada.claim(0)
    ada.keyed(ledger.credit, "ada", gift, source="promotion")

    ada.spend(10)

    assert (ada.wallet().paid, ada.wallet().bonus) == (10, 0)


def test_what_was_forgiven_and_is_not_asked_for_any_more_reads_as_a_restoration(
    ada: Buyer,
) -> None:
    ada.buy(10)
    ada.spend(10)
    ada.posted(10, policy="forgive")

    assert ada.posted(0, policy="forgive").type == "restoration"


def test_coins_that_a_debt_kept_from_use_repay_it_when_they_expire(ada: Buyer) -> None:
    ada.buy(100)
    ada.spend(100)
    ada.buy(100, payment=uuid4(), expires_at=SOON)
    ada.claim(100)

    ada.let_expire()

    assert (ada.wallet().balance, ada.wallet().debt) == (0, 0)
