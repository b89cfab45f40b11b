"""The public wallet operations, as a script uses them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse
from coinpurse.ledger import Spend, Transaction, Wallet
from tests.ledger.conftest import make_purse


@pytest.fixture
def purse(database_url: str) -> Iterator[Coinpurse]:
    """Coinpurse without Flask and without a sandbox."""
    made = make_purse(database_url)
    yield made
    made.database.close()


def test_a_wallet_from_its_first_coin_to_its_last(purse: Coinpurse) -> None:
    assert purse.wallet("ada") == Wallet(user_id="ada")

    purse.credit("ada", 100, key="welcome", description="Welcome")
    spent = purse.spend("ada", 40, key="hat", metadata={"item": "hat"})
    purse.reverse(spent.id, key="hat-back", coins=10, description="Too small")
    held = purse.hold("ada", 30, key="auction")
    assert purse.wallet("ada").available == 40
    purse.capture(held.id, key="won", coins=20)
    purse.void(purse.hold("ada", 5, key="other").id, key="lost")
    purse.adjust("ada", -5, key="mistake", reason="Credited twice", actor="op@example.com")
    results = purse.spend_many([Spend("ada", 10, "a"), Spend("ada", 35, "b")])

    assert [isinstance(result, Transaction) for result in results] == [True, True]
    assert purse.wallet("ada") == Wallet(user_id="ada")
    rows = purse.transactions("ada", limit=200)
    assert [(row.type, row.coins, row.balance_after) for row in reversed(rows)] == [
        ("grant", 100, 100),
        ("usage", -40, 60),
        ("reversal", 10, 70),
        ("hold", 0, 70),
        ("capture", -20, 50),
        ("hold", 0, 50),
        ("void", 0, 50),
        ("adjustment", -5, 45),
        ("usage", -10, 35),
        ("usage", -35, 0),
    ]
    adjusted = rows[2]
    assert (adjusted.description, adjusted.actor) == ("Credited twice", "op@example.com")
    assert purse.explain("ada", at=spent.created_at).balance == 60
    assert list(purse.verify()) == [(1, [])]


def test_transactions_are_paged_from_the_newest(purse: Coinpurse) -> None:
    ids = [purse.credit("ada", 1, key=f"k{number}").id for number in range(7)]

    first = purse.transactions("ada", limit=3)
    rest = purse.transactions("ada", before=first[-1].id)

    assert [row.id for row in [*first, *rest]] == ids[::-1]


@pytest.mark.parametrize(
    ("changes", "kind_left"), [({}, "paid"), ({"spend_order": "paid_first"}, "bonus")]
)
def test_the_configured_order_is_that_of_credits_and_adjustments(
    database_url: str, changes: dict[str, Any], kind_left: str
) -> None:
    purse = make_purse(database_url, **changes)
    purse.adjust("ada", 5, key="a", reason="Sorry", actor="op")
    purse.credit("ada", 10, key="p", kind="paid")
    purse.credit("ada", 5, key="b", kind="bonus")

    purse.spend("ada", 10, key="s")

    left = purse.wallet("ada")
    assert {"paid": left.paid, "bonus": left.bonus} == {"paid": 0, "bonus": 0, kind_left: 10}
    purse.database.close()


def test_coins_with_a_time_limit_are_used_first_and_then_lost(
    purse: Coinpurse, database_url: str
) -> None:
    purse.credit("ada", 10, key="a", kind="paid")
    purse.credit("ada", 10, key="b", expires_at=datetime.now(UTC) + timedelta(days=1))
    purse.spend("ada", 4, key="s")
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE coinpurse.grants SET expires_at = now() WHERE kind = 'bonus'")
        connection.execute("UPDATE coinpurse.wallets SET next_due_at = now()")

    wallet = purse.wallet("ada")

    assert (wallet.balance, wallet.paid, wallet.bonus) == (10, 10, 0)
    assert purse.transactions("ada", limit=1)[0].type == "expiry"


def test_the_words_of_a_hold_are_those_of_its_capture_unless_it_has_its_own(
    purse: Coinpurse,
) -> None:
    purse.credit("ada", 10, key="a")
    for number, words in enumerate([None, "Won the auction"]):
        held = purse.hold("ada", 5, key=f"h{number}", description="Auction")
        captured = purse.capture(held.id, key=f"c{number}", description=words)
        assert captured.description == (words or "Auction")
