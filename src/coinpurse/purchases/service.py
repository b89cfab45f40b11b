"""Buying: start a checkout, fulfil what Stripe reports, follow the status, cancel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from coinpurse import ledger, outbox, signals
from coinpurse.catalog import Pack
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.errors import (
    CheckoutFailed,
    Forbidden,
    GatewayError,
    IdempotencyConflict,
    InvalidRequest,
    LedgerInvariantBroken,
    NotFound,
    RetryLater,
)
from coinpurse.ledger import NewGrant, SpendOrder, Transaction
from coinpurse.ledger.rules import require_key
from coinpurse.money import Money
from coinpurse.ports import CheckoutParameters, StripeGateway
from coinpurse.purchases import store
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

__all__ = ["all_payments", "find_by_intent", "payments_of", "save_payment"]

# How often one payment is looked up at Stripe, whoever asks for its status and however often.
CHECK_INTERVAL_SECONDS = 3.0
CONFLICT = 409
# What Stripe takes as a session's reference.
LONGEST_REFERENCE = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StartedCheckout:
    """A checkout that the buyer can be sent to."""

    payment_id: UUID
    session_id: str
    checkout_url: str


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


class Purchases:
    """The use cases that talk to Stripe. Stripe is never called while a transaction is open."""

    def __init__(
        self, database: Database, gateway: StripeGateway, spend_order: SpendOrder = "bonus_first"
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._spend_order = spend_order

    def start(
        self,
        user_id: str,
        pack: Pack,
        currency: str,
        *,
        success_url: str,
        cancel_url: str,
        request_key: str | None = None,
        locale: str | None = None,
        buyer_locale: str | None = None,
    ) -> StartedCheckout:
        """Write our row, open a checkout session at Stripe and note it on the row.

        request_key: the caller's; the same key and content return the same session.
        locale: the language of Stripe's page; None lets Stripe choose. buyer_locale: the tag of the buyer's own, for
        what we write to them later; by default the one of Stripe's page.
        Raises CheckoutFailed (the row ends failed) and IdempotencyConflict.
        """
        if len(require_key(user_id, field="user_id")) > LONGEST_REFERENCE:
            raise InvalidRequest(
                "user_id", f"must be at most {LONGEST_REFERENCE} characters to buy"
            )
        price = pack.prices[currency]
        payment_id = new_id()
        digest = hashlib.sha256(
            json.dumps([pack.sku, currency, success_url, cancel_url]).encode()
        ).digest()
        with self._database.unit_of_work() as work:
            parameters = {
                **_parameters(payment_id, user_id, pack, price, success_url, cancel_url, locale),
                "integration_identifier": store.get_installation(work),
            }
            payment = store.insert(
                work,
                id_=payment_id,
                user_id=user_id,
                pack_sku=pack.sku,
                coins=pack.coins,
                bonus=pack.bonus,
                price=price,
                livemode=self._gateway.livemode,
                request_key=request_key,
                request_digest=digest,
                stripe_parameters=parameters,
                locale=buyer_locale or locale,
            )
            if payment is None:
                assert request_key is not None
                payment = store.find_by_request(work, user_id, request_key)
                assert payment is not None
                if payment.request_digest != digest:
                    raise IdempotencyConflict(request_key)
        return self._open(payment)

    def _open(self, payment: Payment) -> StartedCheckout:
        if payment.session_id is not None and payment.checkout_url is not None:
            return StartedCheckout(payment.id, payment.session_id, payment.checkout_url)
        # One that failed is asked for again: Stripe may be back, and its key keeps the session one.
        if payment.status not in ("pending", "failed"):
            raise CheckoutFailed("This checkout could not be opened.", payment_id=str(payment.id))
        checkout = CheckoutParameters(
            parameters=payment.stripe_parameters, idempotency_key=f"checkout:{payment.id}"
        )
        try:
            session = self._gateway.create_checkout_session(checkout)
            if session.url is None:
                raise GatewayError("Stripe opened a session without an address", retryable=False)
        except GatewayError as error:
            # A twin of this request is still under way at Stripe: the row is the twin's to finish.
            if error.status != CONFLICT:
                with self._database.unit_of_work() as work:
                    store.failed(work, payment.id, str(error))
            log.warning(
                "checkout.failed",
                payment_id=str(payment.id),
                stripe_code=error.code,
                stripe_status=error.status,
                request_id=error.request_id,
            )
            raise CheckoutFailed(
                "Stripe did not open the checkout session.", payment_id=str(payment.id)
            ) from error
        with self._database.unit_of_work() as work:
            store.opened(work, payment.id, session_id=session.id, checkout_url=session.url)
        log.info("checkout.started", payment_id=str(payment.id), session_id=session.id)
        return StartedCheckout(payment.id, session.id, session.url)

    def status(self, session_id: str, user_id: str) -> PaymentStatus:
        """Return the payment's status; a pending one may be looked up at Stripe, and is then fulfilled.

        Raises NotFound and Forbidden.
        """
        payment = self._owned(session_id, user_id)
        if payment.status == "pending" and self._take_turn(payment):
            self._refresh(session_id)
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
            with self._database.unit_of_work() as work:
                store.cancel_requested(work, payment.id)
            try:
                session = self._gateway.expire_checkout_session(session_id)
            except GatewayError as error:
                if error.retryable:
                    raise
                # No longer open: paid, expired or settling. What it is, Stripe says.
                session = self._gateway.get_checkout_session(session_id)
            with self._database.unit_of_work() as work:
                fulfil(work, report_of_session(session), spend_order=self._spend_order)
        return self.status(session_id, user_id)

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

    def _refresh(self, session_id: str) -> None:
        try:
            session = self._gateway.get_checkout_session(session_id)
            with self._database.unit_of_work() as work:
                fulfil(work, report_of_session(session), spend_order=self._spend_order)
        except (GatewayError, RetryLater) as error:
            # The look-up only hurries what the webhook will bring; without it the status is the last known.
            log.warning("status.look_up_failed", session_id=session_id, error=str(error))


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
        grants.append(NewGrant("bonus", payment.bonus))
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


def _parameters(
    payment_id: UUID,
    user_id: str,
    pack: Pack,
    price: Money,
    success_url: str,
    cancel_url: str,
    locale: str | None,
) -> dict[str, object]:
    """What Stripe is asked for. Our metadata goes onto the payment intent too: Stripe copies nothing."""
    bonus = f" + {pack.bonus} bonus coins" if pack.bonus else ""
    product: dict[str, object] = {
        "name": f"{pack.coins} Coins",
        "description": f"Get {pack.coins} coins{bonus}",
    }
    if pack.image:
        product["images"] = [pack.image]
    metadata = {
        "user_id": user_id,
        "coins": str(pack.coins),
        "bonus": str(pack.bonus),
        "total_coins": str(pack.total_coins),
        "payment_id": str(payment_id),
    }
    parameters: dict[str, object] = {
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": price.currency,
                    "unit_amount": price.amount_minor,
                    "product_data": product,
                },
                "quantity": 1,
            }
        ],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "client_reference_id": user_id,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
    }
    if locale:
        parameters["locale"] = locale
    return parameters


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
