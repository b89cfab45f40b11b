"""Buying: start a checkout, fulfil what Stripe reports, follow the status, cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from coinpurse import ledger, outbox, signals
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import (
    Forbidden,
    GatewayError,
    IdempotencyConflict,
    LedgerInvariantBroken,
    NotFound,
    RetryLater,
)
from coinpurse.ledger import NewGrant, SpendOrder, Transaction
from coinpurse.ports import StripeGateway
from coinpurse.purchases import store
from coinpurse.purchases.checkouts import Checkouts, StartedCheckout
from coinpurse.purchases.rules import (
    Payment,
    Report,
    Signal,
    facts_of,
    next_status,
    objection,
    report_of_session,
)
from coinpurse.purchases.store import all_payments, find_by_intent, payments_of
from coinpurse.purchases.store import save as save_payment

__all__ = ["StartedCheckout", "all_payments", "find_by_intent", "payments_of", "save_payment"]

# How often one payment is looked up at Stripe, whoever asks for its status and however often.
CHECK_INTERVAL_SECONDS = 3.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """What a report did. payment: None where it is not ours. transaction: the credit, first or repeated."""

    payment: Payment | None
    transaction: Transaction | None = None
    created: bool = False


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """A payment as its buyer sees it. new_balance: of the wallet now; None unless completed."""

    payment: Payment
    new_balance: int | None


class Purchases(Checkouts):
    """The use cases that talk to Stripe. Stripe is never called while a transaction is open."""

    def __init__(
        self, database: Database, gateway: StripeGateway, spend_order: SpendOrder = "bonus_first"
    ) -> None:
        super().__init__(database, gateway)
        self._spend_order = spend_order

    def status(self, session_id: str, user_id: str) -> PaymentStatus:
        """Return the payment's status; a pending one may be looked up at Stripe, and is then fulfilled.

        Raises NotFound and Forbidden.
        """
        payment = self._owned(session_id, user_id)
        if payment.status == "pending" and self._take_turn(payment):
            self._refresh(payment, session_id)
        with self._database.unit_of_work() as work:
            payment = store.find(work, payment.id) or payment
            completed = payment.status == "completed"
            balance = ledger.get_wallet(work, user_id).balance if completed else None
        return PaymentStatus(payment, balance)

    def cancel(self, session_id: str, user_id: str) -> PaymentStatus:
        """Close the checkout at Stripe so that it cannot be paid any more, and return how it ended.

        A payment that went through first stays paid. Raises NotFound, Forbidden and GatewayError.
        """
        payment = self._owned(session_id, user_id)
        if payment.status == "pending":
            self._close(payment)
        return self.status(session_id, user_id)

    def _close(self, payment: Payment) -> None:
        assert payment.session_id is not None
        with self._database.unit_of_work() as work:
            store.cancel_requested(work, payment.id)
        try:
            session = self._gateway.expire_checkout_session(payment.session_id)
        except GatewayError as error:
            if error.retryable:
                raise
            # No longer open: paid, expired or settling. What it is, Stripe says.
            session = self._gateway.get_checkout_session(payment.session_id)
        with self._database.unit_of_work() as work:
            fulfil(work, report_of_session(session), spend_order=self._spend_order)

    def _owned(self, session_id: str, user_id: str) -> Payment:
        with self._database.unit_of_work() as work:
            payment = store.find_by_session(work, session_id)
        if payment is None:
            raise NotFound("payment", session_id)
        if payment.user_id != user_id:
            raise Forbidden("This payment belongs to another user.")
        return payment

    def _take_turn(self, payment: Payment) -> bool:
        with self._database.unit_of_work() as work:
            return store.may_check(work, payment.id, interval_seconds=CHECK_INTERVAL_SECONDS)

    def _refresh(self, payment: Payment, session_id: str) -> None:
        try:
            session = self._gateway.get_checkout_session(session_id)
            with self._database.unit_of_work() as work:
                fulfil(work, report_of_session(session), spend_order=self._spend_order)
        except (GatewayError, RetryLater) as error:
            # The look-up only hurries what the webhook will bring; without it the status is the last known.
            log.warning(
                "status.look_up_failed",
                payment_id=str(payment.id),
                session_id=session_id,
                error=str(error),
            )


def find_payment(work: UnitOfWork, id_or_session: str) -> Payment | None:
    """Return a payment by our id or by Stripe's session id."""
    named = _uuid(id_or_session)
    return store.find(work, named) if named else store.find_by_session(work, id_or_session)


def lock_payment(work: UnitOfWork, payment_id: UUID) -> Payment:
    """Return a payment, held to the end of the work. Raises NotFound."""
    payment = store.lock(work, payment_id)
    if payment is None:
        raise NotFound("payment", str(payment_id))
    return payment


def fulfil(
    work: UnitOfWork, report: Report, *, spend_order: SpendOrder = "bonus_first"
) -> Fulfilment:
    """Apply a report to the payment that it is about, and credit the buyer's wallet when it says paid.

    Safe to repeat and to run concurrently: later calls return the first transaction with created=False.
    The caller commits. The payment is None where the report is about somebody else's.
    Raises RetryLater while our payment row is not visible yet.
    Source: Stripe's fulfilment guide; decision "One fulfil".
    """
    payment = _find_locked(work, report)
    if payment is None or payment.livemode != report.livemode:
        return Fulfilment(payment=None)
    changed = replace(
        payment,
        status=next_status(payment, report.signal),
        session_id=payment.session_id or report.session_id,
        payment_intent_id=(payment.completed_at is None and report.payment_intent_id)
        or payment.payment_intent_id,
        buyer_email=payment.buyer_email or report.buyer_email,
    )
    transaction = None
    if report.signal in (Signal.PAID, Signal.FREE):
        reason = _other_s_session(work, payment, report) or objection(payment, report)
        if reason is None:
            # Stripe may have made two sessions for one order, where its first answer was lost. The paid one counts.
            paid = replace(changed, session_id=report.session_id or payment.session_id)
            transaction, changed = credit(work, paid, spend_order)
        else:
            unchanged = replace(changed, status=payment.status, session_id=payment.session_id)
            changed = _for_review(unchanged, reason, report)
    elif report.signal is Signal.DECLINED:
        changed = _declined(changed, report)
    elif payment.status == "pending":
        changed = _still_unpaid(changed, report)
    if changed != payment:
        store.save(work, changed)
        announce_review(work, payment, changed)
        if (payment.status, changed.status) == ("pending", "failed"):
            _announce(work, "payment.failed", changed, cause=str(payment.id))
    return Fulfilment(changed, transaction, created=transaction is not None and transaction.created)


def credit(
    work: UnitOfWork, payment: Payment, spend_order: SpendOrder
) -> tuple[Transaction, Payment]:
    """Credit what was sold, once for each payment; the payment that comes back has yet to be saved.

    The payment is locked, and the caller knows that its coins are due.
    """
    if payment.bonus_expires_days is not None and payment.completed_at is None:
        # Noted first: the expiry belongs to what the credit's key stands for, and a repeat must say the same.
        payment = replace(payment, completed_at=store.now(work))
    transaction = _credit(work, payment, spend_order)
    credited = replace(
        payment,
        transaction_id=transaction.id,
        completed_at=payment.completed_at or transaction.created_at,
        settling_at=None,
    )
    if transaction.created:
        log.info("purchase.fulfilled", payment_id=str(payment.id), coins=transaction.coins)
        signals.send_after_commit(
            work, signals.payment_completed, transaction_id=transaction.id, payment=credited
        )
        _announce(work, "payment.completed", credited, cause=str(payment.id))
    return transaction, credited


def announce_review(work: UnitOfWork, before: Payment, now: Payment) -> None:
    """Tell that a payment has come to need a person, or needs one for a new reason."""
    reason, intent_id = now.review_reason, now.review_intent_id
    asked_before = before.is_in_review and (before.review_reason, before.review_intent_id)
    if now.is_in_review and asked_before != (reason, intent_id):
        # A review may be asked for again, for the same reason, after one was settled.
        settled = before.reviewed_at.isoformat() if before.reviewed_at else ""
        cause = f"{now.id}:{intent_id}:{reason}:{settled}"
        _announce(work, "payment.in_review", now, cause=cause, reason=reason)


def _announce(
    work: UnitOfWork, type_: str, payment: Payment, *, cause: str, **facts: object
) -> None:
    outbox.announce(
        work,
        type_,
        cause=cause,
        user_id=payment.user_id,
        payment_id=payment.id,
        facts={**facts_of(payment), **facts},
    )


def _find_locked(work: UnitOfWork, report: Report) -> Payment | None:
    named = _uuid(report.payment_id)
    if named is not None:
        payment = store.lock(work, named)
        if payment is None:
            raise RetryLater(f"no payment {named} here yet")
        return payment
    if report.session_id is not None:
        found = store.find_by_session(work, report.session_id)
        return store.lock(work, found.id) if found else None
    return None


def _other_s_session(work: UnitOfWork, payment: Payment, report: Report) -> str | None:
    """Say so where the report's session is that of another payment of ours."""
    if report.session_id in (None, payment.session_id):
        return None
    assert report.session_id is not None
    other = store.find_by_session(work, report.session_id)
    if other is None:
        return None
    return f"paid through {report.session_id}, which is the session of payment {other.id}"


def _for_review(payment: Payment, reason: str, report: Report) -> Payment:
    """Ask for a person, once for each payment intent. What was settled stays so, in whatever words it comes again."""
    known = report.payment_intent_id in (None, payment.review_intent_id)
    if payment.is_in_review or (payment.reviewed_at is not None and known):
        return payment
    log.error("purchase.needs_review", payment_id=str(payment.id), reason=reason)
    asked = replace(
        payment,
        review_reason=reason,
        review_intent_id=report.payment_intent_id,
        review_note=None,
        reviewed_at=None,
    )
    if payment.is_credited:
        return asked
    return replace(asked, paid_minor=report.amount_minor, paid_currency=report.currency)


def _still_unpaid(payment: Payment, report: Report) -> Payment:
    match report.signal:
        case Signal.SETTLING:
            return replace(payment, settling_at=payment.settling_at or datetime.now(UTC))
        case Signal.SETTLEMENT_FAILED:
            return replace(payment, settling_at=None, failure_reason="the delayed payment failed")
        case _:
            return payment


def _declined(payment: Payment, report: Report) -> Payment:
    """Note a decline whatever became of the payment, so that the order of the reports does not matter."""
    if (payment.decline_code, payment.decline_message) == (
        report.decline_code,
        report.decline_message,
    ) and payment.declined_at is not None:
        return payment
    return replace(
        payment,
        decline_code=report.decline_code,
        decline_message=report.decline_message,
        declined_at=datetime.now(UTC),
    )


def _credit(work: UnitOfWork, payment: Payment, spend_order: SpendOrder) -> Transaction:
    grants = [NewGrant("paid", payment.coins, payment.price)]
    if payment.bonus:
        grants.append(NewGrant("bonus", payment.bonus, expires_at=payment.bonus_expires_at))
    try:
        return ledger.credit(
            work,
            payment.user_id,
            grants,
            key=f"purchase:{payment.id}",
            type_="purchase",
            source="purchase",
            description=payment.description,
            price=payment.price,
            payment_id=payment.id,
            session_id=payment.session_id,
            spend_order=spend_order,
        )
    except IdempotencyConflict as error:
        raise LedgerInvariantBroken(
            f"payment {payment.id} was credited before with other content than its row has"
        ) from error


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
