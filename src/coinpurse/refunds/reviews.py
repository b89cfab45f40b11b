"""Payments that need a person: what would settle each, and settling it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal
from uuid import UUID

from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import NotInReview
from coinpurse.ledger import SpendOrder
from coinpurse.ledger.rules import require_reason
from coinpurse.purchases import Payment, credit, lock_payment, save_payment
from coinpurse.refunds import store
from coinpurse.refunds.requests import Refunds
from coinpurse.refunds.service import AfterSales, close

Decision = Literal["credit", "refund", "dismiss"]
DECISIONS: tuple[Decision, ...] = ("credit", "refund", "dismiss")


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

    def resolve(
        self,
        payment_id: UUID,
        decision: Decision,
        *,
        reason: str,
        actor: str,
        note: Callable[[UnitOfWork, Payment], object] | None = None,
    ) -> Payment:
        """Settle a payment in review. Safe to repeat.

        note: called in the transaction that settles it, before Stripe is asked.
        A refund that Stripe has not answered yet leaves the review open, and closes it once it is made.
        Raises NotFound, NotInReview for a decision that does not fit, and what a refund raises.
        """
        require_reason(reason, actor)
        with self._database.unit_of_work() as work:
            payment = lock_payment(work, payment_id)
            _require_fitting(payment, decision)
            intent_id = payment.review_intent_id
            if decision != "refund" and intent_id and store.open_amount_minor(work, intent_id):
                raise NotInReview(
                    "A refund of this payment is under way; see what becomes of it first.",
                    payment_id=str(payment.id),
                )
            if note is not None:
                note(work, payment)
            if decision == "credit":
                _, payment = credit(work, replace(payment, status="completed"), self._spend_order)
                payment = self._after_sales.settle(work, payment)
            payment = replace(payment, review_note=f"{decision} by {actor}: {reason}")
            if decision != "refund":
                return close(work, payment)
            save_payment(work, payment)
            assert payment.review_intent_id is not None
            key = store.next_review_key(work, payment.id, payment.review_intent_id)
        self._refunds.request(payment_id, key=key, actor=actor, intent_id=payment.review_intent_id)
        with self._database.unit_of_work() as work:
            return lock_payment(work, payment_id)


def _require_fitting(payment: Payment, decision: Decision) -> None:
    possible = decisions_for(payment)
    if decision not in possible:
        raise NotInReview(
            f"This payment can be settled by: {', '.join(possible)}."
            if possible
            else "This payment waits for no decision.",
            payment_id=str(payment.id),
        )
