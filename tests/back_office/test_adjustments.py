"""Corrections by hand: small ones at once, large ones by two people."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.back_office import Adjustment, BackOffice
from coinpurse.db import Database
from coinpurse.errors import (
    AlreadyDecided,
    DomainError,
    Forbidden,
    IdempotencyConflict,
    InsufficientCoins,
    InvalidRequest,
    NotFound,
    SecondPersonNeeded,
)
from coinpurse.ledger.rules import require_callers_key


def ask(
    office: BackOffice, coins: int, *, user_id: str = "ada", actor: str = "sue", key: str = ""
) -> Adjustment:
    return office.request_adjustment(
        user_id, coins, reason="Lost in the move", actor=actor, key=key or uuid4().hex
    )


def balance(database: Database, user_id: str = "ada") -> int:
    with database.unit_of_work() as work:
        return ledger.get_wallet(work, user_id).balance


def test_a_small_adjustment_is_applied_at_once(office: BackOffice, database: Database) -> None:
    made = ask(office, 1000)

    assert (made.state, made.decided_by, made.created) == ("applied", None, True)
    assert balance(database) == 1000
    (entry,) = office.audit_about("adjustment", str(made.id))
    assert (entry.actor, entry.action, entry.reason) == (
        "sue",
        "adjustment.applied",
        "Lost in the move",
    )
    assert entry.facts["coins"] == 1000


def test_a_large_one_waits_for_a_second_person(office: BackOffice, database: Database) -> None:
    asked = ask(office, 1001)
    assert (asked.state, balance(database)) == ("waiting", 0)

    with pytest.raises(SecondPersonNeeded):
        office.decide_adjustment(asked.id, "approve", actor="sue")
    decided = office.decide_adjustment(asked.id, "approve", actor="finn")

    assert (decided.state, decided.decided_by, balance(database)) == ("applied", "finn", 1001)
    assert [entry.actor for entry in office.audit_about("adjustment", str(asked.id))] == [
        "sue",
        "finn",
    ]


def test_a_refused_one_changes_nothing_and_stays_refused(
    office: BackOffice, database: Database
) -> None:
    asked = ask(office, 5000)
    office.decide_adjustment(asked.id, "refuse", actor="finn")

    with pytest.raises(AlreadyDecided):
        office.decide_adjustment(asked.id, "approve", actor="olga")
    assert office.decide_adjustment(asked.id, "refuse", actor="finn").created is False
    assert balance(database) == 0


def test_only_who_asked_withdraws_and_only_while_it_waits(office: BackOffice) -> None:
    asked = ask(office, 5000)

    with pytest.raises(Forbidden):
        office.withdraw_adjustment(asked.id, actor="finn")
    assert office.withdraw_adjustment(asked.id, actor="sue").state == "withdrawn"
    with pytest.raises(AlreadyDecided):
        office.decide_adjustment(asked.id, "approve", actor="finn")


@pytest.mark.parametrize("coins", [500, 5000])
def test_a_double_submit_asks_once(office: BackOffice, database: Database, coins: int) -> None:
    first, second = ask(office, coins, key="nonce"), ask(office, coins, key="nonce")

    assert second.id == first.id
    assert (first.created, second.created) == (True, False)
    assert balance(database) == (500 if coins == 500 else 0)
    with pytest.raises(IdempotencyConflict):
        ask(office, coins + 1, key="nonce")
    with pytest.raises(IdempotencyConflict):
        ask(office, coins, key="nonce", actor="finn")


@pytest.mark.parametrize("coins", [-5, -5000])
def test_coins_of_nobody_cannot_be_taken(
    office: BackOffice, database: Database, coins: int
) -> None:
    with pytest.raises(NotFound, match="There is no wallet 'nobdoy'"):
        ask(office, coins, user_id="nobdoy")

    with database.unit_of_work() as work:
        assert work.row("SELECT 1 FROM coinpurse.adjustment_requests") is None


def test_more_than_there_is_cannot_be_taken(office: BackOffice, database: Database) -> None:
    ask(office, 10)

    with pytest.raises(InsufficientCoins):
        ask(office, -11)
    assert balance(database) == 10


def test_an_approval_that_fails_leaves_it_waiting(office: BackOffice, database: Database) -> None:
    ask(office, 10)
    asked = ask(office, -2000)

    with pytest.raises(InsufficientCoins):
        office.decide_adjustment(asked.id, "approve", actor="finn")

    found = office.find_adjustment(asked.id)
    assert found is not None
    assert found.state == "waiting"


@pytest.mark.parametrize("coins", [0, True, 1.5, 2**53])
def test_what_is_no_number_of_coins_is_refused(office: BackOffice, coins: int) -> None:
    with pytest.raises(InvalidRequest):
        ask(office, coins)


def test_a_reason_is_needed(office: BackOffice) -> None:
    with pytest.raises(InvalidRequest):
        office.request_adjustment("ada", 1, reason=" ", actor="sue", key="k")


def test_sixteen_who_decide_at_once_make_one_transaction(
    office: BackOffice, database: Database
) -> None:
    asked = ask(office, 5000)
    together = Barrier(16)

    def decide(number: int) -> str:
        together.wait()
        try:
            return office.decide_adjustment(
                asked.id, "refuse" if number == 15 else "approve", actor=f"finn-{number}"
            ).state
        except DomainError as error:
            return error.code

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(decide, range(16)))

    assert outcomes["already_decided"] == 15
    with database.unit_of_work() as work:
        rows = work.rows("SELECT coins FROM coinpurse.transactions WHERE user_id = 'ada'")
    assert [row.coins for row in rows] == ([5000] if outcomes["applied"] else [])
    assert len(office.audit_about("adjustment", str(asked.id))) == 2


def test_the_database_itself_wants_two_people(office: BackOffice, database: Database) -> None:
    asked = ask(office, 5000)

    with pytest.raises(psycopg.errors.CheckViolation), database.connection() as connection:
        connection.execute(
            "UPDATE coinpurse.adjustment_requests"
            " SET state = 'refused', decided_by = requested_by, decided_at = now() WHERE id = %s",
            [asked.id],
        )


def test_nobody_else_can_take_the_key_of_an_adjustment(office: BackOffice) -> None:
    with pytest.raises(InvalidRequest):
        require_callers_key(f"adjustment:{ask(office, 5000).id}")


def test_the_limit_cannot_be_split(office: BackOffice, database: Database) -> None:
    ask(office, 600)
    ask(office, -300)
    assert office.preview_adjustment("bob", 101, actor="sue").needs_approval
    assert not office.preview_adjustment("bob", 101, actor="finn").needs_approval

    more = ask(office, 101, user_id="bob")
    rest = ask(office, 100, user_id="bob")

    assert (more.state, rest.state) == ("waiting", "applied")
    assert office.preview_adjustment("bob", 1, actor="sue").adjusted_alone == 1000
    assert balance(database, "bob") == 100


def test_what_a_second_person_agreed_to_or_is_a_day_old_does_not_count(
    office: BackOffice, database: Database
) -> None:
    office.decide_adjustment(ask(office, 5000).id, "approve", actor="finn")
    office.decide_adjustment(ask(office, 5000).id, "refuse", actor="finn")
    ask(office, 1000)
    assert ask(office, 1).state == "waiting"

    with database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.adjustment_requests SET created_at = created_at - interval '24 hours'"
        )

    assert ask(office, 1000).state == "applied"
    assert ask(office, 1).state == "waiting"


def test_of_sixteen_at_once_by_one_person_no_more_than_the_limit_is_applied(
    office: BackOffice, database: Database
) -> None:
    together = Barrier(16)

    def give(number: int) -> str:
        together.wait()
        return ask(office, 300, user_id=f"friend-{number}").state

    with ThreadPoolExecutor(16) as pool:
        states = Counter(pool.map(give, range(16)))

    assert states == {"applied": 3, "waiting": 13}
    with database.unit_of_work() as work:
        given = work.row("SELECT sum(balance) AS coins FROM coinpurse.wallets")
    assert given is not None
    assert given.coins == 900


def test_a_preview_tells_and_does_nothing(office: BackOffice, database: Database) -> None:
    ask(office, 100)

    preview = office.preview_adjustment("ada", -40, actor="sue")

    assert (preview.balance, preview.balance_after, preview.needs_approval) == (100, 60, False)
    assert office.preview_adjustment("ada", 1001, actor="sue").needs_approval
    assert balance(database) == 100


def test_nobody_corrects_or_decides_about_their_own_wallet_alone(
    office: BackOffice, database: Database
) -> None:
    assert office.preview_adjustment("sue", 5, actor="sue").needs_approval
    own = ask(office, 5, user_id="sue", actor="sue")
    gift = ask(office, 5000, user_id="finn", actor="sue")
    assert (own.state, gift.state) == ("waiting", "waiting")

    for made, actor in ((own, "sue"), (gift, "sue"), (gift, "finn")):
        with pytest.raises(SecondPersonNeeded):
            office.decide_adjustment(made.id, "approve", actor=actor)
    assert (balance(database, "sue"), balance(database, "finn")) == (0, 0)
    assert office.decide_adjustment(gift.id, "approve", actor="olga").state == "applied"
