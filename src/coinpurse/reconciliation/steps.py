"""What a reconciliation compares, list by list. Each step takes one page and says where the next begins.

Repairs go the ways that events go: `fulfil` for what was paid, a look-up for what came after. A finding is written
in the transaction of its repair, so that an interrupted run loses neither.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from coinpurse.catalog import Catalog
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import GatewayError, RetryLater
from coinpurse.inbox import HANDLED_TYPES, Inbox
from coinpurse.ledger import SpendOrder
from coinpurse.ports import (
    BalanceTransaction,
    CheckoutSession,
    Dispute,
    FraudWarning,
    Page,
    Refund,
    StripeEvent,
    StripeGateway,
)
from coinpurse.purchases import Payment, fulfil, report_of_intent, report_of_session
from coinpurse.purchases import store as payments
from coinpurse.purchases.rules import Report, Signal
from coinpurse.reconciliation import store
from coinpurse.reconciliation.rules import (
    LEFT,
    Finding,
    difference,
    find_sku,
    read_lost,
)
from coinpurse.reconciliation.store import Run
from coinpurse.refunds import AfterSales

FIRST_ID = UUID(int=0)
TRIES = 7
LONGEST_PAUSE_SECONDS = 20.0
# Stripe's sessions end within a day; one that never got its address by then never will.
OPENING_TIME = timedelta(hours=26)
# How an intent stands whose delayed payment has come to nothing.
UNSETTLED = ("requires_payment_method", "canceled")

Answer = TypeVar("Answer")
After = TypeVar("After", Refund, Dispute, FraudWarning)


@dataclass(frozen=True, slots=True)
class Step:
    """The end of one page. count: how many things it looked at. cursor: None after the last page."""

    count: int
    cursor: str | None


class Pace:
    """Keeps calls under Stripe's rate limit. per_second: None for as fast as it goes."""

    def __init__(self, per_second: float | None) -> None:
        self._gap_seconds = 0.0 if per_second is None else 1 / per_second
        self._next = 0.0

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """Make a call when it is its turn, again where Stripe is busy or away. Raises GatewayError in the end."""
        for attempt in range(1, TRIES + 1):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._gap_seconds
            try:
                return call()
            except GatewayError as error:
                if not error.retryable or attempt == TRIES:
                    raise
            pause = min(0.5 * 2**attempt, LONGEST_PAUSE_SECONDS)
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  Only spreads the calls.
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True, slots=True)
class Books:
    """What the steps work on: Stripe, our books and the run."""

    database: Database
    gateway: StripeGateway
    after_sales: AfterSales
    inbox: Inbox
    catalog: Catalog
    spend_order: SpendOrder
    pace: Pace
    run: Run

    def note(
        self,
        work: UnitOfWork,
        kind: str,
        subject: str,
        detail: str,
        *,
        payment_id: UUID | None = None,
        repaired: bool = False,
    ) -> None:
        """Write a finding down."""
        outcome = store.outcome_of(self.run, repaired=repaired)
        store.add_finding(work, self.run, Finding(kind, subject, payment_id, detail, outcome))


def compare_sessions(books: Books, cursor: str | None) -> Step:
    """Every checkout that Stripe has had since then, against our rows."""
    page = books.pace.ask(
        lambda: books.gateway.list_page(CheckoutSession, since=books.run.since, cursor=cursor)
    )
    sessions = [
        session
        for session in page.items
        if session.mode == "payment" and session.livemode == books.gateway.livemode
    ]
    named = {session.id: _uuid(session.metadata.get("payment_id")) for session in sessions}
    with books.database.unit_of_work() as work:
        found = payments.matching(work, [id_ for id_ in named.values() if id_], list(named))
    by_id = {payment.id: payment for payment in found}
    by_session = {payment.session_id: payment for payment in found}
    seen = []
    for session in sessions:
        payment = by_id.get(named[session.id] or FIRST_ID) or by_session.get(session.id)
        if payment is not None:
            seen.append(payment.id)
            _compare(books, payment, session)
        elif "payment_id" in session.metadata:
            _rebuild(books, session)
    _note_unreadable(books, "checkout session", page)
    with books.database.unit_of_work() as work:
        payments.mark_reconciled(work, seen, at=books.run.started_at)
    return Step(len(page.items), page.next_cursor)


def compare_payments(books: Books, cursor: str | None) -> Step:
    """Our payments that Stripe's list did not show: open ones of any age, and those that were credited."""
    with books.database.unit_of_work() as work:
        page = payments.unreconciled(
            work,
            after=_uuid(cursor) or FIRST_ID,
            since=books.run.since,
            at=books.run.started_at,
            limit=store.PAGE,
        )
    for payment in page:
        if payment.session_id is None:
            _give_up_unopened(books, payment)
            continue
        known = payment.session_id
        try:
            session = books.pace.ask(lambda known=known: books.gateway.get_checkout_session(known))  # type: ignore[misc]
        except GatewayError as error:
            if error.retryable:
                raise
            with books.database.unit_of_work() as work:
                books.note(work, "session_unknown", known, str(error), payment_id=payment.id)
            continue
        _compare(books, payment, session)
    with books.database.unit_of_work() as work:
        payments.mark_reconciled(work, [each.id for each in page], at=books.run.started_at)
    return Step(len(page), str(page[-1].id) if len(page) == store.PAGE else None)


def follow_refunds(books: Books, cursor: str | None) -> Step:
    """Every refund since then."""
    return _follow_list(books, Refund, cursor)


def follow_disputes(books: Books, cursor: str | None) -> Step:
    """Every dispute since then."""
    return _follow_list(books, Dispute, cursor)


def follow_warnings(books: Books, cursor: str | None) -> Step:
    """Every fraud warning since then."""
    return _follow_list(books, FraudWarning, cursor)


def follow_moving(books: Books, cursor: str | None) -> Step:
    """Refunds and disputes of any age that we know and that have not ended."""
    with books.database.unit_of_work() as work:
        page = store.moving(work, after=_uuid(cursor) or FIRST_ID)
    for row in page:
        _follow(books, row.payment_intent_id)
    return Step(len(page), str(page[-1].id) if len(page) == store.PAGE else None)


def compare_balance(books: Books, cursor: str | None) -> Step:
    """What moved our balance at Stripe: the money itself, whatever the lists above have shown."""
    page = books.pace.ask(
        lambda: books.gateway.list_page(BalanceTransaction, since=books.run.since, cursor=cursor)
    )
    by_intent = _payments_of(books, page.items)
    sources = [entry.source_id for entry in page.items if entry.source_id is not None]
    with books.database.unit_of_work() as work:
        known = {
            **store.known_refunds(work, sources),
            **store.known_disputes(work, sources),
        }
    for entry in page.items:
        payment = by_intent.get(entry.payment_intent_id or "")
        if payment is None or entry.source_id is None:
            continue
        if entry.type in ("charge", "payment"):
            _compare_charge(books, payment, entry)
        elif entry.type in SOURCES_AFTER_SALE and entry.source_id not in known:
            _follow(books, entry.payment_intent_id)
    return Step(len(page.items), page.next_cursor)


def take_events(books: Books, cursor: str | None) -> Step:
    """Events of the last 30 days that Stripe could not deliver, and that we do not have."""
    page = books.pace.ask(
        lambda: books.gateway.list_page(StripeEvent, since=books.run.since, cursor=cursor)
    )
    ours = [event for event in page.items if event.type in HANDLED_TYPES]
    with books.database.unit_of_work() as work:
        known = store.known_events(work, [event.id for event in ours])
    for event in ours:
        if event.id in known or event.livemode != books.gateway.livemode:
            continue
        if not books.run.repairing:
            with books.database.unit_of_work() as work:
                books.note(work, "event_missed", event.id, event.type)
            continue
        stored = books.inbox.take(event)
        # What is another application's was never ours to miss.
        if stored.state in ("processed", "failed", "dead"):
            with books.database.unit_of_work() as work:
                books.note(
                    work,
                    "event_missed",
                    event.id,
                    event.type,
                    repaired=stored.state == "processed",
                )
    return Step(len(page.items), page.next_cursor)


def retry_events(books: Books, cursor: str | None) -> Step:
    """Events in the inbox that have failed so far: what they needed may be there now."""
    with books.database.unit_of_work() as work:
        page = store.stuck_events(work, after=cursor or "")
    for row in page:
        state = books.inbox.process(row.id).state if books.run.repairing else ""
        with books.database.unit_of_work() as work:
            books.note(
                work,
                "event_stuck",
                row.id,
                row.type,
                repaired=state not in ("failed", "dead", "received"),
            )
    return Step(len(page), page[-1].id if len(page) == store.PAGE else None)


def list_reviews(books: Books, cursor: str | None) -> Step:
    """Payments that only a person can settle."""
    with books.database.unit_of_work() as work:
        page = store.reviews(work, after=_uuid(cursor) or FIRST_ID)
        for row in page:
            books.note(work, "needs_review", str(row.id), row.review_reason, payment_id=row.id)
    return Step(len(page), str(page[-1].id) if len(page) == store.PAGE else None)


# In this order: what was paid first, then what came after, then the money, then what is left over.
STEPS: Mapping[str, Callable[[Books, str | None], Step]] = {
    "sessions": compare_sessions,
    "payments": compare_payments,
    "refunds": follow_refunds,
    "disputes": follow_disputes,
    "warnings": follow_warnings,
    "moving": follow_moving,
    "balance": compare_balance,
    "events": take_events,
    "stuck_events": retry_events,
    "reviews": list_reviews,
}
SOURCES_AFTER_SALE = ("refund", "payment_refund", "refund_failure", "adjustment")
MISSED: Mapping[type[object], str] = {
    Refund: "refund_missed",
    Dispute: "dispute_missed",
    FraudWarning: "warning_missed",
}


def _compare(books: Books, payment: Payment, session: CheckoutSession) -> None:
    report = _report(books, payment, session)
    kind = difference(payment, report)
    if payment.session_id not in (None, session.id):
        # A second session of one order matters once it is paid.
        paid = report.signal is Signal.PAID and payment.review_intent_id != report.payment_intent_id
        kind = "paid_not_credited" if paid else None
    if kind is None or (payment.is_in_review and not payment.is_credited):
        return
    detail = f"{session.id} is {session.status}, {session.payment_status}; the payment is {payment.status}"
    with books.database.unit_of_work() as work:
        if books.run.repairing and kind != "credited_not_paid":
            changed = fulfil(work, report, spend_order=books.spend_order).payment
            repaired = changed is not None and not changed.is_in_review
        else:
            repaired = False
        books.note(work, kind, session.id, detail, payment_id=payment.id, repaired=repaired)


def _report(books: Books, payment: Payment, session: CheckoutSession) -> Report:
    """Read a session. Whether a delayed payment is still under way, only its intent says."""
    report = report_of_session(session)
    intent_id = session.payment_intent_id
    if report.signal is not Signal.SETTLING or payment.status != "pending" or intent_id is None:
        return report
    intent = books.pace.ask(lambda: books.gateway.get_payment_intent(intent_id))
    return report_of_session(session, settlement_failed=intent.status in UNSETTLED)


def _rebuild(books: Books, session: CheckoutSession) -> None:
    """Write a lost row again from what we had given Stripe, and fulfil it; as after a restored backup."""
    report = report_of_session(session)
    if report.signal is Signal.EXPIRED:
        return
    lost = read_lost(session)
    with books.database.unit_of_work() as work:
        if lost is None:
            detail = "its metadata does not hold together; nothing was credited"
            books.note(work, "payment_missing", session.id, detail)
            return
        detail = f"{lost.coins} + {lost.bonus} coins for {session.amount_minor} {session.currency} (minor units)"
        repaired = False
        if books.run.repairing:
            sku = find_sku(books.catalog, lost, session)
            odd = "its row was lost, and no pack in the catalog is what was sold"
            payments.rebuild(
                work,
                id=lost.id,
                session_id=session.id,
                user_id=lost.user_id,
                pack_sku=sku or "unknown",
                coins=lost.coins,
                bonus=lost.bonus,
                amount_minor=session.amount_minor,
                currency=session.currency,
                livemode=session.livemode,
                review_reason=None if sku else odd,
                review_intent_id=None if sku else session.payment_intent_id,
                created_at=session.created_at,
            )
            if sku:
                changed = fulfil(work, report, spend_order=books.spend_order).payment
                repaired = changed is not None and not changed.is_in_review
        books.note(
            work, "payment_missing", session.id, detail, payment_id=lost.id, repaired=repaired
        )


def _give_up_unopened(books: Books, payment: Payment) -> None:
    if payment.status != "pending" or books.run.started_at - payment.created_at < OPENING_TIME:
        return
    with books.database.unit_of_work() as work:
        if books.run.repairing:
            payments.failed(work, payment.id, "Stripe never opened the checkout")
        books.note(
            work,
            "never_opened",
            str(payment.id),
            "Stripe has no session for it",
            payment_id=payment.id,
            repaired=True,
        )


def _follow_list(books: Books, kind: type[After], cursor: str | None) -> Step:
    page: Page[After] = books.pace.ask(
        lambda: books.gateway.list_page(kind, since=books.run.since, cursor=cursor)
    )
    ours = _payments_of(books, page.items)
    with books.database.unit_of_work() as work:
        known = _known(work, kind, page.items)
    intents = {
        item.payment_intent_id
        for item in page.items
        if known.get(item.id) != _facts(item) and _is_ours(item, ours)
    }
    for intent_id in sorted(intents - {None}, key=str):
        _follow(books, intent_id)
    _note_unreadable(books, kind.__name__, page)
    return Step(len(page.items), page.next_cursor)


def _follow(books: Books, intent_id: str | None) -> None:
    """Look a payment up, and take in what we did not know."""
    assert intent_id is not None
    seen = books.pace.ask(lambda: books.after_sales.look_up(intent_id))
    items: list[Refund | Dispute | FraudWarning] = [
        *seen.found.refunds,
        *seen.found.disputes,
        *seen.found.warnings,
    ]
    with books.database.unit_of_work() as work:
        known = {
            **store.known_refunds(work, [each.id for each in seen.found.refunds]),
            **store.known_disputes(work, [each.id for each in seen.found.disputes]),
            **store.known_warnings(work, [each.id for each in seen.found.warnings]),
        }
        missed = [item for item in items if known.get(item.id) != _facts(item)]
        if not missed:
            return
        payment = None
        if books.run.repairing:
            try:
                with work.savepoint():
                    payment = books.after_sales.apply(work, seen)
            except RetryLater:
                payment = None
        for item in missed:
            books.note(
                work,
                MISSED[type(item)],
                item.id,
                f"{getattr(item, 'status', 'warning')}, about {intent_id}",
                payment_id=seen.payment_id if payment is None else payment.id,
                repaired=payment is not None,
            )


def _compare_charge(books: Books, payment: Payment, entry: BalanceTransaction) -> None:
    """The money of a sale: was it credited, and was it the price, where the currencies allow to say so?"""
    intent_id = entry.payment_intent_id
    assert intent_id is not None
    if not payment.is_credited and payment.review_reason is None:
        intent = books.pace.ask(lambda: books.gateway.get_payment_intent(intent_id))
        report = report_of_intent(intent)
        if report.signal is not Signal.PAID:
            return
        with books.database.unit_of_work() as work:
            changed = None
            if books.run.repairing:
                changed = fulfil(work, report, spend_order=books.spend_order).payment
            books.note(
                work,
                "paid_not_credited",
                intent_id,
                f"{entry.id} brought {entry.amount_minor} {entry.currency}",
                payment_id=payment.id,
                repaired=changed is not None and changed.is_credited,
            )
    price = payment.price
    if (
        entry.currency == price.currency
        and entry.amount_minor != price.amount_minor
        and payment.review_reason is None
    ):
        with books.database.unit_of_work() as work:
            books.note(
                work,
                "amount_different",
                entry.id,
                f"{entry.amount_minor} came, the price was {price.amount_minor} {price.currency}",
                payment_id=payment.id,
            )


def _note_unreadable(books: Books, name: str, page: Page[Any]) -> None:
    with books.database.unit_of_work() as work:
        for object_id in page.unreadable_ids:
            store.add_finding(
                work, books.run, Finding("unreadable", object_id, None, f"a {name}", LEFT)
            )


def _payments_of(
    books: Books, items: Sequence[Refund | Dispute | FraudWarning | BalanceTransaction]
) -> dict[str, Payment]:
    intents = [item.payment_intent_id for item in items if item.payment_intent_id is not None]
    with books.database.unit_of_work() as work:
        return {
            payment.payment_intent_id: payment
            for payment in payments.of_intents(work, intents)
            if payment.payment_intent_id is not None
        }


def _known(
    work: UnitOfWork, kind: type[object], items: Iterable[Refund | Dispute | FraudWarning]
) -> dict[str, tuple[object, ...]]:
    read = {
        Refund: store.known_refunds,
        Dispute: store.known_disputes,
        FraudWarning: store.known_warnings,
    }[kind]
    return read(work, [item.id for item in items])


def _facts(item: Refund | Dispute | FraudWarning) -> tuple[object, ...]:
    """What of an item must be as we know it."""
    return () if isinstance(item, FraudWarning) else (item.status, item.amount_minor)


def _is_ours(item: Refund | Dispute | FraudWarning, ours: Mapping[str, Payment]) -> bool:
    metadata = item.metadata if isinstance(item, Refund) else {}
    return item.payment_intent_id in ours or "payment_id" in metadata


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
