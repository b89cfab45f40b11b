"""The gateway: `ports.StripeGateway` over Stripe's SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

import stripe

from coinpurse.errors import GatewayError
from coinpurse.ports import (
    AfterSale,
    Charge,
    CheckoutParameters,
    CheckoutSession,
    Clock,
    Dispute,
    FraudWarning,
    Listed,
    Page,
    PaymentIntent,
    Refund,
    StripeEvent,
    StripeObject,
)
from coinpurse.stripe_gateway.client import TIMEOUT_SECONDS, make_client
from coinpurse.stripe_gateway.events import read_payload
from coinpurse.stripe_gateway.fields import UnreadableError
from coinpurse.stripe_gateway.lists import list_of
from coinpurse.stripe_gateway.products import ProductCalls
from coinpurse.stripe_gateway.readers import read_object
from coinpurse.stripe_gateway.refusals import send, unusable_answer
from coinpurse.stripe_gateway.signatures import verified_text

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams
    from stripe.params.checkout import SessionCreateParams

LIVE_KEY = re.compile(r"(?:sk|rk)_live_")
ID_FORM = re.compile(r"[A-Za-z0-9_]{1,255}")

Wanted = TypeVar("Wanted", CheckoutSession, PaymentIntent, Charge, Refund, Dispute, FraudWarning)


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


class Gateway(ProductCalls):
    """Stripe, asked over the network and believed by signature.

    webhook_secrets: any of them may have signed a delivery, so that one can be rolled.
    api_base: another API host than Stripe's, such as the sandbox.
    timeout_seconds: to connect, and to wait for an answer; a request is tried three times.
    Safe for threads. Neither its errors nor its log lines have a key in them.
    """

    def __init__(
        self,
        secret_key: str,
        *,
        webhook_secrets: Sequence[str],
        api_base: str | None = None,
        clock: Clock = utc_now,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    ) -> None:
        # A text is a sequence of texts too, and each of its letters would be tried as a secret.
        assert not isinstance(webhook_secrets, str), "webhook_secrets is a sequence of secrets"
        self._secret_key = secret_key
        self._webhook_secrets = tuple(webhook_secrets)
        self._clock = clock
        self._client = make_client(secret_key, api_base, timeout_seconds)

    @property
    def livemode(self) -> bool:
        """Whether the configured key moves real money."""
        return LIVE_KEY.match(self._secret_key) is not None

    def create_checkout_session(self, checkout: CheckoutParameters) -> CheckoutSession:
        """Open a hosted checkout. The same key and parameters again give the same one."""
        # Without a key the SDK would draw one for each call: a repeat would open a second session.
        assert checkout.idempotency_key, "a checkout has its key before Stripe is called"
        parameters = cast("SessionCreateParams", dict(checkout.parameters))
        return self._ask(
            CheckoutSession,
            lambda: self._client.v1.checkout.sessions.create(
                parameters, {"idempotency_key": checkout.idempotency_key}
            ),
        )

    def get_checkout_session(self, session_id: str) -> CheckoutSession:
        """Fetch a session as it stands now."""
        known = _checked_id(session_id)
        return self._ask(CheckoutSession, lambda: self._client.v1.checkout.sessions.retrieve(known))

    def expire_checkout_session(self, session_id: str) -> CheckoutSession:
        """Close an open session, so that it cannot be paid. GatewayError if it is not open."""
        known = _checked_id(session_id)
        return self._ask(CheckoutSession, lambda: self._client.v1.checkout.sessions.expire(known))

    def get_payment_intent(self, payment_intent_id: str) -> PaymentIntent:
        """Fetch a payment intent as it stands now."""
        known = _checked_id(payment_intent_id)
        return self._ask(PaymentIntent, lambda: self._client.v1.payment_intents.retrieve(known))

    def get_charge(self, charge_id: str) -> Charge:
        """Fetch a charge as it stands now."""
        known = _checked_id(charge_id)
        return self._ask(Charge, lambda: self._client.v1.charges.retrieve(known))

    def get_refund(self, refund_id: str) -> Refund:
        """Fetch a refund as it stands now."""
        known = _checked_id(refund_id)
        return self._ask(Refund, lambda: self._client.v1.refunds.retrieve(known))

    def get_dispute(self, dispute_id: str) -> Dispute:
        """Fetch a dispute as it stands now."""
        known = _checked_id(dispute_id)
        return self._ask(Dispute, lambda: self._client.v1.disputes.retrieve(known))

    def get_fraud_warning(self, warning_id: str) -> FraudWarning:
        """Fetch an early fraud warning as it stands now."""
        known = _checked_id(warning_id)
        return self._ask(
            FraudWarning, lambda: self._client.v1.radar.early_fraud_warnings.retrieve(known)
        )

    def get_after_sale(self, payment_intent_id: str) -> AfterSale:
        """Fetch every refund, dispute and fraud warning of a payment as they stand now.

        All or nothing: one that cannot be read is a GatewayError, because coins follow from the whole.
        """
        known = _checked_id(payment_intent_id)
        return AfterSale(
            refunds=self._list_all(Refund, {"payment_intent": known}),
            disputes=self._list_all(Dispute, {"payment_intent": known}),
            warnings=self._list_all(FraudWarning, {"payment_intent": known}),
        )

    def create_refund(
        self,
        payment_intent_id: str,
        *,
        amount_minor: int,
        reason: str | None,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> Refund:
        """Give money back. A repeat with the same key and content gives the same refund."""
        # Without a key the SDK would draw one for each call: a repeat would pay twice.
        assert idempotency_key, "a refund has its key before Stripe is called"
        parameters: RefundCreateParams = {
            "payment_intent": _checked_id(payment_intent_id),
            "amount": amount_minor,
            "metadata": dict(metadata),
        }
        if reason is not None:
            # Which reasons there are is Stripe's to say; it refuses others.
            parameters["reason"] = cast("Any", reason)
        return self._ask(
            Refund,
            lambda: self._client.v1.refunds.create(
                parameters, {"idempotency_key": idempotency_key}
            ),
        )

    def list_page(
        self, kind: type[Listed], *, since: datetime, cursor: str | None = None
    ) -> Page[Listed]:
        """Fetch a page of what was created since a moment, newest first, 100 at most.

        An entry that cannot be read does not end the list: it is logged, and the page names it in
        `unreadable_ids`. Of StripeEvent: those that an endpoint of the account has not taken, of every
        type; each reads like the snapshot that was or would have been delivered.
        """
        return self._list(kind, {"created": {"gte": int(since.timestamp())}}, cursor)

    def read_event(self, body: bytes, signature: str | None) -> StripeEvent:
        """Verify a webhook delivery against the configured secrets and read it.

        Raises WebhookRejected("Invalid payload" | "Invalid signature"); the signature comes first.
        """
        now = self._clock()
        return read_payload(verified_text(body, signature, self._webhook_secrets, now), now)

    def parse_event(self, payload: str) -> StripeEvent:
        """Read the payload of an event that was verified before, as the inbox kept it."""
        return read_payload(payload, self._clock())

    def fetch(self, event: StripeEvent) -> StripeObject | None:
        """Fetch what an event is about as it stands now; None for types that we do not read."""
        fetch_by_id = FETCHERS.get(event.object_type)
        return fetch_by_id(self, event.object_id) if fetch_by_id and event.object_id else None

    def _ask(self, wanted: type[Wanted], request: Callable[[], stripe.StripeObject]) -> Wanted:
        """Send one request and read its answer. Raises GatewayError and nothing else."""
        return _read_answer(wanted, self._send(request))

    def _list_all(self, kind: type[Listed], conditions: Mapping[str, object]) -> tuple[Listed, ...]:
        """Fetch the whole of a list. Raises GatewayError, also for a part that is unreadable."""
        found: list[Listed] = []
        cursor = None
        while True:
            page = self._list(kind, conditions, cursor)
            if page.unreadable_ids:
                raise unusable_answer(
                    f"a {kind.__name__} in a list cannot be read", status=None, request_id=None
                )
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return tuple(found)

    def _list(
        self, kind: type[Listed], conditions: Mapping[str, object], cursor: str | None
    ) -> Page[Listed]:
        """Fetch and read one page. Raises GatewayError and nothing else."""
        wanted = list_of(kind)
        after = None if cursor is None else _checked_id(cursor)
        asked = wanted.page_parameters(conditions, after)
        answer = self._send(lambda: wanted.ask(self._client, asked))
        try:
            return wanted.read_page(answer.to_dict(for_json=True), after)
        except UnreadableError as unreadable:
            raise _unusable(answer, str(unreadable)) from None

    def _send(self, request: Callable[[], stripe.StripeObject]) -> stripe.StripeObject:
        """Send one request. Raises GatewayError and nothing else."""
        return send(request, self._secret_key)


FETCHERS: Mapping[str, Callable[[Gateway, str], StripeObject]] = {
    "checkout.session": Gateway.get_checkout_session,
    "payment_intent": Gateway.get_payment_intent,
    "charge": Gateway.get_charge,
    "refund": Gateway.get_refund,
    "dispute": Gateway.get_dispute,
    "radar.early_fraud_warning": Gateway.get_fraud_warning,
}


def _checked_id(object_id: str) -> str:
    """Refuse what is no id: empty or dotted, it would make the address of another call."""
    if ID_FORM.fullmatch(object_id) is None:
        raise GatewayError(f"{object_id[:80]!r} is not an id of Stripe's.", retryable=False)
    return object_id


def _read_answer(wanted: type[Wanted], answer: stripe.StripeObject) -> Wanted:
    # The SDK's objects are no dicts; from here on there are only ours.
    facts = answer.to_dict(for_json=True)
    problem = f"it is not a {wanted.__name__}"
    try:
        found = read_object(facts)
        if isinstance(found, wanted):
            return found
    except UnreadableError as unreadable:
        problem = str(unreadable)
    raise _unusable(answer, problem)


def _unusable(answer: stripe.StripeObject, problem: str) -> GatewayError:
    response = answer.last_response
    return unusable_answer(
        problem,
        status=response.code if response else None,
        request_id=response.request_id if response else None,
    )
