"""Refunds and disputes of a wallet while it is used, from many connections: the last word holds, the books agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import (
    AmountTooLarge,
    DomainError,
    HoldAlreadyResolved,
    InsufficientCoins,
    WalletBlocked,
)
from coinpurse.ledger import Hold, NewGrant, SpentPolicy, Transaction
from tests.ledger.racing import THREADS, of, race, wallet

ROUNDS = 4


def buy(database: Database, paid: int, bonus: int = 0, *, key: str = "buy") -> UUID:
    """A purchase of Ada's."""
    payment = uuid4()
    grants = [NewGrant("paid", paid)] + ([NewGrant("bonus", bonus)] if bonus else [])
    with database.unit_of_work() as work:
        ledger.credit(work, "ada", grants, key=key, source="purchase", payment_id=payment)
    return payment


def claim(database: Database, payment: UUID, taking: int, **values: Any) -> Transaction | None:
    with database.unit_of_work() as work:
        return ledger.claim(work, "ada", payment, taking=taking, **values)


def claiming(payment: UUID, taking: int, **values: Any) -> Callable[[UnitOfWork, int], Any]:
    return lambda work, n: ledger.claim(work, "ada", payment, taking=taking, **values)


def posted(results: list[Any]) -> int:
    """How many calls posted a row; the others found nothing to do, and none failed otherwise."""
    assert of(results, Exception) == 0
    return of(results, Transaction)


def test_a_refund_that_many_report_takes_once(database: Database) -> None:
    payment = buy(database, 100, 20)
    with database.unit_of_work() as work:
        ledger.spend(work, "ada", 50, key="s")

    assert posted(race(database, claiming(payment, 120))) == 1

    assert (wallet(database).balance, wallet(database).debt) == (-50, 50)


def test_a_lowered_claim_restores_exactly_once(database: Database) -> None:
    payment = buy(database, 100, 20)
    for number in range(ROUNDS):
        claim(database, payment, 120)
        assert wallet(database).balance == 0

        assert posted(race(database, claiming(payment, 30 * number))) == 1

        found = wallet(database)
        assert (found.paid, found.bonus, found.debt) == (100 - 30 * number, 20, 0)


def test_claims_with_different_targets_end_as_one_of_them(database: Database) -> None:
    for number in range(ROUNDS):
        payment = buy(database, 100, 20, key=f"buy-{number}")
        before = wallet(database)

        results = race(
            database,
            claiming(payment, 120),
            claiming(payment, 60, freezing=60),
            claiming(payment, 0, freezing=120, owing=120),
            claiming(payment, 0),
        )

        posted(results)
        found = wallet(database)
        end = (found.balance - before.balance, found.frozen, found.debt)
        assert end in {(-120, 0, 0), (-60, 60, 0), (0, 120, 0), (0, 0, 0)}
        claim(database, payment, 120)
        assert wallet(database).balance == before.balance - 120


def test_claims_of_two_payments_of_one_wallet_add_up(database: Database) -> None:
    first, second = buy(database, 100, key="a"), buy(database, 50, key="b")

    results = race(database, claiming(first, 80), claiming(second, 0, freezing=50))

    assert posted(results) == 2
    found = wallet(database)
    assert (found.balance, found.frozen, found.debt) == (70, 50, 0)


def test_a_credit_and_a_claim_add_up_in_any_order(database: Database) -> None:
    payment = buy(database, 5)
    with database.unit_of_work() as work:
        ledger.spend(work, "ada", 5, key="s")

    results = race(
        database,
        claiming(payment, 5),
        lambda work, n: ledger.credit(
            work, "ada", [NewGrant("bonus", 10)], key=f"c{n}", source="promotion"
        ),
    )

    found = wallet(database)
    assert posted(results) == THREADS // 2 + 1
    assert found.balance == 10 * THREADS // 2 - 5
    assert found.paid + found.bonus - found.debt == found.balance


@pytest.mark.parametrize("policy", ["debt", "forgive", "block"])
def test_coins_are_either_spent_or_taken(database: Database, policy: SpentPolicy) -> None:
    payment = buy(database, 100)

    results = race(
        database,
        claiming(payment, 100, policy=policy),
        *[lambda work, n: ledger.spend(work, "ada", 10, key=f"s{n}")] * 3,
    )

    spent = 10 * sum(isinstance(r, Transaction) and r.type == "usage" for r in results)
    assert of(results, InsufficientCoins) + of(results, WalletBlocked) == 12 - spent // 10
    found = wallet(database)
    owed = 0 if policy == "forgive" else spent
    assert (found.balance, found.debt, found.paid) == (-owed, owed, 0)
    assert found.blocked == (policy == "block" and spent > 0)


def test_coins_are_either_held_or_taken_and_let_go_they_are_taken(database: Database) -> None:
    payment = buy(database, 100)

    results = race(
        database,
        claiming(payment, 100),
        lambda work, n: ledger.hold(work, "ada", 10, key=f"h{n}", ttl_seconds=600),
    )

    held = [result for result in results if isinstance(result, Hold)]
    found = wallet(database)
    assert (found.held, found.debt, found.balance) == (10 * len(held), 10 * len(held), 0)
    with database.unit_of_work() as work:
        for result in held:
            ledger.void(work, result.id, key=f"v{result.id}")
    found = wallet(database)
    assert (found.held, found.debt, found.balance) == (0, 0, 0)


@pytest.mark.parametrize("policy", ["debt", "forgive"])
def test_a_hold_is_resolved_once_and_its_payment_claimed_once(
    database: Database, policy: SpentPolicy
) -> None:
    for number in range(ROUNDS):
        payment = buy(database, 10, key=f"buy-{number}")
        with database.unit_of_work() as work:
            id_ = ledger.hold(work, "ada", 10, key=f"h{number}", ttl_seconds=600).id

        results = race(
            database,
            claiming(payment, 10, policy=policy),
            lambda work, n, id_=id_: ledger.void(work, id_, key=f"v{id_}-{n}"),
            claiming(payment, 10, policy=policy),
            lambda work, n, id_=id_: ledger.capture(work, id_, key=f"c{id_}-{n}", coins=4),
        )

        resolved = [r for r in results if isinstance(r, Transaction) and r.type != "refund"]
        assert len(resolved) == 1
        assert of(results, HoldAlreadyResolved) == THREADS // 2 - 1
        owed = -resolved[0].coins if policy == "debt" else 0
        found = wallet(database)
        assert (found.balance, found.debt, found.held) == (-owed, owed, 0)
        with database.unit_of_work() as work:
            if owed:
                ledger.adjust(work, "ada", owed, key=f"a{number}", reason="Even", actor="op")


@pytest.mark.parametrize("policy", ["debt", "forgive"])
def test_a_reversed_spend_and_its_refund_leave_nothing(
    database: Database, policy: SpentPolicy
) -> None:
    payment = buy(database, 40)
    with database.unit_of_work() as work:
        spent = ledger.spend(work, "ada", 40, key="s")

    results = race(
        database,
        claiming(payment, 40, policy=policy),
        lambda work, n: ledger.reverse(work, spent.id, key=f"r{n}", coins=10),
    )

    assert of(results, AmountTooLarge) == THREADS // 2 - 4
    assert of(results, DomainError) == THREADS // 2 - 4
    found = wallet(database)
    assert (found.balance, found.debt) == (0, 0)
    claim(database, payment, 0, policy=policy)
    assert wallet(database).balance == 40


@pytest.mark.parametrize("frozen", [0, 100])
def test_coins_expire_or_are_taken_and_never_both(database: Database, frozen: int) -> None:
    for number in range(ROUNDS):
        payment = buy(database, 100, key=f"buy-{number}")
        claim(database, payment, 0, freezing=frozen)
        with database.unit_of_work() as work:
            work.execute(
                "UPDATE coinpurse.grants SET expires_at = clock_timestamp() + interval '0.3 seconds'"
                " WHERE NOT exhausted"
            )
            work.execute("UPDATE coinpurse.wallets SET next_due_at = '2001-01-01'")

        def later(call: Callable[[UnitOfWork], Any]) -> Callable[[UnitOfWork, int], Any]:
            def at_its_time(work: UnitOfWork, n: int) -> Any:
                # Each is a transaction of its own, before or after the moment.
                work.connection.commit()
                work.execute("SELECT pg_sleep(%(seconds)s)", seconds=0.22 + n * 0.01)
                work.connection.commit()
                return call(work)

            return at_its_time

        race(
            database,
            later(lambda work: ledger.sweep_due(work)),
            later(lambda work, payment=payment: ledger.claim(work, "ada", payment, taking=100)),  # type: ignore[misc]
        )

        found = wallet(database)
        assert (found.balance, found.frozen, found.debt) == (0, 0, 0)
        with database.unit_of_work() as work:
            rows = work.rows(
                "SELECT taken + expired AS gone, taken FROM coinpurse.grants ORDER BY id"
            )
        assert {row.gone for row in rows} == {100}
        if frozen:
            assert {row.taken for row in rows} == {100}


def test_a_wallet_that_is_blocked_and_unblocked_at_once_ends_as_one_of_both(
    database: Database,
) -> None:
    payment = buy(database, 10)
    with database.unit_of_work() as work:
        ledger.spend(work, "ada", 10, key="s")

    results = race(
        database,
        claiming(payment, 10, policy="block"),
        lambda work, n: ledger.unblock(work, "ada", key=f"u{n}", reason="Paid", actor="op"),
    )

    assert posted(results) == THREADS // 2 + 1
    claimed = next(r.id for r in results if isinstance(r, Transaction) and r.type == "refund")
    unblocked = max(r.id for r in results if isinstance(r, Transaction) and r.type == "unblock")
    assert wallet(database).blocked == (claimed > unblocked)


def test_purchases_refunds_and_failed_refunds_at_once_add_up(database: Database) -> None:
    payments = [buy(database, 10, key=f"buy-{number}") for number in range(4)]
    with database.unit_of_work() as work:
        ledger.spend(work, "ada", 25, key="s")
    for payment in payments[:2]:
        claim(database, payment, 10)

    race(
        database,
        claiming(payments[0], 0),
        claiming(payments[1], 5),
        claiming(payments[2], 10),
        lambda work, n: ledger.credit(
            work, "ada", [NewGrant("bonus", 3)], key=f"c{n}", source="promotion"
        ),
    )

    found = wallet(database)
    # Bought 40, spent 25, refunded 15, given 12.
    assert found.balance == 40 - 25 - 15 + 12
    assert found.paid + found.bonus - found.debt == found.balance
