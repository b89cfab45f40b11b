"""Stripe's objects, read into ours: one function for each kind and one table that holds them.

Which fields may be absent or null is Stripe's published API description. Statuses and modes stay
text, because Stripe adds to them. Everything raises UnreadableError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from coinpurse.ports import (
    BalanceTransaction,
    Charge,
    CheckoutSession,
    Dispute,
    FraudWarning,
    PaymentIntent,
    Refund,
    StripeObject,
    StripePrice,
    StripeProduct,
)
from coinpurse.stripe_gateway.fields import EPOCH, Fields

# What a dispute's balance transactions are called when they move the disputed money itself. The second
# is Stripe's `type`, for one that has no reporting category.
DISPUTE_CATEGORIES = frozenset({"dispute", "dispute_reversal"})
DISPUTE_TYPE = "adjustment"


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
        integration_identifier=session.optional_text("integration_identifier"),
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


def read_charge(charge: Fields) -> Charge:
    """Read a charge. One that was made without a payment intent is no payment of ours."""
    return Charge(
        id=charge.text("id"),
        payment_intent_id=charge.optional_reference("payment_intent"),
        livemode=charge.flag("livemode"),
    )


def read_refund(refund: Fields) -> Refund:
    """Read a refund. Stripe may leave out its status: ""."""
    return Refund(
        id=refund.text("id"),
        status=refund.optional_text("status") or "",
        amount_minor=refund.integer("amount"),
        currency=refund.text("currency").lower(),
        payment_intent_id=refund.optional_reference("payment_intent"),
        created_at=refund.moment("created"),
        reason=refund.optional_text("reason"),
        failure_reason=refund.optional_text("failure_reason"),
        metadata=refund.metadata(),
    )


def read_dispute(dispute: Fields) -> Dispute:
    """Read a dispute, with the sums of what its balance transactions took and gave back."""
    moved = _moved_minor(dispute)
    evidence = dispute.optional_part("evidence_details")
    due_at = evidence.optional_moment("due_by") if evidence else None
    return Dispute(
        id=dispute.text("id"),
        status=dispute.text("status"),
        amount_minor=dispute.integer("amount"),
        currency=dispute.text("currency").lower(),
        payment_intent_id=dispute.optional_reference("payment_intent"),
        livemode=dispute.flag("livemode"),
        created_at=dispute.moment("created"),
        reason=dispute.optional_text("reason"),
        withdrawn_minor=-sum(amount for amount in moved if amount < 0),
        reinstated_minor=sum(amount for amount in moved if amount > 0),
        # Stripe writes 0 where the bank takes no evidence.
        evidence_due_at=None if due_at == EPOCH else due_at,
    )


def _moved_minor(dispute: Fields) -> list[int]:
    """List what moved the disputed money. Fees of their own and other entries are left out."""
    return [
        entry.integer("amount")
        for entry in dispute.parts("balance_transactions")
        if (entry.optional_text("reporting_category") in DISPUTE_CATEGORIES)
        or (
            entry.optional_text("reporting_category") is None
            and entry.optional_text("type") == DISPUTE_TYPE
        )
    ]


def read_fraud_warning(warning: Fields) -> FraudWarning:
    """Read an early fraud warning."""
    return FraudWarning(
        id=warning.text("id"),
        payment_intent_id=warning.optional_reference("payment_intent"),
        actionable=warning.flag("actionable"),
        fraud_type=warning.text("fraud_type"),
        livemode=warning.flag("livemode"),
        created_at=warning.moment("created"),
    )


def read_balance_transaction(movement: Fields) -> BalanceTransaction:
    """Read a balance transaction. Its payment is known only where its source came expanded."""
    source_id = movement.optional_reference("source")
    # Charges, refunds and disputes have this field, and no other source has.
    expanded = isinstance(movement.raw().get("source"), Mapping)
    source = movement.optional_part("source") if expanded else None
    return BalanceTransaction(
        id=movement.text("id"),
        type=movement.text("type"),
        reporting_category=movement.text("reporting_category"),
        amount_minor=movement.integer("amount"),
        fee_minor=movement.integer("fee"),
        currency=movement.text("currency").lower(),
        created_at=movement.moment("created"),
        source_id=source_id,
        payment_intent_id=source.optional_reference("payment_intent") if source else None,
    )


def read_product(product: Fields) -> StripeProduct:
    """Read a product."""
    images = product.raw().get("images")
    return StripeProduct(
        id=product.text("id"),
        name=product.text("name"),
        active=product.flag("active"),
        description=product.optional_text("description"),
        images=tuple(str(each) for each in images) if isinstance(images, list) else (),
        metadata=product.metadata(),
    )


def read_price(price: Fields) -> StripePrice:
    """Read a price. A tiered one, or one of fractions of a cent, has no amount."""
    product_id = price.optional_reference("product")
    return StripePrice(
        id=price.text("id"),
        product_id=product_id or "",
        currency=price.text("currency").lower(),
        amount_minor=price.optional_integer("unit_amount"),
        active=price.flag("active"),
        metadata=price.metadata(),
    )


# What an event can be about, and what can be fetched by its id.
READERS: Mapping[str, Callable[[Fields], StripeObject]] = {
    "checkout.session": read_checkout_session,
    "payment_intent": read_payment_intent,
    "charge": read_charge,
    "refund": read_refund,
    "dispute": read_dispute,
    "radar.early_fraud_warning": read_fraud_warning,
}


def read_object(values: Mapping[str, object]) -> StripeObject | None:
    """Read one of Stripe's objects by its type; None for a type that is not in the table."""
    kind = Fields("object", values).optional_text("object") or ""
    reader = READERS.get(kind)
    return None if reader is None else reader(Fields(kind, values))
