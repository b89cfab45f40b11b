"""Customers: the full shape."""

from __future__ import annotations

from stripe_sandbox.ids import new_id, random_text
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def create(work: UnitOfWork, given: Json) -> Json:
    """Store a new customer from checked parameters; emits nothing."""
    body: Json = {
        "id": new_id("cus_"),
        "object": "customer",
        "address": given.get("address"),
        "balance": given.get("balance", 0),
        "created": work.timestamp,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": given.get("description"),
        "discount": None,
        "email": given.get("email"),
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "name": given.get("name"),
        "next_invoice_sequence": 1,
        "phone": given.get("phone"),
        "preferred_locales": given.get("preferred_locales", []),
        "shipping": given.get("shipping"),
        "tax_exempt": given.get("tax_exempt") or "none",
        "test_clock": None,
    }
    return work.insert(body)
