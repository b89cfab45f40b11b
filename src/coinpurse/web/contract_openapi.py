"""The checkout contract and the user's own wallet in our OpenAPI description."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from apispec import APISpec
from flask import Flask

from coinpurse.web import openapi
from coinpurse.web.openapi import component, parameter
from coinpurse.web.openapi import marked as _

LOGIN = ("login_required", "database_unavailable", "overloaded")
CHANGE = (*LOGIN, "wrong_origin", "json_required")
URL: openapi.Schema = {"type": "string", "format": "uri", "maxLength": 2048}
SESSION_ID = parameter(
    "path", "session_id", {"type": "string"}, _("The id of Stripe's checkout session.")
)
LIMIT = parameter(
    "query",
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    _("How many rows."),
)
BEFORE = parameter(
    "query",
    "before",
    {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    _("Only rows with a smaller id: `next` of the page before."),
)
KEY = parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    _("Makes a double click one checkout."),
)
ORDER: openapi.Schema = {
    "type": "object",
    "properties": {
        "price_usd": {"type": "number", "example": 99.99},
        "coins": {"type": "integer", "minimum": 1, "example": 1000},
        "bonus": {"type": "integer", "minimum": 0, "default": 0, "example": 200},
        "pack": {"type": "string", "example": "chest"},
        "currency": {"type": "string", "default": "usd"},
        "success_url": URL,
        "cancel_url": URL,
    },
}


def _reading(
    tag: str,
    summary: str,
    answer: str,
    *,
    refusals: Sequence[str] = LOGIN,
    parameters: Sequence[openapi.Schema] = (),
) -> dict[str, Any]:
    return {
        "tags": [tag],
        "summary": summary,
        "security": [{"login": []}],
        "parameters": list(parameters),
        "responses": openapi.answers(component(answer), refusals),
    }


PAYMENTS = _("The buyer's payments")
WALLET = _("The buyer's wallet")

# Endpoint, method, description.
OPERATIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "coinpurse_payment.create_checkout_session",
        "post",
        {
            "tags": [PAYMENTS],
            "summary": _("Open a checkout"),
            "description": _(
                "For a pack, named by its sku or by its price, coins and bonus. The figures must be those of a"
                " pack on sale: the client never sets a price. `bonus` may include the bonus of a first purchase"
                " where the buyer is due one; whoever names the ordinary bonus gets it all the same."
            ),
            "security": [{"login": []}],
            "parameters": [KEY],
            "requestBody": openapi.json_body(ORDER),
            "responses": openapi.answers(
                component("Checkout"),
                (
                    *CHANGE, "invalid_json", "too_large", "invalid_request", "pack_unavailable",
                    "price_mismatch", "pack_limit_reached", "redirect_not_allowed", "idempotency_conflict",
                    "checkout_failed",
                ),
            ),
        },
    ),
    (
        "coinpurse_payment.status",
        "get",
        _reading(
            PAYMENTS,
            _("How a payment stands"),
            "PaymentStatus",
            refusals=(*LOGIN, "forbidden", "payment_not_found"),
            parameters=[SESSION_ID],
        ),
    ),
    (
        "coinpurse_payment.cancel",
        "post",
        {
            **_reading(
                PAYMENTS,
                _("Close an open checkout"),
                "PaymentStatus",
                refusals=(*CHANGE, "forbidden", "payment_not_found", "stripe_unavailable"),
                parameters=[SESSION_ID],
            ),
            "requestBody": openapi.json_body({"type": "object"}),
        },
    ),
    ("coinpurse_payment.packs", "get", _reading(PAYMENTS, _("The packs on sale"), "Packs")),
    (
        "coinpurse_payment.history",
        "get",
        _reading(
            PAYMENTS,
            _("The buyer's payments, newest first"),
            "Payments",
            refusals=(*LOGIN, "invalid_request"),
            parameters=[LIMIT],
        ),
    ),
    (
        "coinpurse_webhook.receive",
        "post",
        {
            "tags": [PAYMENTS],
            "summary": _("Take an event of Stripe's"),
            "description": _("Only Stripe calls this: the body must carry its signature."),
            "security": [],
            "parameters": [
                parameter("header", "Stripe-Signature", {"type": "string"}, _("Stripe's signature."))
            ],
            "requestBody": openapi.json_body({"type": "object"}),
            "responses": {
                "200": openapi.json_answer(
                    openapi.record(status=openapi.TEXT), _("The event is stored.")
                ),
                "400": openapi.json_answer(
                    openapi.record(error=openapi.TEXT), _("Invalid payload or invalid signature.")
                ),
                "413": openapi.json_answer(component("Refusal"), "`too_large`"),
            },
        },
    ),
    ("coinpurse_wallet.show", "get", _reading(WALLET, _("What the buyer has"), "OwnWallet")),
    (
        "coinpurse_wallet.transactions",
        "get",
        _reading(
            WALLET,
            _("The buyer's ledger, newest first"),
            "OwnTransactions",
            refusals=(*LOGIN, "invalid_request"),
            parameters=[BEFORE, LIMIT],
        ),
    ),
    (
        "coinpurse_wallet.statement",
        "get",
        {
            **_reading(WALLET, _("The whole ledger of the buyer as CSV"), "OwnWallet"),
            "responses": {
                **openapi.answers(component("OwnWallet"), LOGIN),
                "200": {
                    "description": _("As asked."),
                    "content": {"text/csv": {"schema": {"type": "string"}}},
                },
            },
        },
    ),
)  # fmt: skip


def describe(spec: APISpec, app: Flask) -> None:
    """Add the contract's operations to the description."""
    for endpoint, method, words in OPERATIONS:
        rule = next(app.url_map.iter_rules(endpoint))
        spec.path(rule=rule, operations={method: deepcopy(words)})
