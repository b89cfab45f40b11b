"""Stripe's objects, read into ours: one function for each kind and one table that holds them.

Which fields may be absent or null is Stripe's published API description. Statuses and modes stay
text, because Stripe adds to them. Everything raises UnreadableError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coinpurse.ports import CheckoutSession, PaymentIntent, StripeObject
from coinpurse.stripe_gateway.fields import Fields


def read_checkout_session(session: Fields) -> CheckoutSession:
    """Read a checkout session. A session in setup mode has no amount: 0 and no currency."""
    buyer = session.optional_part("customer_details")
    return CheckoutSession(
        id=session.text("id"),
        status=session.optional_text("status") or "",
        payment_status=session.text("payment_status"),
        amount_minor=session.optional_integer("amount_total") or 0,
        currency=(session.optional_text("currency") or "").lower(),
        livemode=session.flag("livemode"),
        mode=session.text("mode"),
        url=session.optional_text("url"),
        payment_intent_id=session.optional_reference("payment_intent"),
        client_reference_id=session.optional_text("client_reference_id"),
        metadata=session.metadata(),
        # The first is what the buyer typed, the second what we asked Stripe to fill in.
        customer_email=(buyer.optional_text("email") if buyer else None)
        or session.optional_text("customer_email"),
        created_at=session.optional_moment("created"),
        expires_at=session.optional_moment("expires_at"),
    )


def read_payment_intent(intent: Fields) -> PaymentIntent:
    """Read a payment intent. Where no bank gave a decline code, Stripe's error code stands in."""
    decline = intent.optional_part("last_payment_error")
    return PaymentIntent(
        id=intent.text("id"),
        status=intent.text("status"),
        amount_minor=intent.integer("amount"),
        currency=intent.text("currency").lower(),
        livemode=intent.flag("livemode"),
        metadata=intent.metadata(),
        decline_code=(decline.optional_text("decline_code") or decline.optional_text("code"))
        if decline
        else None,
        decline_message=decline.optional_text("message") if decline else None,
    )


READERS: Mapping[str, Callable[[Fields], StripeObject]] = {
    "checkout.session": read_checkout_session,
    "payment_intent": read_payment_intent,
}


def read_object(values: Mapping[str, object]) -> StripeObject | None:
    """Read one of Stripe's objects by its type; None for a type that is not in the table."""
    kind = Fields("object", values).optional_text("object") or ""
    reader = READERS.get(kind)
    return None if reader is None else reader(Fields(kind, values))
