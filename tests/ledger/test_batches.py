"""Many spends in one call: what stands in the way of one does not stand in the way of another."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.errors import (
    IdempotencyConflict,
    InsufficientCoins,
    InvalidRequest,
    LedgerInvariantBroken,
    NotFound,
    WalletBlocked,
)
from coinpurse.ledger import NewGrant, Spend, Transaction
from coinpurse.ledger.service import spend_unlocked


@pytest.fixture
def purse(purse: Coinpurse) -> Coinpurse:
    """Four wallets of 100 coins."""
    for user in ("ada", "bob", "cyd", "dan"):
        purse.credit(user, 100, key="c")
    return purse


def test_wallets_that_others_have_locked_are_left_out(purse: Coinpurse, database_url: str) -> None:
    items = [
        Spend("ada", 1, "1"),
        Spend("bob", 1, "2"),
        Spend("nobody", 1, "3"),
        Spend("bob", 0, "4"),
        Spend("ada", 1, "5"),
        Spend("cyd", 1, "6"),
    ]
    with psycopg.connect(database_url) as host:
        for user in ("ada", "cyd"):
            purse.spend(user, 1, key="host", connection=host)
        with purse.database.unit_of_work() as work:
            results = spend_unlocked(work, items)

    kinds = [type(result) for result in results]
    assert kinds == [
        type(None),
        Transaction,
        NotFound,
        InvalidRequest,
        type(None),
        type(None),
    ]
    assert [purse.wallet(user).balance for user in ("ada", "bob", "cyd")] == [99, 99, 99]
    with purse.database.unit_of_work() as work:
        again = spend_unlocked(work, items)
    assert [isinstance(result, Transaction) and result.created for result in again] == [
        True,
        False,
        False,
        False,
        True,
        True,
    ]


def test_repeats_and_conflicts_are_told_among_new_spends(purse: Coinpurse) -> None:
    first = purse.spend("ada", 2, key="old")

    results = purse.spend_many(
        [
            Spend("ada", 3, "new"),
            Spend("ada", 2, "old"),
            Spend("bob", 2, "old"),
            Spend("ada", 3, "new"),
            Spend("ada", 4, "new"),
            Spend("ada", 9, "old"),
            Spend("ada", 1, "last"),
        ]
    )

    assert [type(result) for result in results] == [
        Transaction,
        Transaction,
        Transaction,
        Transaction,
        IdempotencyConflict,
        IdempotencyConflict,
        Transaction,
    ]
    spent = [result for result in results if isinstance(result, Transaction)]
    assert [row.created for row in spent] == [True, False, True, False, True]
    assert (spent[1].id, spent[3].id) == (first.id, spent[0].id)
    assert [row.balance_after for row in spent] == [95, 98, 98, 95, 94]
    assert purse.wallet("ada").balance == 94
    assert [found for _, differing in purse.verify() for found in differing] == []


def test_a_wallet_whose_grants_lack_coins_fails_alone(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    sql.execute("UPDATE coinpurse.wallets SET balance = 200 WHERE user_id = 'bob'")
    sql.execute("UPDATE coinpurse.wallets SET blocked = true WHERE user_id = 'dan'")

    results = purse.spend_many(
        [Spend("ada", 1, "k"), Spend("bob", 150, "k"), Spend("cyd", 1, "k"), Spend("dan", 1, "k")]
    )

    assert [type(result) for result in results] == [
        Transaction,
        LedgerInvariantBroken,
        Transaction,
        WalletBlocked,
    ]
    with pytest.raises(LedgerInvariantBroken, match="'bob' have fewer coins"):
        purse.spend("bob", 150, key="k")
    with pytest.raises(LedgerInvariantBroken, match="'bob' have fewer coins"):
        purse.hold("bob", 150, key="k")


def test_a_chain_that_would_break_is_told_as_broken_books(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    sql.execute("UPDATE coinpurse.wallets SET balance = 99 WHERE user_id = 'ada'")

    for call in (
        lambda: purse.spend("ada", 1, key="s"),
        lambda: purse.spend_many([Spend("ada", 1, "m")]),
        lambda: purse.credit("ada", 1, key="d"),
    ):
        with pytest.raises(LedgerInvariantBroken, match=r"of ada .* does not continue its chain"):
            call()
    with purse.database.unit_of_work() as work:
        assert [
            row.type for row in ledger.list_transactions(work, "ada", before=None, limit=9)
        ] == ["grant"]


def test_texts_of_a_batch_arrive_as_they_were_sent(purse: Coinpurse) -> None:
    texts = [
        '"',
        "\\",
        '\\"',
        "{a,b}",
        "NULL",
        "null",
        " a ",
        "'",
        "%s %(x)s",
        "é\u4f60",
        "\\x41",
        ",",
    ]
    purse.credit("ada", 100, key="c")
    items = [
        Spend("ada", 1, key=f"key {text}", description=text, metadata={text: text})
        for text in texts
    ]

    results = purse.spend_many([*items, Spend("ada", 1, key="last", description="")])

    found = [
        (row.idempotency_key, row.description, row.metadata)
        for row in results
        if isinstance(row, Transaction)
    ]
    assert found == [
        *((f"key {text}", text, {text: text}) for text in texts),
        ("last", "", None),
    ]
    assert [row.created for row in purse.spend_many(items) if isinstance(row, Transaction)] == [
        False for _ in items
    ]


def test_coins_that_a_debt_keeps_from_use_are_not_spent_by_a_batch(purse: Coinpurse) -> None:
    payment = uuid4()
    purse.credit("dot", 50, key="gift")
    gift = purse.spend("dot", 50, key="of the gift")
    with purse.database.unit_of_work() as work:
        ledger.credit(
            work, "dot", [NewGrant("paid", 100)], key="bought", source="pack", payment_id=payment
        )
    purse.spend("dot", 100, key="of the pack")
    with purse.database.unit_of_work() as work:
        ledger.claim(work, "dot", payment, taking=100)
    purse.reverse(gift.id, key="back")

    (refused,) = purse.spend_many([Spend("dot", 10, "k")])

    assert isinstance(refused, InsufficientCoins)
    assert purse.wallet("dot").available == -50
