"""What is done about one difference: the ways that events go, `fulfil` and the look-up of what came after.

A finding is written in the transaction of its repair, so that an interrupted run loses neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from coinpurse.db import UnitOfWork
from coinpurse.db.installation import get_installation
from coinpurse.errors import RetryLater
from coinpurse.ports import (
    AfterSale,
    BalanceTransaction,
    CheckoutSession,
    Dispute,
    FraudWarning,
    Refund,
)
from coinpurse.purchases import (
    Payment,
    announce_review,
    fulfil,
    report_of_intent,
    report_of_session,
)
from coinpurse.purchases import store as payments
from coinpurse.purchases.rules import Report, Signal
from coinpurse.reconciliation import store
from coinpurse.reconciliation.books import Books
from coinpurse.reconciliation.rules import difference, find_pack, read_lost

# Stripe's sessions end within a day; one that never got its address by then never will.
OPENING_TIME = timedelta(hours=26)
# How the mark of any installation begins.
MARK = "coinpurse_"
# How an intent stands whose delayed payment has come to nothing.
UNSETTLED = ("requires_payment_method", "canceled")
MISSED: Mapping[type[object], str] = {
    Refund: "refund_missed",
    Dispute: "dispute_missed",
    FraudWarning: "warning_missed",
}


def compare(books: Books, payment: Payment, session: CheckoutSession) -> None:
    """Hold a payment against its session at Stripe, and fulfil what Stripe says."""
    report = _report(books, payment, session)
    kind = difference(payment, report)
    if kind == "credited_not_paid":
        # The buyer may have paid after the list was made and before the row was read.
        session = books.pace.ask(lambda: books.gateway.get_checkout_session(session.id))
        kind = difference(payment, report_of_session(session))
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


def rebuild(books: Books, session: CheckoutSession) -> None:
    """Write a lost row again from what we had given Stripe, and fulfil it; as after a restored backup."""
    report = report_of_session(session)
    if report.signal is Signal.EXPIRED:
        return
    lost = read_lost(session)
    with books.database.unit_of_work() as work:
        own = session.integration_identifier == get_installation(work)
        if not own and (session.integration_identifier or "").startswith(MARK):
            # Another installation on the same account at Stripe sold it.
            return
        if lost is None or not own:
            detail = (
                "it does not say which installation sold it; nothing was credited"
                if lost
                else "its metadata does not hold together; nothing was credited"
            )
            books.note(work, "payment_missing", session.id, detail)
            return
        detail = f"{lost.coins} + {lost.bonus} coins for {session.amount_minor} {session.currency} (minor units)"
        repaired = False
        if books.run.repairing:
            pack = find_pack(books.catalog, lost, session)
            odd = "its row was lost, and no pack in the catalog is what was sold"
            rebuilt = payments.rebuild(
                work,
                id=lost.id,
                session_id=session.id,
                user_id=lost.user_id,
                pack_sku=pack.sku if pack else "unknown",
                coins=lost.coins,
                bonus=lost.bonus,
                amount_minor=session.amount_minor,
                currency=session.currency,
                livemode=session.livemode,
                review_reason=None if pack else odd,
                review_intent_id=None if pack else session.payment_intent_id,
                created_at=session.created_at,
                first_bonus=lost.bonus - pack.bonus if pack else 0,
                bonus_expires_days=pack.bonus_expires_days if pack and lost.bonus else None,
            )
            if pack:
                changed = fulfil(work, report, spend_order=books.spend_order).payment
                repaired = changed is not None and not changed.is_in_review
            elif rebuilt is not None:
                announce_review(work, replace(rebuilt, review_reason=None), rebuilt)
        books.note(
            work, "payment_missing", session.id, detail, payment_id=lost.id, repaired=repaired
        )


def give_up_unopened(books: Books, payment: Payment) -> None:
    """End a payment that Stripe never opened a session for; a young one may still be opened."""
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


def follow(books: Books, intent_id: str | None) -> None:
    """Look a payment up, and take in what we did not know."""
    assert intent_id is not None
    seen = books.pace.ask(lambda: books.after_sales.look_up(intent_id))
    items: list[Refund | Dispute | FraudWarning] = [
        *seen.found.refunds,
        *seen.found.disputes,
        *seen.found.warnings,
    ]
    with books.database.unit_of_work() as work:
        known = _known(work, seen.found)
        missed = [item for item in items if known.get(item.id) != facts(item)]
        if not missed:
            return
        payment = None
        if books.run.repairing:
            try:
                with work.savepoint():
                    payment = books.after_sales.apply(work, seen)
            except RetryLater:
                payment = None
        after = _known(work, seen.found)
        for item in missed:
            books.note(
                work,
                MISSED[type(item)],
                item.id,
                f"{getattr(item, 'status', 'warning')}, about {intent_id}",
                payment_id=seen.payment_id if payment is None else payment.id,
                repaired=payment is not None and after.get(item.id) == facts(item),
            )


def _known(work: UnitOfWork, found: AfterSale) -> dict[str, tuple[object, ...]]:
    return {
        **store.known_refunds(work, [each.id for each in found.refunds]),
        **store.known_disputes(work, [each.id for each in found.disputes]),
        **store.known_warnings(work, [each.id for each in found.warnings]),
    }


def compare_charge(books: Books, payment: Payment, entry: BalanceTransaction) -> None:
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


def facts(item: Refund | Dispute | FraudWarning) -> tuple[object, ...]:
    """What of an item must be as we know it."""
    match item:
        case Refund():
            return item.status, item.amount_minor
        case Dispute():
            return item.status, item.amount_minor, item.withdrawn_minor, item.reinstated_minor
        case _:
            return ()
