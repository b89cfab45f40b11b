"""Checkout sessions: the full shape, and what the sandbox keeps beside it."""

from __future__ import annotations

import copy

from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.payment_intent import CONFIGURATION
from stripe_sandbox.unit_of_work import UnitOfWork

ECHOED = (
    "after_expiration",
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
    "success_url",
)

# What every session starts with.
AS_OPENED: Json = {
    "adaptive_pricing": {"enabled": False},
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "customer_account": None,
    "discounts": [],
    "invoice": None,
    "invoice_creation": {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": None,
            "metadata": {},
            "rendering_options": None,
        },
    },
    "livemode": False,
    "managed_payments": {"enabled": False},
    "mode": "payment",
    "optional_items": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_collection": "if_required",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "subscription": None,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "wallet_options": None,
}


def create(
    work: UnitOfWork,
    given: Json,
    *,
    line_items: list[Json],
    currency: str,
    types: list[str],
    automatic: bool,
    expires_at: int,
    customer_details: Json | None,
) -> Json:
    """Store a new open session; `given` holds checked parameters by their API names."""
    identifier = new_id("cs_test_")
    total = sum(item["amount_total"] for item in line_items)
    ui_mode = given.get("ui_mode", "hosted_page")
    hosted = ui_mode == "hosted_page"
    body: Json = {
        **copy.deepcopy(AS_OPENED),
        "id": identifier,
        "object": "checkout.session",
        **{name: given.get(name) for name in ECHOED},
        "amount_subtotal": sum(item["amount_subtotal"] for item in line_items),
        "amount_total": total,
        "client_secret": None if hosted else f"{identifier}_secret_{new_id('x_')[2:]}",
        "created": work.timestamp,
        "currency": currency,
        "customer_creation": None
        if given.get("customer")
        else given.get("customer_creation", "if_required"),
        "customer_details": customer_details,
        "expires_at": expires_at,
        "metadata": given.get("metadata") or {},
        "payment_method_configuration_details": (
            {"id": CONFIGURATION, "parent": None} if automatic else None
        ),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}}
        if "card" in types
        else {},
        "payment_method_types": types,
        "payment_status": "unpaid" if total else "no_payment_required",
        "ui_mode": ui_mode,
        "url": f"{work.request.base_url}/c/pay/{identifier}" if hosted else None,
    }
    if given.get("return_url"):
        body["return_url"] = given["return_url"]
    if not hosted:
        body["redirect_on_completion"] = given.get("redirect_on_completion", "always")
    private: Json = {
        "line_items": line_items,
        "payment_intent_data": given.get("payment_intent_data") or {},
    }
    return work.insert(body, private)


def line_item(
    price: Json, name: str, quantity: int, unit_amount: int, extras: Json | None = None
) -> Json:
    """Return one line item; `name` is the product's."""
    total = unit_amount * quantity
    return {
        "id": new_id("li_"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": name,
        "metadata": {},
        "price": price,
        "quantity": quantity,
    } | (extras or {})


def resolved_url(url: str | None, session_id: str) -> str | None:
    """Return a success URL as Stripe redirects to it."""
    return None if url is None else url.replace("{CHECKOUT_SESSION_ID}", session_id)
