"""/v1/account: the one account that every test key opens"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.json_types import Json
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.unit_of_work import UnitOfWork

CAPABILITIES = ("card_payments", "link_payments", "sepa_debit_payments", "konbini_payments")
assert {"card", "link", "sepa_debit", "konbini"} <= set(TYPES)


def retrieve(work: UnitOfWork, call: Call) -> Json:  # noqa: ARG001 - the handler's shape
    """Return the account."""
    return {
        "id": work.store.setting("account"),
        "object": "account",
        "business_type": "company",
        "capabilities": dict.fromkeys(CAPABILITIES, "active"),
        "charges_enabled": True,
        "country": "US",
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": work.config.merchant_name, "timezone": "Etc/UTC"},
            "payments": {
                "statement_descriptor": "COIN SHOP",
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


def retrieve_by_id(work: UnitOfWork, call: Call) -> Json:
    """Return the account by its id; there is no other."""
    if call.path["account"] != work.store.setting("account"):
        raise ApiError(
            f"The provided key does not have access to account '{call.path['account']}' (or that "
            "account does not exist).",
            status=403,
            code="account_invalid",
        )
    return retrieve(work, call)


ROUTES = (
    Route("GET", "/v1/account", retrieve),
    Route("GET", "/v1/accounts/{account}", retrieve_by_id),
)
