"""PaymentIntents: the full shape, and the defaults that Stripe fills in."""

from __future__ import annotations

from stripe_sandbox.ids import client_secret, new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

CONFIGURATION = "pmc_1SandboxDefaultSettings00"
CARD_OPTIONS: Json = {
    "installments": None,
    "mandate_options": None,
    "network": None,
    "request_three_d_secure": "automatic",
}
OPTIONS: dict[str, Json] = {
    "card": CARD_OPTIONS,
    "link": {"persistent_token": None},
    "sepa_debit": {},
    "alipay": {},
    "wechat_pay": {"app_id": None, "client": None},
    "konbini": {
        "confirmation_number": None,
        "expires_after_days": None,
        "expires_at": None,
        "product_description": None,
    },
    "customer_balance": {},
    "bacs_debit": {},
    "us_bank_account": {"verification_method": "automatic"},
    "boleto": {"expires_after_days": 3},
    "oxxo": {"expires_after_days": 3},
}


def create(
    work: UnitOfWork,
    *,
    amount: int,
    currency: str,
    types: list[str],
    automatic: Json | None,
    given: Json,
) -> Json:
    """Store a new PaymentIntent in requires_payment_method; emits nothing.

    given: the optional parameters by their API names, already checked.
    """
    identifier = new_id("pi_")
    body: Json = {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": given.get("allowed_payment_method_types"),
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": client_secret(identifier),
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "created": work.timestamp,
        "currency": currency,
        "customer": given.get("customer"),
        "customer_account": None,
        "description": given.get("description"),
        "excluded_payment_method_types": given.get("excluded_payment_method_types"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": given.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": given.get("payment_method"),
        "payment_method_configuration_details": (
            {"id": CONFIGURATION, "parent": None} if automatic else None
        ),
        "payment_method_options": {name: dict(OPTIONS.get(name, {})) for name in types},
        "payment_method_types": types,
        "processing": None,
        "receipt_email": given.get("receipt_email"),
        "review": None,
        "setup_future_usage": given.get("setup_future_usage"),
        "shipping": given.get("shipping"),
        "statement_descriptor": given.get("statement_descriptor"),
        "statement_descriptor_suffix": given.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": given.get("transfer_group"),
    }
    return work.insert(body)
