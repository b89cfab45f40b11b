"""After the sale: refunds, disputes and fraud warnings, and what becomes of the coins.

Stripe is asked for all of it each time; an event only says that it is time to ask. One `settle` brings the wallet in
line, whoever calls it: the inbox, a refund of ours, reconciliation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from coinpurse import ledger, outbox, signals
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.ledger import SpendOrder, Transaction
from coinpurse.ports import AfterSale, Dispute, PaymentIntent, Refund, StripeGateway
from coinpurse.purchases import (
    Payment,
    announce_review,
    facts_of,
    find_by_intent,
    fulfil,
    lock_payment,
    report_of_intent,
    save_payment,
)
from coinpurse.refunds import store
from coinpurse.refunds.rules import (
    RETURNED,
    Policies,
    Standing,
    claim_of,
    refunded_minor,
    standing_of,
)

# Who asks for the refunds that a fraud warning leads to.
WARNED = "fraud warning policy"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LookUp:
    """What Stripe said about a payment intent: everything that came after its sale.

    number: look-ups are counted as they begin; what an older one saw never replaces what a newer one saw.
    intent: fetched where our row does not say that the intent was paid.
    """

    number: int
    payment_intent_id: str
    payment_id: UUID | None
    intent: PaymentIntent | None
    found: AfterSale


class AfterSales:
    """Follows what Stripe knows of a payment after it was paid."""

    def __init__(
        self,
        database: Database,
        gateway: StripeGateway,
        policies: Policies = Policies(),  # noqa: B008  Frozen.
        spend_order: SpendOrder = "bonus_first",
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._policies = policies
        self._spend_order = spend_order

    def look_up(self, payment_intent_id: str) -> LookUp:
        """Ask Stripe for all that came after a payment. No transaction is open meanwhile. Raises GatewayError."""
        with self._database.unit_of_work() as work:
            number = store.next_look_up(work)
            payment = find_by_intent(work, payment_intent_id)
        intent = None
        if payment is None or not payment.is_credited:
            intent = self._gateway.get_payment_intent(payment_intent_id)
        # What another application on the account sold is no business of ours.
        ours = payment is not None or (intent is not None and "payment_id" in intent.metadata)
        return LookUp(
            number=number,
            payment_intent_id=payment_intent_id,
            payment_id=None if payment is None else payment.id,
            intent=intent,
            found=self._gateway.get_after_sale(payment_intent_id) if ours else AfterSale(),
        )

    def apply(self, work: UnitOfWork, look_up: LookUp) -> Payment | None:
        """Take in what a look-up saw and bring the wallet in line; the payment as it is then.

        A payment that was not credited yet is fulfilled first. None where the intent is not about a payment of ours.
        Safe to repeat, in any order. Raises RetryLater while the payment's row is not visible yet.
        """
        payment_id = look_up.payment_id
        if look_up.intent is not None:
            report = report_of_intent(look_up.intent)
            fulfilled = fulfil(work, report, spend_order=self._spend_order).payment
            payment_id = fulfilled.id if fulfilled is not None else payment_id
        if payment_id is None:
            return None
        payment = lock_payment(work, payment_id)
        if payment.livemode != self._gateway.livemode:
            return None
        if payment.payment_intent_id != look_up.payment_intent_id:
            return _take_in_second(work, payment, look_up)
        if not store.note_look_up(work, payment.id, look_up.number):
            return payment
        return self._take_in(work, payment, look_up.found)

    def refresh(self, payment_intent_id: str) -> Payment | None:
        """Look a payment up and apply what was seen. Raises GatewayError and RetryLater."""
        seen = self.look_up(payment_intent_id)
        with self._database.unit_of_work() as work:
            return self.apply(work, seen)

    def settle(self, work: UnitOfWork, payment: Payment) -> Payment:
        """Bring coins and status in line with the refunds and disputes that we know of. The payment is locked."""
        refunds = store.refunds_of(work, payment.id)
        disputes = store.disputes_of(work, payment.id, livemode=payment.livemode)
        claim = claim_of(payment, refunds, disputes, self._policies)
        posted = None
        if payment.is_credited:
            posted = ledger.claim(
                work,
                payment.user_id,
                payment.id,
                taking=claim.taking,
                freezing=claim.freezing,
                owing=claim.owing,
                policy=self._policies.spent_coins,
                cause=claim.cause,
                description=claim.description,
            )
        settled = replace(
            payment,
            status=claim.status,
            refunded_minor=claim.refunded_minor,
            disputed_minor=claim.disputed_minor,
        )
        if claim.objection is not None and payment.review_reason != claim.objection:
            settled = _reopen(settled, claim.objection, payment.payment_intent_id)
        settled = _watch_settled_review(work, settled, payment.payment_intent_id, refunds)
        if settled != payment:
            save_payment(work, settled)
            announce_review(work, payment, settled)
            log.info(
                "payment.settled",
                payment_id=str(payment.id),
                status=settled.status,
                refunded_minor=settled.refunded_minor,
                disputed_minor=settled.disputed_minor,
                coins_taken=claim.taking,
                coins_frozen=claim.freezing,
            )
        if settled.refunded_minor > payment.refunded_minor:
            signals.send_after_commit(work, signals.payment_refunded, payment=settled)
            _announce_refund(work, payment, settled, refunds, posted)
        return settled

    def _take_in(self, work: UnitOfWork, payment: Payment, found: AfterSale) -> Payment:
        assert payment.payment_intent_id is not None
        before = store.disputes_of(work, payment.id, livemode=payment.livemode)
        store.save_refunds(work, payment.id, payment.payment_intent_id, found.refunds)
        store.save_disputes(work, payment.id, payment.payment_intent_id, found.disputes)
        new = store.save_warnings(work, payment.id, found.warnings)
        if new:
            payment = replace(
                payment, fraud_warning_at=payment.fraud_warning_at or datetime.now(UTC)
            )
            save_payment(work, payment)
            log.warning("payment.fraud_warning", payment_id=str(payment.id))
        settled = self.settle(work, payment)
        if self._policies.fraud_warning == "refund" and any(each.actionable for each in new):
            self._request_full_refund(work, settled, f"fraud_warning:{new[0].id}")
        _tell_of_disputes(work, settled, before, found.disputes)
        return settled

    def _request_full_refund(self, work: UnitOfWork, payment: Payment, request_key: str) -> None:
        """Have the worker give all of the money back, once."""
        left = payment.paid.amount_minor - payment.refunded_minor
        assert payment.payment_intent_id is not None
        left -= store.open_amount_minor(work, payment.payment_intent_id)
        known = store.find_request(work, payment.id, request_key)
        if left > 0 and payment.disputed_minor == 0 and known is None:
            store.insert_request(
                work,
                id=new_id(),
                payment_id=payment.id,
                payment_intent_id=payment.payment_intent_id,
                amount_minor=left,
                currency=payment.paid.currency,
                reason="fraudulent",
                actor=WARNED,
                request_key=request_key,
            )


def close(work: UnitOfWork, payment: Payment) -> Payment:
    """End a payment's review; its note says how. One that was never credited is not waited for any more."""
    closed = replace(payment, reviewed_at=datetime.now(UTC))
    if not payment.is_credited:
        status = "refunded" if _was_refund(payment) else "failed"
        closed = replace(closed, status=status, failure_reason="settled by a person")
    save_payment(work, closed)
    log.info("review.settled", payment_id=str(payment.id))
    return closed


def _was_refund(payment: Payment) -> bool:
    return (payment.review_note or "").startswith("refund ")


def _reopen(payment: Payment, reason: str, intent_id: str | None) -> Payment:
    log.error("refund.needs_review", payment_id=str(payment.id), reason=reason)
    return replace(
        payment,
        review_reason=reason,
        review_intent_id=intent_id,
        review_note=None,
        reviewed_at=None,
    )


def _watch_settled_review(
    work: UnitOfWork, payment: Payment, intent_id: str | None, refunds: Sequence[Refund]
) -> Payment:
    """Ask for a person again where the refund that settled a review has failed since."""
    if payment.reviewed_at is None or payment.review_intent_id != intent_id or intent_id is None:
        return payment
    of_intent = [refund for refund in refunds if refund.payment_intent_id == intent_id]
    made = store.made_for_review(work, payment.id, intent_id)
    came_back = any(refund.status in RETURNED for refund in of_intent)
    if not came_back or refunded_minor(of_intent) >= made:
        return payment
    return _reopen(payment, "the refund that settled it has failed", intent_id)


def _take_in_second(work: UnitOfWork, payment: Payment, look_up: LookUp) -> Payment:
    """Keep what came after a second payment of one order. It takes no coins; a person gives it back."""
    before = store.disputes_of(work, payment.id, livemode=payment.livemode)
    store.save_refunds(work, payment.id, look_up.payment_intent_id, look_up.found.refunds)
    store.save_disputes(work, payment.id, look_up.payment_intent_id, look_up.found.disputes)
    refunds = store.refunds_of(work, payment.id)
    watched = _watch_settled_review(work, payment, look_up.payment_intent_id, refunds)
    if watched != payment:
        save_payment(work, watched)
        announce_review(work, payment, watched)
    _tell_of_disputes(work, watched, before, look_up.found.disputes)
    return watched


def _announce_refund(
    work: UnitOfWork,
    before: Payment,
    now: Payment,
    refunds: Sequence[Refund],
    posted: Transaction | None,
) -> None:
    """Tell that more money goes back. A refund that failed and is made anew comes to the same sum, and is news."""
    latest = [refund.id for refund in refunds if refund.status not in RETURNED][-1]
    outbox.announce(
        work,
        "payment.refunded",
        cause=f"{now.id}:{now.refunded_minor}:{latest}",
        user_id=now.user_id,
        payment_id=now.id,
        facts={
            **facts_of(now),
            "refunded_minor": now.refunded_minor,
            "refunded_now_minor": now.refunded_minor - before.refunded_minor,
            # A debt lowers the balance below nothing; what it lacks was not there to be taken.
            "coins_taken": max(-posted.coins - posted.debt, 0) if posted else 0,
            "coins_owed": max(posted.debt, 0) if posted else 0,
        },
    )


def _announce_dispute(
    work: UnitOfWork, type_: str, payment: Payment, dispute: Dispute, cause: str
) -> None:
    outbox.announce(
        work,
        type_,
        cause=cause,
        user_id=payment.user_id,
        payment_id=payment.id,
        facts={
            **facts_of(payment),
            "dispute_id": dispute.id,
            "dispute_status": dispute.status,
            "dispute_reason": dispute.reason,
            "disputed_minor": dispute.amount_minor,
            "evidence_due_at": dispute.evidence_due_at and dispute.evidence_due_at.isoformat(),
        },
    )


def _tell_of_disputes(
    work: UnitOfWork, payment: Payment, before: Sequence[Dispute], now: Sequence[Dispute]
) -> None:
    """Send the signals for disputes that are new, and for those that have ended."""
    ends = (Standing.OVER, Standing.LOST)
    known = {dispute.id: standing_of(dispute.status) for dispute in before}
    for dispute in now:
        if dispute.id not in known:
            log.warning(
                "dispute.opened",
                payment_id=str(payment.id),
                dispute_id=dispute.id,
                status=dispute.status,
            )
            signals.send_after_commit(
                work, signals.dispute_opened, payment=payment, dispute=dispute
            )
            _announce_dispute(work, "dispute.opened", payment, dispute, dispute.id)
        if standing_of(dispute.status) in ends and known.get(dispute.id) not in ends:
            signals.send_after_commit(
                work, signals.dispute_closed, payment=payment, dispute=dispute
            )
            # An ended one may be taken up again, and end again.
            cause = f"{dispute.id}:{dispute.status}"
            _announce_dispute(work, "dispute.closed", payment, dispute, cause)
