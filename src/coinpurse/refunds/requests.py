"""Giving money back: our row first, then Stripe, then the coins.

A request that Stripe has not answered stays open; the worker looks whether the refund was made all the same, and asks
again where it was not.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from coinpurse import ledger
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.errors import (
    DomainError,
    GatewayError,
    IdempotencyConflict,
    InvalidRequest,
    NotFound,
    NotRefundable,
    Outdated,
    PaymentDisputed,
    RefundTooLarge,
    RetryLater,
)
from coinpurse.ledger.rules import require_key
from coinpurse.ports import PaymentIntent, Refund, StripeGateway
from coinpurse.purchases import Payment, find_payment, lock_payment
from coinpurse.refunds import store
from coinpurse.refunds.rules import (
    REASONS,
    Policies,
    RefundPreview,
    RefundRequest,
    Standing,
    claim_of,
    standing_of,
)
from coinpurse.refunds.service import AfterSales, close

# How long one try may take: the SDK's three, each to its time-out, and some more.
TURN_SECONDS = 120.0
SERVER_ERRORS = 500
# What Stripe says no with. Anything else (a key that may not, an answer that cannot be read) may have made it, or will.
REFUSALS = (400, 402, 404)
DISPUTED_CODES = ("charge_disputed", "refund_disputed_payment")

log = structlog.get_logger()


class Refunds:
    """Refunds that we are asked for. Stripe is never called while a transaction is open."""

    def __init__(
        self,
        database: Database,
        gateway: StripeGateway,
        after_sales: AfterSales,
        policies: Policies,
        *,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._after_sales = after_sales
        self._policies = policies
        self._turn_seconds = turn_seconds

    def request(
        self,
        payment_id: UUID,
        *,
        amount_minor: int | None = None,
        reason: str | None = None,
        key: str | None = None,
        actor: str | None = None,
        intent_id: str | None = None,
        left_minor: int | None = None,
        note: Callable[[UnitOfWork, RefundRequest], object] | None = None,
    ) -> RefundRequest:
        """Give back all that is left of a payment, or part of it, and take the coins that go with it.

        amount_minor: in minor units of the payment's currency. key: the same key and content give the same refund.
        intent_id: another payment intent than the one that was credited, where an order was paid twice.
        left_minor: what could be given back when it was decided; two who decide at once do not both refund then.
        note: called in the transaction that writes the request, before Stripe is asked; not by a repeat.
        The answer's state is `requested` where Stripe could not be asked; the worker goes on with it.
        Raises NotFound, NotRefundable, PaymentDisputed, RefundTooLarge, Outdated, IdempotencyConflict and GatewayError.
        """
        _require_sound(amount_minor, reason)
        key = str(new_id()) if key is None else require_key(key)
        with self._database.unit_of_work() as work:
            payment = find_payment(work, str(payment_id))
            if payment is None:
                raise NotFound("payment", str(payment_id))
            known = store.find_request(work, payment.id, key)
        if known is None:
            wanted = intent_id or payment.payment_intent_id
            if wanted is None:
                raise NotRefundable(str(payment.id), "nothing was paid")
            # Before the row is written: an intent that cannot be asked for has made nothing yet.
            intent = self._gateway.get_payment_intent(wanted)
            with self._database.unit_of_work() as work:
                known = store.find_request(work, lock_payment(work, payment.id).id, key)
                # A twin may have written it while we asked.
                if known is None:
                    known = self._write(
                        work,
                        payment.id,
                        intent,
                        amount_minor,
                        left_minor=left_minor,
                        reason=reason,
                        key=key,
                        actor=actor,
                    )
                    if note is not None:
                        note(work, known)
        _require_same(known, amount_minor, reason)
        return self._send(known.id)

    def preview(self, payment_id: UUID, amount_minor: int | None = None) -> RefundPreview:
        """Tell what a refund would do to the coins, and do nothing. Raises what `request` raises, but for Stripe."""
        _require_sound(amount_minor, None)
        with self._database.unit_of_work() as work:
            payment = lock_payment(work, payment_id)
            if payment.payment_intent_id is None:
                raise NotRefundable(str(payment.id), "nothing was paid")
            _require_undisputed(work, payment)
            left = payment.paid.amount_minor - payment.refunded_minor
            left -= store.open_amount_minor(work, payment.payment_intent_id)
            if left <= 0:
                raise NotRefundable(str(payment.id), "all of it was refunded before")
            amount = left if amount_minor is None else amount_minor
            if amount > left:
                raise RefundTooLarge(
                    asked_minor=amount, left_minor=left, currency=payment.paid.currency
                )
            return self._rehearse(work, payment, amount, left)

    def send_open(self, *, limit: int = 100) -> int:
        """Go on with requests that Stripe has not answered; returns how many there were."""
        with self._database.unit_of_work() as work:
            ids = store.open_requests(work, limit=limit)
        for request_id in ids:
            try:
                self._send(request_id)
            except (DomainError, GatewayError) as error:
                # It stands on the row; nobody waits for this answer.
                log.warning("refund.not_made", refund_request_id=str(request_id), error=str(error))
        return len(ids)

    def _write(
        self,
        work: UnitOfWork,
        payment_id: UUID,
        intent: PaymentIntent,
        amount_minor: int | None,
        *,
        left_minor: int | None,
        reason: str | None,
        key: str,
        actor: str | None,
    ) -> RefundRequest:
        payment = lock_payment(work, payment_id)
        if intent.status != "succeeded":
            raise NotRefundable(str(payment.id), "nothing was paid")
        if amount_minor is not None and intent.currency != payment.price.currency:
            raise InvalidRequest(
                "amount_minor",
                f"is of no use: {intent.currency} was paid, the order is in {payment.price.currency}; refund all",
            )
        own = intent.id == payment.payment_intent_id
        if own:
            _require_undisputed(work, payment)
        left = intent.amount_minor - store.open_amount_minor(work, intent.id)
        left -= payment.refunded_minor if own else 0
        if left <= 0:
            raise NotRefundable(str(payment.id), "all of it was refunded before")
        if left_minor not in (None, left):
            raise Outdated
        amount = left if amount_minor is None else amount_minor
        if amount > left:
            raise RefundTooLarge(asked_minor=amount, left_minor=left, currency=intent.currency)
        return store.insert_request(
            work,
            id=new_id(),
            payment_id=payment.id,
            payment_intent_id=intent.id,
            amount_minor=amount,
            currency=intent.currency,
            reason=reason,
            actor=actor,
            request_key=key,
        )

    def _send(self, request_id: UUID) -> RefundRequest:
        """Ask Stripe, unless it has answered or somebody else is asking; the request as it is then."""
        with self._database.unit_of_work() as work:
            request = store.take_turn(work, request_id, turn_seconds=self._turn_seconds)
            if request is None:
                return _require_made(store.get_request(work, request_id))
        try:
            refund = self._find_made(request) or self._create(request)
        except GatewayError as error:
            if error.status in REFUSALS:
                return self._refused(request, error)
            log.warning(
                "refund.not_answered",
                payment_id=str(request.payment_id),
                refund_request_id=str(request.id),
                error=str(error),
            )
            if error.status is not None and error.status >= SERVER_ERRORS:
                with self._database.unit_of_work() as work:
                    store.failed(work, request.id)
            return request
        with self._database.unit_of_work() as work:
            payment = lock_payment(work, request.payment_id)
            store.answered(work, request.id, state="made", refund_id=refund.id)
            reviewed = request.request_key.startswith(store.REVIEW)
            if reviewed and payment.is_in_review:
                # The money that the review was about has gone back.
                close(work, payment)
        log.info("refund.made", payment_id=str(request.payment_id), refund_id=refund.id)
        self._hurry(request)
        with self._database.unit_of_work() as work:
            return store.get_request(work, request.id)

    def _find_made(self, request: RefundRequest) -> Refund | None:
        """Look whether an earlier try was answered at Stripe alone. The first try has nothing to look for."""
        if request.attempts <= 1:
            return None
        made = self._gateway.get_after_sale(request.payment_intent_id).refunds
        own = str(request.id)
        return next((each for each in made if each.metadata.get("refund_request") == own), None)

    def _create(self, request: RefundRequest) -> Refund:
        return self._gateway.create_refund(
            request.payment_intent_id,
            amount_minor=request.amount_minor,
            reason=request.reason,
            metadata={
                "payment_id": str(request.payment_id),
                "refund_request": str(request.id),
            },
            # Stripe answers a key that met a failure with the same failure for a day: the next try needs another
            # one. Where no answer came the key stays, so that a request still on its way cannot become a second refund.
            idempotency_key=f"refund:{request.id}:{request.failures}",
        )

    def _refused(self, request: RefundRequest, error: GatewayError) -> RefundRequest:
        with self._database.unit_of_work() as work:
            refusal = "disputed" if error.code in DISPUTED_CODES else str(error)
            store.answered(work, request.id, state="refused", refusal=refusal)
        log.warning("refund.refused", payment_id=str(request.payment_id), stripe_code=error.code)
        # Stripe knows something that we do not.
        self._hurry(request)
        with self._database.unit_of_work() as work:
            return _require_made(store.get_request(work, request.id))

    def _hurry(self, request: RefundRequest) -> None:
        """Bring the coins in line now; the webhook does it otherwise."""
        try:
            self._after_sales.refresh(request.payment_intent_id)
        except (GatewayError, RetryLater) as error:
            log.warning("refund.not_followed", payment_id=str(request.payment_id), error=str(error))

    def _rehearse(
        self, work: UnitOfWork, payment: Payment, amount_minor: int, left_minor: int
    ) -> RefundPreview:
        """Do to the coins what the refund would, read what it did, and undo it."""
        disputes = store.disputes_of(work, payment.id, livemode=payment.livemode)
        planned = Refund(
            id="planned",
            status="pending",
            amount_minor=amount_minor,
            currency=payment.paid.currency,
            payment_intent_id=None,
            created_at=payment.created_at,
        )
        made = store.refunds_of(work, payment.id)
        before = claim_of(payment, made, disputes, self._policies)
        after = claim_of(payment, [*made, planned], disputes, self._policies)
        posted = None
        if payment.is_credited:
            try:
                with work.savepoint():
                    posted = ledger.claim(
                        work,
                        payment.user_id,
                        payment.id,
                        taking=after.taking,
                        freezing=after.freezing,
                        owing=after.owing,
                        policy=self._policies.spent_coins,
                    )
                    raise _RehearsedError
            except _RehearsedError:
                pass
        owed = posted.debt if posted is not None else 0
        return RefundPreview(
            amount_minor=amount_minor,
            currency=payment.paid.currency,
            coins=after.taking - before.taking if payment.is_credited else 0,
            taken=-posted.coins - owed if posted is not None else 0,
            owed=owed,
            forgiven=posted.forgiven if posted is not None else 0,
            left_minor=left_minor,
        )


class _RehearsedError(Exception):
    """Ends a rehearsal; its savepoint is rolled back."""


def _require_sound(amount_minor: int | None, reason: str | None) -> None:
    if amount_minor is not None and (type(amount_minor) is not int or amount_minor <= 0):
        raise InvalidRequest("amount_minor", "must be a whole number of minor units above 0")
    if reason is not None and reason not in REASONS:
        raise InvalidRequest("reason", f"must be one of {', '.join(REASONS)}")


def _require_undisputed(work: UnitOfWork, payment: Payment) -> None:
    disputes = store.disputes_of(work, payment.id, livemode=payment.livemode)
    if any(standing_of(each.status) in (Standing.OPEN, Standing.LOST) for each in disputes):
        raise _disputed(payment.id)


def _disputed(payment_id: UUID) -> PaymentDisputed:
    return PaymentDisputed(
        "The bank is taking this payment back; answer the dispute instead of refunding.",
        payment_id=str(payment_id),
    )


def _require_same(request: RefundRequest, amount_minor: int | None, reason: str | None) -> None:
    """Refuse a key that asked for something else before. All of the rest is the same as its amount at the time."""
    asked = request.amount_minor if amount_minor is None else amount_minor
    if (asked, reason) != (request.amount_minor, request.reason):
        raise IdempotencyConflict(request.request_key)


def _require_made(request: RefundRequest) -> RefundRequest:
    """Return a request that Stripe did not refuse. Raises NotRefundable and PaymentDisputed."""
    if request.state != "refused":
        return request
    if request.refusal == "disputed":
        raise _disputed(request.payment_id)
    raise NotRefundable(str(request.payment_id), request.refusal or "Stripe refused")
