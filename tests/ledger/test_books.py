"""What the books tell: the order of spending, what is due, a balance explained, and tampering found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from coinpurse import jobs, ledger
from coinpurse.db import Database
from coinpurse.errors import LedgerInvariantBroken
from coinpurse.ledger import NewGrant, Transaction, service

SOON = datetime.now(UTC) + timedelta(days=10)


def do(database: Database, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
    """One operation in a transaction of its own."""
    with database.unit_of_work() as work:
        return call(work, *args, **values)


def credit(
    database: Database,
    *grants: NewGrant,
    key: str,
    user_id: str = "ada",
    payment_id: UUID | None = None,
    **values: Any,
) -> Transaction:
    posted: Transaction = do(
        database,
        ledger.credit,
        user_id,
        grants,
        key=key,
        source="purchase",
        payment_id=payment_id,
        **values,
    )
    return posted


def spent_from(database: Database, coins: int, key: str = "s") -> list[tuple[int, int]]:
    """Spend; the size of each grant that was used and what was taken of it."""
    posted = do(database, ledger.spend, "ada", coins, key=key)
    with database.unit_of_work() as work:
        sizes = {row.id: row.coins for row in work.rows("SELECT id, coins FROM coinpurse.grants")}
    return [(sizes[id_], -taken) for id_, taken in posted.grants]


def test_the_soonest_to_expire_is_spent_first(database: Database) -> None:
    credit(database, NewGrant("bonus", 11), key="a")
    credit(database, NewGrant("paid", 12, expires_at=SOON + timedelta(days=1)), key="b")
    credit(database, NewGrant("paid", 13, expires_at=SOON), key="c")

    assert spent_from(database, 5) == [(13, 5)]
    assert spent_from(database, 25, "t") == [(13, 8), (12, 12), (11, 5)]


@pytest.mark.parametrize(
    ("order", "expected"),
    [("bonus_first", [(12, 12), (11, 3)]), ("paid_first", [(11, 11), (12, 4)])],
)
def test_the_order_of_kinds_is_configured(
    database: Database, order: Any, expected: list[tuple[int, int]]
) -> None:
    credit(database, NewGrant("paid", 11), NewGrant("bonus", 12), key="a", spend_order=order)

    assert spent_from(database, 15) == expected


def test_an_adjustment_takes_its_place_in_the_configured_order(database: Database) -> None:
    do(
        database,
        ledger.adjust,
        "ada",
        12,
        key="a",
        reason="r",
        actor="op",
        spend_order="paid_first",
    )
    credit(database, NewGrant("paid", 11), key="b", spend_order="paid_first")

    assert spent_from(database, 5) == [(11, 5)]


def test_among_equals_the_oldest_is_spent_first(database: Database) -> None:
    for number in range(3):
        credit(database, NewGrant("bonus", 10 + number), key=f"c{number}")

    assert spent_from(database, 25) == [(10, 10), (11, 11), (12, 4)]


def test_coins_that_are_held_or_frozen_are_passed_over(database: Database) -> None:
    payment = uuid4()
    credit(database, NewGrant("bonus", 10), key="a", payment_id=payment)
    do(database, ledger.claim, "ada", payment, taking=0, freezing=10, cause="dispute")
    credit(database, NewGrant("bonus", 11), key="b")
    do(database, ledger.hold, "ada", 7, key="h", ttl_seconds=60)
    credit(database, NewGrant("bonus", 12), key="c")

    assert spent_from(database, 9) == [(11, 4), (12, 5)]

    do(database, ledger.claim, "ada", payment, taking=0, cause="dispute")
    assert spent_from(database, 12, "t") == [(10, 10), (12, 2)]


def test_coins_restored_to_a_payment_keep_their_place_in_the_order(database: Database) -> None:
    payment = uuid4()
    credit(database, NewGrant("paid", 10), key="a", payment_id=payment)
    credit(database, NewGrant("bonus", 15), key="b")
    credit(database, NewGrant("paid", 12), key="c")
    do(database, ledger.claim, "ada", payment, taking=10)
    do(database, ledger.claim, "ada", payment, taking=0)

    assert spent_from(database, 30) == [(15, 15), (10, 10), (12, 5)]


def test_a_repaid_debt_that_comes_back_is_spent_after_the_coins_that_were_there(
    database: Database,
) -> None:
    payment = uuid4()
    credit(database, NewGrant("paid", 10), key="a", payment_id=payment)
    do(database, ledger.spend, "ada", 10, key="s0")
    claimed = do(database, ledger.claim, "ada", payment, taking=10)
    credit(database, NewGrant("bonus", 15), key="c")
    restored = do(database, ledger.claim, "ada", payment, taking=0)

    assert (claimed.debt, restored.debt, restored.balance_after) == (10, 0, 15)
    assert spent_from(database, 6) == [(15, 5), (10, 1)]


def test_a_debt_is_repaid_by_the_next_credit(database: Database) -> None:
    payment = uuid4()
    credit(database, NewGrant("paid", 10), key="a", payment_id=payment)
    do(database, ledger.spend, "ada", 8, key="s")
    do(database, ledger.claim, "ada", payment, taking=10)
    wallet = do(database, ledger.get_wallet, "ada")
    assert (wallet.balance, wallet.debt, wallet.available) == (-8, 8, -8)

    posted = credit(database, NewGrant("paid", 5), NewGrant("bonus", 6), key="c")

    wallet = do(database, ledger.get_wallet, "ada")
    assert (posted.coins, posted.balance_after, posted.debt) == (11, 3, -8)
    assert (wallet.balance, wallet.debt, wallet.paid, wallet.bonus) == (3, 0, 3, 0)


def test_the_sweep_settles_what_is_due_and_no_more_than_it_is_told(
    database: Database, sql: psycopg.Connection
) -> None:
    for number in range(5):
        user_id = f"user-{number}"
        credit(database, NewGrant("bonus", 10, expires_at=SOON), key="a", user_id=user_id)
        do(database, ledger.hold, user_id, 4, key="h", ttl_seconds=60)
    assert do(database, ledger.sweep_due) == 0
    sql.execute("UPDATE coinpurse.holds SET expires_at = now()")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now() WHERE user_id <> 'user-4'")

    assert do(database, ledger.sweep_due, most=3) == 3
    assert do(database, ledger.sweep_due, most=3) == 1
    assert do(database, ledger.sweep_due) == 0

    timed_out = sql.execute(
        "SELECT user_id FROM coinpurse.transactions WHERE type = 'hold_timeout' ORDER BY 1"
    ).fetchall()
    assert timed_out == [(f"user-{number}",) for number in range(4)]


def test_the_sweep_passes_over_wallets_that_somebody_works_on(
    database: Database, sql: psycopg.Connection
) -> None:
    for user_id in ("ada", "bob"):
        credit(database, NewGrant("bonus", 10, expires_at=SOON), key="a", user_id=user_id)
    sql.execute("UPDATE coinpurse.grants SET expires_at = now()")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")

    with psycopg.connect(database.conninfo) as other:
        other.execute("SELECT 1 FROM coinpurse.wallets WHERE user_id = 'ada' FOR UPDATE")
        assert do(database, ledger.sweep_due) == 1
    assert do(database, ledger.sweep_due) == 1


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE coinpurse.wallets SET balance = balance + 1 WHERE user_id = 'ada'",
        "UPDATE coinpurse.wallets SET balance = 0 WHERE user_id = 'ada'",
    ],
)
def test_a_wallet_whose_books_are_broken_keeps_no_other_from_being_settled(
    database: Database, sql: psycopg.Connection, tampering: str
) -> None:
    for user_id in ("ada", "bob"):
        credit(database, NewGrant("bonus", 10, expires_at=SOON), key="a", user_id=user_id)
    sql.execute("UPDATE coinpurse.grants SET expires_at = now()")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")
    sql.execute(
        "UPDATE coinpurse.wallets SET next_due_at = now() - interval '1 day' WHERE user_id = 'ada'"
    )
    sql.execute(tampering)

    with pytest.raises(LedgerInvariantBroken):
        jobs.settle_due(database, batch=2)

    expired = sql.execute(
        "SELECT user_id FROM coinpurse.transactions WHERE type = 'expiry'"
    ).fetchall()
    assert expired == [("bob",)]


@pytest.mark.parametrize("let_go", ["void", "capture", "time out"])
def test_held_coins_expire_when_they_are_let_go(
    database: Database, sql: psycopg.Connection, let_go: str
) -> None:
    credit(database, NewGrant("bonus", 10, expires_at=SOON), key="a")
    held = do(database, ledger.hold, "ada", 10, key="h", ttl_seconds=60)
    sql.execute("UPDATE coinpurse.grants SET expires_at = now()")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")
    wallet = do(database, ledger.get_wallet, "ada")
    assert (wallet.balance, wallet.held) == (10, 10)

    if let_go == "void":
        do(database, ledger.void, held.id, key="v")
    elif let_go == "capture":
        do(database, ledger.capture, held.id, key="v", coins=4)
    else:
        sql.execute("UPDATE coinpurse.holds SET expires_at = now()")
        sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")

    wallet = do(database, ledger.get_wallet, "ada")
    assert (wallet.balance, wallet.held) == (0, 0)
    (last,) = do(database, ledger.list_transactions, "ada", before=None, limit=1)
    assert (last.type, last.coins) == ("expiry", -6 if let_go == "capture" else -10)


def test_frozen_coins_expire_when_they_are_released(
    database: Database, sql: psycopg.Connection
) -> None:
    payment = uuid4()
    credit(database, NewGrant("paid", 10, expires_at=SOON), key="a", payment_id=payment)
    do(database, ledger.claim, "ada", payment, taking=0, freezing=10, cause="dispute")
    sql.execute("UPDATE coinpurse.grants SET expires_at = now()")
    sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")
    assert do(database, ledger.get_wallet, "ada").frozen == 10

    do(database, ledger.claim, "ada", payment, taking=0, cause="dispute")

    assert do(database, ledger.get_wallet, "ada").balance == 0
    (last,) = do(database, ledger.list_transactions, "ada", before=None, limit=1)
    assert (last.type, last.coins) == ("expiry", -10)


def test_what_a_claim_did_to_a_grant_is_explained(database: Database) -> None:
    payment = uuid4()
    credit(database, NewGrant("paid", 10), key="a", payment_id=payment, type_="purchase")
    do(database, ledger.spend, "ada", 4, key="s")
    do(database, ledger.claim, "ada", payment, taking=10)
    credit(database, NewGrant("bonus", 9), key="b")

    do(database, ledger.claim, "ada", payment, taking=5, cause="dispute")

    told = do(database, ledger.explain, "ada")
    bought, gift, restored = told.grants
    assert (told.balance, told.debt) == (10, 0)
    assert dict(bought.moves) == {"purchase": 10, "usage": -4, "refund": -6, "restoration": 1}
    assert (dict(gift.moves), gift.remaining) == ({"grant": 5}, 5)
    assert (restored.source, restored.coins, dict(restored.moves)) == (
        "restoration",
        4,
        {"restoration": 4},
    )
    assert sum(grant.remaining for grant in told.grants) == told.balance


def test_a_balance_is_explained_by_its_causes(database: Database) -> None:
    payment = uuid4()
    bought = credit(
        database,
        NewGrant("paid", 100),
        NewGrant("bonus", 20, expires_at=SOON),
        key="a",
        payment_id=payment,
        type_="purchase",
    )
    spent = do(database, ledger.spend, "ada", 30, key="s", description="Hat")
    held = do(database, ledger.hold, "ada", 5, key="h", ttl_seconds=60)
    do(database, ledger.capture, held.id, key="c", coins=2)
    do(database, ledger.reverse, spent.id, key="r", coins=4)

    told = do(database, ledger.explain, "ada")

    assert (told.balance, told.held, told.frozen, told.debt) == (92, 0, 0, 0)
    paid, bonus = told.grants
    assert (paid.kind, paid.source, paid.coins, paid.payment_id) == (
        "paid",
        "purchase",
        100,
        payment,
    )
    assert dict(paid.moves) == {"purchase": 100, "usage": -10, "capture": -2, "reversal": 4}
    assert (paid.remaining, paid.expires_at) == (92, None)
    assert dict(bonus.moves) == {"purchase": 20, "usage": -20}
    assert (bonus.remaining, bonus.expires_at) == (0, SOON)
    assert [row.type for row in told.transactions] == [
        "reversal",
        "capture",
        "hold",
        "usage",
        "purchase",
    ]

    past = do(database, ledger.explain, "ada", at=spent.created_at)
    assert past.balance == 90
    assert [row.description for row in past.transactions] == ["Hat", ""]
    assert sum(grant.remaining for grant in past.grants) == 90
    before = do(database, ledger.explain, "ada", at=bought.created_at - timedelta(seconds=1))
    assert (before.balance, before.grants, before.transactions) == (0, (), ())
    assert do(database, ledger.explain, "nobody").balance == 0


TAMPERING = {
    "UPDATE coinpurse.wallets SET balance = balance + 1": {
        "balance against transactions",
        "balance against grants",
    },
    "UPDATE coinpurse.wallets SET held = held + 1": {
        "held against transactions",
        "held against grants",
        "held against open holds",
    },
    "UPDATE coinpurse.wallets SET frozen = frozen + 1": {
        "frozen against transactions",
        "frozen against grants",
    },
    "UPDATE coinpurse.wallets SET debt = debt + 1": {
        "debt against transactions",
        "balance against grants",
    },
    "UPDATE coinpurse.transactions SET coins = coins - 1 WHERE type = 'usage'": {
        "balance against transactions",
        "transactions that break the chain",
    },
    "UPDATE coinpurse.transactions SET balance_after = balance_after + 1 WHERE type = 'usage'": {
        "transactions that break the chain"
    },
    "UPDATE coinpurse.transactions SET held = 0 WHERE type = 'hold'": {
        "held against transactions",
        "holds that are not what their transactions say",
    },
    "UPDATE coinpurse.transactions SET frozen = 0 WHERE type = 'dispute'": {
        "frozen against transactions"
    },
    "UPDATE coinpurse.transactions SET grant_coins = '{-11}' WHERE type = 'usage'": {
        "grants that are not what their transactions left"
    },
    "DELETE FROM coinpurse.transactions WHERE type = 'usage'": {
        "balance against transactions",
        "grants that are not what their transactions left",
        "transactions that break the chain",
    },
    "UPDATE coinpurse.grants SET remaining = remaining - 1 WHERE kind = 'bonus'": {
        "balance against grants",
        "grants that are not what their transactions left",
    },
    "UPDATE coinpurse.grants SET remaining = remaining + CASE kind WHEN 'paid' THEN 1 ELSE -1 END": {
        "grants that are not what their transactions left"
    },
    "DELETE FROM coinpurse.grants WHERE kind = 'bonus'": {
        "balance against grants",
        "held against grants",
    },
    "UPDATE coinpurse.grants SET held = held - 1 WHERE held > 0": {
        "held against grants",
        "grants that hold other coins than the open holds",
    },
    "UPDATE coinpurse.grants SET frozen = frozen - 1 WHERE frozen > 0": {"frozen against grants"},
    "UPDATE coinpurse.holds SET state = 'voided'": {
        "held against open holds",
        "grants that hold other coins than the open holds",
        "holds that are not what their transactions say",
    },
    "DELETE FROM coinpurse.holds": {
        "held against open holds",
        "grants that hold other coins than the open holds",
        "holds that are not what their transactions say",
    },
}


def tampered(database: Database, sql: psycopg.Connection, statement: str) -> set[str]:
    """Change Ada's rows behind the ledger's back; what `verify` then names, of her alone."""
    with database.unit_of_work() as work:
        assert list(ledger.verify(work)) == [(2, [])]
    sql.execute("SET session_replication_role = replica")  # No trigger is in the way.
    before, where, condition = statement.partition(" WHERE ")
    sql.execute(f"{before} WHERE user_id = 'ada'" + (f" AND {condition}" if where else ""))

    with database.unit_of_work() as work:
        ((found, differing),) = list(ledger.verify(work))
    assert found == 2
    assert {wrong.user_id for wrong in differing} == {"ada"}
    assert all(wrong.wallet != wrong.rows for wrong in differing)
    return {wrong.what for wrong in differing}


AFTER_A_CLAIM = {
    "UPDATE coinpurse.transactions SET debt = debt - 1 WHERE type = 'refund'": {
        "debt against transactions",
        "claims that are not what their transactions say",
    },
    "UPDATE coinpurse.transactions SET coins = coins + 1 WHERE type = 'refund'": {
        "balance against transactions",
        "transactions that break the chain",
    },
    "UPDATE coinpurse.transactions SET grant_coins = '{-31}' WHERE type = 'refund'": {
        "grants that are not what their transactions left",
        "claims that are not what their transactions say",
    },
    "DELETE FROM coinpurse.transactions WHERE type = 'refund'": {
        "balance against transactions",
        "debt against transactions",
        "grants that are not what their transactions left",
        "transactions that break the chain",
        "claims that are not what their transactions say",
    },
    "UPDATE coinpurse.grants SET taken = taken - 1, remaining = 1, exhausted = false"
    " WHERE taken > 0": {
        "claims that are not what their transactions say",
        "balance against grants",
        "grants that are not what their transactions left",
    },
    "UPDATE coinpurse.wallets SET debt = debt - 1, balance = balance + 1": {
        "balance against transactions",
        "debt against transactions",
    },
}


@pytest.mark.parametrize("statement", AFTER_A_CLAIM)
def test_tampering_after_a_claim_is_found(
    database: Database, sql: psycopg.Connection, statement: str
) -> None:
    for user_id in ("ada", "bob"):
        payment = uuid4()
        credit(database, NewGrant("paid", 50), key="a", user_id=user_id, payment_id=payment)
        do(database, ledger.spend, user_id, 20, key="s")
        do(database, ledger.claim, user_id, payment, taking=50)
        do(database, ledger.adjust, user_id, 5, key="b", reason="r", actor="op")

    assert tampered(database, sql, statement) == AFTER_A_CLAIM[statement]


@pytest.mark.parametrize("statement", TAMPERING)
def test_tampering_is_found(database: Database, sql: psycopg.Connection, statement: str) -> None:
    for user_id in ("ada", "bob"):
        payment = uuid4()
        credit(database, NewGrant("paid", 50), key="a", user_id=user_id, payment_id=payment)
        do(database, ledger.spend, user_id, 10, key="s")
        do(database, ledger.claim, user_id, payment, taking=0, freezing=40, cause="dispute")
        credit(database, NewGrant("bonus", 50), key="b", user_id=user_id)
        do(database, ledger.hold, user_id, 10, key="h", ttl_seconds=600)

    assert tampered(database, sql, statement) == TAMPERING[statement]


def test_the_books_are_verified_page_by_page(
    database: Database, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "VERIFY_PAGE", 3)
    with database.unit_of_work() as work:
        assert list(ledger.verify(work)) == []
    for number in range(8):
        credit(database, NewGrant("bonus", 5), key="a", user_id=f"user-{number}")
    sql.execute("UPDATE coinpurse.wallets SET balance = 6 WHERE user_id IN ('user-1', 'user-7')")

    with database.unit_of_work() as work:
        pages = list(ledger.verify(work))

    assert [found for found, _ in pages] == [3, 3, 2]
    assert [[wrong.user_id for wrong in differing] for _, differing in pages] == [
        ["user-1"] * 2,
        [],
        ["user-7"] * 2,
    ]
