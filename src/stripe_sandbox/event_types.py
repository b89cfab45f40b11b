"""Every type of event that the sandbox may send, or that its readers may subscribe to.

Stripe knows many more; endpoints may name these and "*".
"""

from __future__ import annotations

EVENT_TYPES = frozenset((
    "charge.captured", "charge.expired", "charge.failed", "charge.pending", "charge.refunded",
    "charge.succeeded", "charge.updated", "charge.refund.updated", "charge.dispute.created",
    "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated", "checkout.session.completed", "checkout.session.expired",
    "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
    "customer.created", "customer.updated", "customer.deleted", "payment_intent.created",
    "payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.processing",
    "payment_intent.requires_action", "payment_intent.canceled",
    "payment_intent.amount_capturable_updated", "payment_intent.partially_funded",
    "payment_method.attached", "payment_method.detached", "payment_method.updated",
    "payment_method.automatically_updated", "price.created", "price.updated", "price.deleted",
    "product.created", "product.updated", "product.deleted", "radar.early_fraud_warning.created",
    "radar.early_fraud_warning.updated", "refund.created", "refund.updated", "refund.failed",
    "setup_intent.created", "setup_intent.succeeded", "setup_intent.setup_failed",
    "setup_intent.canceled", "setup_intent.requires_action", "account.updated",
    "balance.available", "payout.created", "payout.paid", "payout.failed", "review.opened",
    "review.closed",
))  # fmt: skip
