"""What a reconciliation compares, list by list. Each step takes one page and says where the next begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.errors import GatewayError
from coinpurse.inbox import HANDLED_TYPES
from coinpurse.ports import (
    BalanceTransaction,
    CheckoutSession,
    Dispute,
    FraudWarning,
    Page,
    Refund,
    StripeEvent,
)
from coinpurse.purchases import Payment
from coinpurse.purchases import store as payments
from coinpurse.reconciliation import store
from coinpurse.reconciliation.books import Books
from coinpurse.reconciliation.repairs import (
    compare,
    compare_charge,
    facts,
    follow,
    give_up_unopened,
    rebuild,
)
from coinpurse.reconciliation.rules import LEFT, Finding
from coinpurse.refunds.rules import RETURNED

FIRST_ID = UUID(int=0)
After = TypeVar("After", Refund, Dispute, FraudWarning)


@dataclass(frozen=True, slots=True)
class Step:
    """The end of one page. count: how many things it looked at. cursor: None after the last page."""

    count: int
    cursor: str | None


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
            compare(books, payment, session)
        elif "payment_id" in session.metadata:
            rebuild(books, session)
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
            give_up_unopened(books, payment)
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
        compare(books, payment, session)
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
        follow(books, row.payment_intent_id)
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
            compare_charge(books, payment, entry)
        elif entry.type in SOURCES_AFTER_SALE and _is_news(entry, known.get(entry.source_id)):
            follow(books, entry.payment_intent_id)
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
        state = books.inbox.process(row.id, counts=False).state if books.run.repairing else ""
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
SOURCES_AFTER_SALE = (
    *("refund", "payment_refund", "refund_failure", "payment_failure_refund"),
    "adjustment",
)


def _is_news(entry: BalanceTransaction, known: tuple[object, ...] | None) -> bool:
    """Whether what moved the balance is not known, or has not been known to come back."""
    if known is None:
        return True
    if entry.type == "refund_failure":
        return known[0] not in RETURNED
    return entry.reporting_category == "dispute_reversal" and known[-1] == 0


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
        if known.get(item.id) != facts(item) and _is_ours(item, ours)
    }
    for intent_id in sorted(intents - {None}, key=str):
        follow(books, intent_id)
    _note_unreadable(books, kind.__name__, page)
    return Step(len(page.items), page.next_cursor)


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


def _is_ours(item: Refund | Dispute | FraudWarning, ours: Mapping[str, Payment]) -> bool:
    metadata = item.metadata if isinstance(item, Refund) else {}
    return item.payment_intent_id in ours or "payment_id" in metadata


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
