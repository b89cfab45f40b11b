"""Payments that need a person: what would settle each, and settling it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import structlog

from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import NotInReview
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.rules import require_reason
from coinpurse.purchases import Payment, credit, lock_payment, save_payment
from coinpurse.refunds.requests import Refunds
from coinpurse.refunds.service import AfterSales

Decision = Literal["credit", "refund", "dismiss"]
DECISIONS: tuple[Decision, ...] = ("credit", "refund", "dismiss")

log = structlog.get_logger()


def decisions_for(payment: Payment) -> tuple[Decision, ...]:
    """What may settle a payment in review, the likeliest first.

    credit: give the coins that were sold, whatever does not fit. refund: give back the money that the review is about.
    dismiss: it was dealt with elsewhere.
    """
    if not payment.is_in_review:
        return ()
    fitting = {"credit": not payment.is_credited, "refund": payment.review_intent_id is not None}
    return tuple(each for each in DECISIONS if fitting.get(each, True))


class Reviews:
    """Settles what the machine would not guess."""

    def __init__(
        self, database: Database, after_sales: AfterSales, refunds: Refunds, spend_order: SpendOrder
    ) -> None:
        self._database = database
        self._after_sales = after_sales
        self._refunds = refunds
        self._spend_order = spend_order

    def resolve(self, payment_id: UUID, decision: Decision, *, reason: str, actor: str) -> Payment:
        """Settle a payment in review. Safe to repeat after a failure.

        Raises NotFound, NotInReview for a decision that does not fit, and what a refund raises.
        """
        require_reason(reason, actor)
        with self._database.unit_of_work() as work:
            payment = lock_payment(work, payment_id)
            _require_fitting(payment, decision)
            if decision == "credit":
                _, payment = credit(work, replace(payment, status="completed"), self._spend_order)
                payment = self._after_sales.settle(work, payment)
            if decision != "refund":
                return _close(work, payment, decision, reason, actor)
        self._refunds.request(
            payment_id,
            key=f"review:{payment.review_intent_id}",
            actor=actor,
            intent_id=payment.review_intent_id,
        )
        with self._database.unit_of_work() as work:
            return _close(work, lock_payment(work, payment_id), decision, reason, actor)


def _require_fitting(payment: Payment, decision: Decision) -> None:
    possible = decisions_for(payment)
    if decision not in possible:
        raise NotInReview(
            f"This payment can be settled by: {', '.join(possible)}."
            if possible
            else "This payment waits for no decision.",
            payment_id=str(payment.id),
        )


def _close(work: UnitOfWork, payment: Payment, decision: str, reason: str, actor: str) -> Payment:
    closed = replace(
        payment, review_note=f"{decision} by {actor}: {reason}", reviewed_at=datetime.now(UTC)
    )
    save_payment(work, closed)
    log.info("review.settled", payment_id=str(payment.id), decision=decision)
    return closed
