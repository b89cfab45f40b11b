"""Reports from Stripe, in any order and number: one end, one credit."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import permutations
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coinpurse import ledger, signals
from coinpurse.db import Database
from coinpurse.db.identifiers import new_id
from coinpurse.errors import LedgerInvariantBroken, RetryLater
from coinpurse.money import Money
from coinpurse.purchases import Payment, all_payments, find_payment, fulfil, payments_of, store
from coinpurse.purchases.rules import Report, Signal

with_database = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def new_payment(database: Database, *, bonus: int = 200, opened: bool = True) -> Payment:
    """The row of one checkout of a user of its own."""
    id_ = new_id()
    with database.unit_of_work() as work:
        payment = store.insert(
            work,
            id_=id_,
            user_id=f"user-{id_}",
            pack_sku="chest",
            coins=1000,
            bonus=bonus,
            price=Money(9999, "usd"),
            livemode=False,
            request_key=None,
            request_digest=b"",
            stripe_parameters={},
        )
        if opened:
            store.opened(work, id_, session_id=f"cs_test_{id_.hex}", checkout_url="https://c.test")
    assert payment is not None
    return payment


def report(payment: Payment, signal: Signal, *, of_intent: bool = False) -> Report:
    hexadecimal = payment.id.hex
    declined = signal is Signal.DECLINED
    return Report(
        signal=signal,
        payment_id=str(payment.id),
        session_id=None if of_intent else f"cs_test_{hexadecimal}",
        payment_intent_id=None if signal in (Signal.OPEN, Signal.EXPIRED) else f"pi_{hexadecimal}",
        user_id=payment.user_id,
        amount_minor=payment.price.amount_minor,
        currency=payment.price.currency,
        livemode=False,
        decline_code="insufficient_funds" if declined else None,
        decline_message="Your card has insufficient funds." if declined else None,
    )


def tell(database: Database, *reports: Report) -> None:
    for one in reports:
        with database.unit_of_work() as work:
            fulfil(work, one)


@dataclass(frozen=True)
class End:
    """What a payment has come to, without what differs from payment to payment."""

    status: str
    has_session: bool
    has_intent: bool
    settling: bool
    decline_code: str | None
    declined: bool
    failure_reason: str | None
    review_reason: str | None
    completed: bool
    coins: int
    rows: int


def end(database: Database, payment_id: UUID) -> End:
    with database.unit_of_work() as work:
        payment = store.find(work, payment_id)
        assert payment is not None
        rows = ledger.list_transactions(work, payment.user_id, before=None, limit=50)
        coins = ledger.get_wallet(work, payment.user_id).balance
    assert [row.id for row in rows] == [payment.transaction_id] * len(rows)
    return End(
        status=payment.status,
        has_session=payment.session_id is not None,
        has_intent=payment.payment_intent_id is not None,
        settling=payment.settling_at is not None,
        decline_code=payment.decline_code,
        declined=payment.declined_at is not None,
        failure_reason=payment.failure_reason,
        review_reason=payment.review_reason,
        completed=payment.completed_at is not None,
        coins=coins,
        rows=len(rows),
    )


Told = tuple[Signal, bool]
SESSION, INTENT = False, True
# What Stripe can tell about one checkout, in the order in which it happens, and how it ends.
HISTORIES: dict[str, tuple[list[Told], str]] = {
    "paid at once": (
        [(Signal.OPEN, SESSION), (Signal.PAID, INTENT), (Signal.PAID, SESSION)],
        "completed",
    ),
    "declined, then paid": (
        [
            (Signal.OPEN, SESSION),
            (Signal.DECLINED, INTENT),
            (Signal.PAID, INTENT),
            (Signal.PAID, SESSION),
        ],
        "completed",
    ),
    "settled later": (
        [
            (Signal.SETTLING, SESSION),
            (Signal.UNKNOWN, INTENT),
            (Signal.PAID, INTENT),
            (Signal.PAID, SESSION),
        ],
        "completed",
    ),
    "not settled": (
        [
            (Signal.SETTLING, SESSION),
            (Signal.UNKNOWN, INTENT),
            (Signal.DECLINED, INTENT),
            (Signal.SETTLEMENT_FAILED, SESSION),
        ],
        "failed",
    ),
    "given up": (
        [(Signal.OPEN, SESSION), (Signal.DECLINED, INTENT), (Signal.EXPIRED, SESSION)],
        "expired",
    ),
    "paid after all": (
        [
            (Signal.EXPIRED, SESSION),
            (Signal.SETTLEMENT_FAILED, SESSION),
            (Signal.PAID, SESSION),
            (Signal.PAID, INTENT),
        ],
        "completed",
    ),
}


def reports_of(payment: Payment, told: Sequence[Told]) -> list[Report]:
    return [report(payment, signal, of_intent=of_intent) for signal, of_intent in told]


@pytest.mark.parametrize("name", [name for name in HISTORIES if name != "paid after all"])
def test_every_order_of_what_stripe_tells_comes_to_the_same_end(
    database: Database, name: str
) -> None:
    told, status = HISTORIES[name]
    ends = set()

    for order in permutations(told):
        payment = new_payment(database)
        tell(database, *reports_of(payment, order))
        ends.add(end(database, payment.id))

    (only,) = ends
    assert only.status == status
    assert not only.settling
    assert only.review_reason is None
    assert (only.coins, only.rows) == ((1200, 1) if status == "completed" else (0, 0))


@with_database
@given(data=st.data(), name=st.sampled_from(sorted(HISTORIES)), opened=st.booleans())
def test_repetition_and_lost_notes_change_nothing(
    database: Database, data: st.DataObject, name: str, opened: bool
) -> None:
    told, status = HISTORIES[name]
    repeated = data.draw(st.lists(st.sampled_from(told), max_size=6))
    order = data.draw(st.permutations([*told, *repeated]))
    payment = new_payment(database, opened=opened)

    tell(database, *reports_of(payment, order))

    came_to = end(database, payment.id)
    assert came_to.status == status
    assert came_to.has_session
    assert (came_to.coins, came_to.rows) == ((1200, 1) if status == "completed" else (0, 0))
    tell(database, *reports_of(payment, order))
    assert end(database, payment.id) == came_to


@with_database
@given(
    st.lists(
        st.tuples(st.sampled_from(list(Signal)), st.booleans()).filter(
            lambda told: told[0] is not Signal.FREE
        ),
        max_size=8,
    )
)
def test_any_reports_at_all_credit_exactly_when_one_says_paid(
    database: Database, told: list[Told]
) -> None:
    payment = new_payment(database)
    paid = False

    for one, (signal, _) in zip(reports_of(payment, told), told, strict=True):
        tell(database, one)
        paid = paid or signal is Signal.PAID
        now = end(database, payment.id)
        assert (now.status == "completed") is paid
        assert now.completed is paid
        assert (now.coins, now.rows) == ((1200, 1) if paid else (0, 0))


def test_trap_1_reports_at_the_same_moment_credit_once(database: Database) -> None:
    payment = new_payment(database)
    told = [Signal.PAID, Signal.EXPIRED, Signal.SETTLING, Signal.DECLINED] * 6
    together = Barrier(len(told))

    def deliver(signal: Signal) -> bool:
        together.wait(30)
        with database.unit_of_work() as work:
            return fulfil(work, report(payment, signal)).created

    with ThreadPoolExecutor(len(told)) as pool:
        created = list(pool.map(deliver, told))

    assert created.count(True) == 1
    came_to = end(database, payment.id)
    assert (came_to.status, came_to.coins, came_to.rows) == ("completed", 1200, 1)


def test_a_repeat_returns_the_first_transaction(database: Database) -> None:
    payment = new_payment(database, bonus=0)
    with database.unit_of_work() as work:
        first = fulfil(work, report(payment, Signal.PAID))
    with database.unit_of_work() as work:
        again = fulfil(work, report(payment, Signal.PAID))

    assert first.created
    assert not again.created
    assert first.transaction is not None
    assert again.transaction is not None
    assert first.transaction.id == again.transaction.id
    assert first.transaction.description == "Purchased 1000 coins + 0 bonus"
    assert [coins for _, coins in first.transaction.grants] == [1000]


def test_signals_fire_once_and_only_after_the_commit(database: Database) -> None:
    payment = new_payment(database)
    seen: list[tuple[str, object]] = []

    def completed(_: object, payment: Payment) -> None:
        seen.append(("completed", payment.status))

    def credited(_: object, transaction: ledger.Transaction) -> None:
        seen.append(("credited", transaction.coins))

    with (
        signals.payment_completed.connected_to(completed),
        signals.coins_credited.connected_to(credited),
    ):
        with pytest.raises(ZeroDivisionError):
            tell_and_fail(database, report(payment, Signal.PAID))
        assert seen == []
        tell(database, report(payment, Signal.PAID), report(payment, Signal.PAID))

    assert seen == [("credited", 1200), ("completed", "completed")]


def tell_and_fail(database: Database, one: Report) -> None:
    with database.unit_of_work() as work:
        assert fulfil(work, one).created
        raise ZeroDivisionError


def test_trap_7_a_report_before_its_row_is_for_later(database: Database) -> None:
    stranger = replace(report(new_payment(database), Signal.PAID), payment_id=str(new_id()))

    with pytest.raises(RetryLater):
        tell(database, stranger)


@pytest.mark.parametrize("payment_id", [None, "", "7", "ord_1", "not-a-uuid"])
def test_trap_9_what_names_no_payment_of_ours_is_not_ours(
    database: Database, payment_id: str | None
) -> None:
    stranger = replace(
        report(new_payment(database), Signal.PAID), payment_id=payment_id, session_id="cs_test_x"
    )

    with database.unit_of_work() as work:
        assert fulfil(work, stranger).payment is None
        assert fulfil(work, replace(stranger, session_id=None)).payment is None


def test_a_session_without_our_metadata_is_found_by_its_id(database: Database) -> None:
    payment = new_payment(database)

    tell(database, replace(report(payment, Signal.PAID), payment_id=None, user_id=None))

    assert end(database, payment.id).coins == 1200


@pytest.mark.parametrize("intent_first", [True, False])
def test_the_session_that_was_paid_counts_where_stripe_made_two(
    database: Database, intent_first: bool
) -> None:
    payment = new_payment(database)
    by_session = replace(report(payment, Signal.PAID), session_id=f"cs_test_lost_{payment.id.hex}")
    by_intent = report(payment, Signal.PAID, of_intent=True)

    tell(database, *([by_intent, by_session] if intent_first else [by_session, by_intent]))
    tell(database, report(payment, Signal.EXPIRED))

    with database.unit_of_work() as work:
        after = find_payment(work, str(payment.id))
    assert after is not None
    assert (after.status, after.review_reason) == ("completed", None)
    assert after.session_id == by_session.session_id
    assert end(database, payment.id).coins == 1200


def test_a_paid_session_of_another_order_is_for_a_person(database: Database) -> None:
    payment, other = new_payment(database), new_payment(database)

    tell(
        database,
        replace(
            report(payment, Signal.PAID), session_id=other.session_id or f"cs_test_{other.id.hex}"
        ),
    )

    with database.unit_of_work() as work:
        after = find_payment(work, str(payment.id))
    assert after is not None
    assert "which is the session of payment" in (after.review_reason or "")
    assert end(database, payment.id).coins == 0


def test_trap_10_the_other_mode_is_not_ours(database: Database) -> None:
    payment = new_payment(database)

    with database.unit_of_work() as work:
        assert fulfil(work, replace(report(payment, Signal.PAID), livemode=True)).payment is None

    assert end(database, payment.id).coins == 0


def test_trap_4_what_went_to_a_person_is_credited_by_nobody_else(
    database: Database,
) -> None:
    payment = new_payment(database)
    good = report(payment, Signal.PAID)

    tell(database, replace(good, amount_minor=1), replace(good, amount_minor=2))
    disputed = end(database, payment.id)
    tell(database, good)

    assert (disputed.status, disputed.coins) == ("pending", 0)
    assert disputed.review_reason is not None
    assert "took 1 usd" in disputed.review_reason
    after = end(database, payment.id)
    assert (after.status, after.coins) == ("pending", 0)
    assert after.review_reason == disputed.review_reason


def test_a_second_payment_for_one_order_is_for_review_and_credits_nothing(
    database: Database,
) -> None:
    payment = new_payment(database)
    good = report(payment, Signal.PAID)

    tell(database, good, replace(good, payment_intent_id="pi_second"), good)

    came_to = end(database, payment.id)
    assert (came_to.status, came_to.coins, came_to.rows) == ("completed", 1200, 1)
    assert came_to.review_reason == "paid a second time, by pi_second"


@pytest.mark.parametrize("status", ["partially_refunded", "refunded", "disputed"])
@pytest.mark.parametrize("signal", [one for one in Signal if one is not Signal.FREE])
def test_late_reports_leave_what_came_after_completion(
    database: Database, status: str, signal: Signal
) -> None:
    payment = new_payment(database)
    tell(database, report(payment, Signal.PAID))
    with psycopg.connect(database.conninfo) as connection:
        connection.execute("UPDATE coinpurse.payment_sessions SET status = %s", [status])

    tell(database, report(payment, signal))

    came_to = end(database, payment.id)
    assert (came_to.status, came_to.coins, came_to.rows) == (status, 1200, 1)


def test_a_row_that_contradicts_its_credit_is_a_bug_and_says_so(database: Database) -> None:
    payment = new_payment(database)
    tell(database, report(payment, Signal.PAID))
    with psycopg.connect(database.conninfo) as connection:
        connection.execute("UPDATE coinpurse.payment_sessions SET coins = 5000")

    with pytest.raises(LedgerInvariantBroken, match=str(payment.id)):
        tell(database, report(payment, Signal.PAID))

    assert end(database, payment.id).coins == 1200


def test_payments_are_listed_newest_first(database: Database) -> None:
    first, second = new_payment(database), new_payment(database)
    tell(database, report(first, Signal.PAID), replace(report(second, Signal.PAID), currency="eur"))

    with database.unit_of_work() as work:
        listed = all_payments(work, status=None, in_review=False, limit=10)
        assert [payment.id for payment in listed] == [second.id, first.id]
        assert len(all_payments(work, status=None, in_review=False, limit=1)) == 1
        (done,) = all_payments(work, status="completed", in_review=False, limit=10)
        (review,) = all_payments(work, status=None, in_review=True, limit=10)
        assert [payment.id for payment in payments_of(work, first.user_id, limit=10)] == [first.id]
        by_session = find_payment(work, f"cs_test_{first.id.hex}")
        assert find_payment(work, str(first.id)) == done == by_session
        assert find_payment(work, "cs_test_nothing") is None
        assert find_payment(work, str(new_id())) is None
    assert (done.id, review.id) == (first.id, second.id)
