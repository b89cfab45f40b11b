"""Starting a checkout: what it is sold with, our row, and the session at Stripe."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from coinpurse.catalog import Pack
from coinpurse.counting import counts
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.db.installation import get_installation
from coinpurse.db.texts import storable
from coinpurse.errors import (
    CheckoutFailed,
    GatewayError,
    IdempotencyConflict,
    InvalidRequest,
    PackLimitReached,
    PriceMismatch,
)
from coinpurse.ledger.rules import require_key
from coinpurse.money import Money
from coinpurse.ports import CheckoutParameters, StripeGateway
from coinpurse.purchases import store
from coinpurse.purchases.rules import Payment
from coinpurse.purchases.terms import Standing, Terms, agree

# How long a call that opens a checkout may be under way; the SDK gives up well before.
OPENING_SECONDS = 120.0
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
class _Order:
    """What a buyer asks for."""

    user_id: str
    pack: Pack
    currency: str
    success_url: str
    cancel_url: str
    locale: str | None
    buyer_locale: str | None
    request_key: str | None
    shown_bonus: int | None

    @property
    def digest(self) -> bytes:
        """What its request key stands for."""
        content = [self.pack.sku, self.currency, self.success_url, self.cancel_url]
        return hashlib.sha256(json.dumps(content).encode()).digest()


class Checkouts:
    """Opens checkouts. Stripe is never called while a transaction is open."""

    def __init__(self, database: Database, gateway: StripeGateway) -> None:
        self._database = database
        self._gateway = gateway

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
        shown_bonus: int | None = None,
    ) -> StartedCheckout:
        """Write our row, open a checkout session at Stripe and note it on the row.

        request_key: the caller's; the same key and content return the same session.
        locale: the language of Stripe's page; None lets Stripe choose. buyer_locale: the tag of the buyer's own, for
        what we write to them later; by default the one of Stripe's page.
        shown_bonus: what the buyer was told; a smaller one is refused.
        An open checkout of the user's that leaves no room for this one is closed at Stripe first.
        Raises PackLimitReached, PriceMismatch, CheckoutFailed (the row ends failed) and IdempotencyConflict.
        """
        if len(require_key(user_id, field="user_id")) > LONGEST_REFERENCE:
            raise InvalidRequest(
                "user_id", f"must be at most {LONGEST_REFERENCE} characters to buy"
            )
        order = _Order(
            user_id=user_id,
            pack=pack,
            currency=currency,
            success_url=success_url,
            cancel_url=cancel_url,
            locale=locale,
            buyer_locale=buyer_locale,
            request_key=request_key,
            shown_bonus=shown_bonus,
        )
        for may_close in (True, False):
            with self._database.unit_of_work() as work:
                payment, terms = self._enter(work, order, may_close=may_close)
            if payment is not None:
                return self._open(payment, pack)
            for other in terms.in_the_way:
                self._make_room(other)
        raise AssertionError("what may not be closed is never in the way")

    def _enter(
        self, work: UnitOfWork, order: _Order, *, may_close: bool
    ) -> tuple[Payment | None, Terms]:
        """Write the row of an order, or find it; None where other checkouts must be closed before."""
        earlier = None
        terms = Terms(0)
        payment_id = new_id()
        if order.pack.is_personal:
            store.lock_buyer(work, order.user_id)
            earlier = self._find_earlier(work, order)
            if earlier is not None and earlier.session_id is not None:
                return earlier, terms
            # One that Stripe has not opened asks for its place again: another may have it by now.
            terms = _agree(
                work,
                order.pack,
                order.user_id,
                livemode=self._gateway.livemode,
                besides=earlier.id if earlier else payment_id,
                shown_bonus=_promised(order.pack, earlier) if earlier else order.shown_bonus,
                may_close=may_close,
            )
            if terms.in_the_way:
                return None, terms
            if earlier is not None:
                store.reopen(work, earlier.id)
                return earlier, terms
        inserted = self._insert(work, payment_id, order, terms)
        payment = inserted or self._find_earlier(work, order)
        assert payment is not None
        return payment, terms

    def _find_earlier(self, work: UnitOfWork, order: _Order) -> Payment | None:
        if order.request_key is None:
            return None
        payment = store.find_by_request(work, order.user_id, order.request_key)
        if payment is not None and payment.request_digest != order.digest:
            raise IdempotencyConflict(order.request_key)
        return payment

    def _insert(
        self, work: UnitOfWork, payment_id: UUID, order: _Order, terms: Terms
    ) -> Payment | None:
        pack = order.pack
        price = pack.prices[order.currency]
        bonus = pack.bonus + terms.first_bonus
        parameters = {
            **_parameters(payment_id, order, price, bonus),
            "integration_identifier": get_installation(work),
        }
        return store.insert(
            work,
            id_=payment_id,
            user_id=order.user_id,
            pack_sku=pack.sku,
            coins=pack.coins,
            bonus=bonus,
            price=price,
            livemode=self._gateway.livemode,
            request_key=order.request_key,
            request_digest=order.digest,
            stripe_parameters=parameters,
            locale=order.buyer_locale or order.locale,
            first_bonus=terms.first_bonus,
            bonus_expires_days=pack.bonus_expires_days if bonus else None,
        )

    def _make_room(self, other: Payment) -> None:
        """Close an open checkout for a new one; what was paid first stays paid. Raises CheckoutFailed."""
        try:
            self._close(other)
        except GatewayError as error:
            raise CheckoutFailed(
                "Stripe did not close the checkout that is in the way.", payment_id=str(other.id)
            ) from error

    def _open(self, payment: Payment, pack: Pack) -> StartedCheckout:
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
                    store.failed(work, payment.id, storable(str(error)))
            counts().checkouts["failed"].inc()
            log.warning(
                "checkout.failed",
                payment_id=str(payment.id),
                stripe_code=error.code,
                stripe_status=error.status,
                stripe_request_id=error.request_id,
            )
            raise CheckoutFailed(
                "Stripe did not open the checkout session.", payment_id=str(payment.id)
            ) from error
        with self._database.unit_of_work() as work:
            kept = not pack.is_personal or _keeps_its_place(work, payment, pack)
            if kept:
                store.opened(work, payment.id, session_id=session.id, checkout_url=session.url)
        if not kept:
            with suppress(GatewayError):
                self._gateway.expire_checkout_session(session.id)
            raise CheckoutFailed(
                "Another checkout has taken its place.", payment_id=str(payment.id)
            )
        counts().checkouts["started"].inc()
        log.info("checkout.started", payment_id=str(payment.id), session_id=session.id)
        return StartedCheckout(payment.id, session.id, session.url)

    def standing(self, user_id: str) -> Standing:
        """Return what the user has bought for good, which says what may still be offered."""
        with self._database.unit_of_work() as work:
            return store.standing_of(work, user_id, livemode=self._gateway.livemode)

    def _close(self, payment: Payment) -> None:
        """Close an open checkout at Stripe and note how it ended. Raises GatewayError."""
        raise NotImplementedError


def _agree(
    work: UnitOfWork,
    pack: Pack,
    user_id: str,
    *,
    livemode: bool,
    besides: UUID,
    shown_bonus: int | None = None,
    may_close: bool,
) -> Terms:
    return agree(
        pack,
        store.standing_of(work, user_id, livemode=livemode),
        store.open_checkouts(
            work, user_id, livemode=livemode, besides=besides, opening_seconds=OPENING_SECONDS
        ),
        shown_bonus=shown_bonus,
        may_close=may_close,
    )


def _promised(pack: Pack, payment: Payment) -> int | None:
    """The bonus that must still be due to open a checkout: one that was sold as a first purchase needs to be one."""
    return pack.bonus + 1 if payment.first_bonus else None


def _keeps_its_place(work: UnitOfWork, payment: Payment, pack: Pack) -> bool:
    """Whether a checkout may be opened that a twin of its request has given up meanwhile."""
    store.lock_buyer(work, payment.user_id)
    row = store.find(work, payment.id)
    if row is None or row.status != "failed":
        return True
    try:
        _agree(
            work,
            pack,
            payment.user_id,
            livemode=payment.livemode,
            besides=payment.id,
            shown_bonus=_promised(pack, payment),
            may_close=False,
        )
    except (PackLimitReached, PriceMismatch):
        return False
    return True


def _parameters(
    payment_id: UUID, order: _Order, price: Money, bonus_coins: int
) -> dict[str, object]:
    """What Stripe is asked for. Our metadata goes onto the payment intent too: Stripe copies nothing."""
    pack = order.pack
    bonus = f" + {bonus_coins} bonus coins" if bonus_coins else ""
    product: dict[str, object] = {
        "name": f"{pack.coins} Coins",
        "description": f"Get {pack.coins} coins{bonus}",
    }
    if pack.image:
        product["images"] = [pack.image]
    metadata = {
        "user_id": order.user_id,
        "coins": str(pack.coins),
        "bonus": str(bonus_coins),
        "total_coins": str(pack.coins + bonus_coins),
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
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "client_reference_id": order.user_id,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
    }
    if order.locale:
        parameters["locale"] = order.locale
    return parameters
