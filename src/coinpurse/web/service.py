"""The service API: `/api/v1/`, for other backends with a key. No cookie is asked.

A repeat of a POST with its Idempotency-Key is answered with the first result. Keys are the caller's own, for
each wallet: the same key may be used for two users.
"""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from coinpurse.errors import DomainError, InvalidRequest, NotFound
from coinpurse.ledger import Spend, SpendResult
from coinpurse.web import json_requests, openapi, service_fields
from coinpurse.web import service_answers as answers
from coinpurse.web.access import current_purse
from coinpurse.web.language import gettext
from coinpurse.web.openapi import marked as _
from coinpurse.web.service_fields import Fields
from coinpurse.web.service_operations import Call, blueprint, operation
from coinpurse.web.store import default_urls

__all__ = ["blueprint"]

LARGEST_ID = 2**63 - 1
MAXIMUM_BATCH = 1000
ID_SCHEMA = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID, "format": "int64"}
FOR_SPENDING = ("insufficient_coins", "wallet_blocked", "not_found")

USER = openapi.parameter(
    "path", "user_id", {**service_fields.USER_ID_SCHEMA, "pattern": "^[^/]+$"}, _("The user's id.")
)
HOLD_ID = openapi.parameter("path", "hold_id", ID_SCHEMA, _("The id of a hold."))
TRANSACTION_ID = openapi.parameter(
    "path", "transaction_id", ID_SCHEMA, _("The id of a usage or a capture.")
)
PAGE = (
    openapi.parameter(
        "query", "before", ID_SCHEMA, _("Only rows with a smaller id: `next` of the page before.")
    ),
    openapi.parameter(
        "query",
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
        _("How many rows."),
    ),
)


@operation(
    "/wallets/<user_id>",
    scope="read",
    tag=_("Wallets"),
    summary=_("What a user has"),
    description=_("Somebody who was never seen has zero coins."),
    parameters=[USER],
    answer="Wallet",
)
def show_wallet(user_id: str) -> Response:
    """What the user has now."""
    wallet = current_purse().wallet(_user(user_id))
    return jsonify(
        user_id=wallet.user_id,
        balance=wallet.balance,
        available=wallet.available,
        held=wallet.held,
        frozen=wallet.frozen,
        paid=wallet.paid,
        bonus=wallet.bonus,
        debt=wallet.debt,
        blocked=wallet.blocked,
    )


@operation(
    "/wallets/<user_id>/transactions",
    scope="read",
    tag=_("Wallets"),
    summary=_("A user's ledger, newest first"),
    description=_("Pages stay right while new rows arrive: go on with `before`."),
    parameters=[USER, *PAGE],
    answer="Transactions",
)
def list_transactions(user_id: str) -> Response:
    """The user's ledger rows."""
    limit = json_requests.query_number("limit", least=1, most=200, default=50)
    before = json_requests.query_number("before", least=1, most=LARGEST_ID, default=None)
    assert limit is not None
    rows = current_purse().transactions(_user(user_id), before=before, limit=limit)
    return jsonify(
        transactions=[answers.transaction(row) for row in rows],
        next=rows[-1].id if len(rows) == limit else None,
    )


@operation(
    "/wallets/<user_id>/spend",
    scope="spend",
    tag=_("Wallets"),
    summary=_("Spend coins"),
    description=_("Those that expire soonest go first. For many spends at once there is /usage."),
    parameters=[USER],
    fields=service_fields.SPEND,
    refusals=FOR_SPENDING,
    answer="Transaction",
)
def spend(call: Call, user_id: str) -> Response:
    """Use coins."""
    return jsonify(
        answers.transaction(current_purse().spend(_user(user_id), key=call.key, **call.body))
    )


@operation(
    "/wallets/<user_id>/credit",
    scope="grant",
    tag=_("Wallets"),
    summary=_("Give coins"),
    description=_("A debt is repaid first."),
    parameters=[USER],
    fields=service_fields.CREDIT,
    answer="Transaction",
)
def credit(call: Call, user_id: str) -> Response:
    """Give coins."""
    return jsonify(
        answers.transaction(current_purse().credit(_user(user_id), key=call.key, **call.body))
    )


@operation(
    "/wallets/<user_id>/holds",
    scope="spend",
    tag=_("Holds"),
    summary=_("Set coins aside"),
    description=_("They are free again when the time is over, unless they were captured."),
    parameters=[USER],
    fields=service_fields.HOLD,
    refusals=FOR_SPENDING,
    answer="Hold",
)
def hold(call: Call, user_id: str) -> Response:
    """Set coins aside."""
    return jsonify(answers.hold(current_purse().hold(_user(user_id), key=call.key, **call.body)))


@operation(
    "/holds/<hold_id>/capture",
    scope="spend",
    tag=_("Holds"),
    summary=_("Take coins that were set aside"),
    description=_("All of them, or as many as `coins` says; the rest is free again."),
    parameters=[HOLD_ID],
    fields=service_fields.CAPTURE,
    refusals=("not_found", "hold_already_resolved", "amount_too_large"),
    answer="Transaction",
)
def capture(call: Call, hold_id: str) -> Response:
    """Take held coins."""
    id_ = _known_id(hold_id, "hold")
    return jsonify(answers.transaction(current_purse().capture(id_, key=call.key, **call.body)))


@operation(
    "/holds/<hold_id>/void",
    scope="spend",
    tag=_("Holds"),
    summary=_("Let go of coins that were set aside"),
    parameters=[HOLD_ID],
    fields=service_fields.VOID,
    refusals=("not_found", "hold_already_resolved"),
    answer="Transaction",
)
def void(call: Call, hold_id: str) -> Response:
    """Let go of held coins."""
    return jsonify(
        answers.transaction(current_purse().void(_known_id(hold_id, "hold"), key=call.key))
    )


@operation(
    "/transactions/<transaction_id>/reverse",
    scope="spend",
    tag=_("Wallets"),
    summary=_("Undo a spend"),
    description=_("Whole, or as many as `coins` says; the coins return to where they came from."),
    parameters=[TRANSACTION_ID],
    fields=service_fields.REVERSE,
    refusals=("not_found", "amount_too_large"),
    answer="Transaction",
)
def reverse(call: Call, transaction_id: str) -> Response:
    """Undo a usage or a capture."""
    id_ = _known_id(transaction_id, "transaction")
    return jsonify(answers.transaction(current_purse().reverse(id_, key=call.key, **call.body)))


def _batch(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > MAXIMUM_BATCH:
        raise InvalidRequest(
            name, gettext("must be a list of at most %(most)s spends", most=MAXIMUM_BATCH)
        )
    return value


USAGE: Fields = {
    "spends": service_fields.Field(
        _batch,
        {
            "type": "array",
            "maxItems": MAXIMUM_BATCH,
            "items": service_fields.schema_of(service_fields.USAGE_ITEM),
        },
        required=True,
    )
}


@operation(
    "/usage",
    scope="spend",
    tag=_("Usage"),
    summary=_("Report up to 1000 spends"),
    description=_(
        "Each spend has its own key and its own result, in order; a bad one fails alone. A repeat rests on the"
        " key of each spend, not on the header."
    ),
    fields=USAGE,
    answer="Usage",
)
def usage(call: Call) -> Response:
    """Apply many spends."""
    refused: dict[int, DomainError] = {}
    good: dict[int, Spend] = {}
    for place, item in enumerate(call.body["spends"]):
        try:
            values = service_fields.read_fields(item, service_fields.USAGE_ITEM)
        except InvalidRequest as error:
            refused[place] = error
        else:
            key = service_fields.KEY_PREFIX + values.pop("key")
            good[place] = Spend(key=key, **values)
    done = dict(zip(good, current_purse().spend_many(list(good.values())), strict=True))
    results: dict[int, SpendResult] = {**refused, **done}
    return jsonify(results=[answers.usage_result(results[place]) for place in sorted(results)])


@operation(
    "/checkout-sessions",
    scope="checkout",
    tag=_("Checkout"),
    summary=_("Open a checkout for a user"),
    description=_(
        "Send the user to `checkout_url`. Addresses that are left out are those of the store's own pages."
    ),
    fields=service_fields.CHECKOUT,
    refusals=("pack_unavailable", "redirect_not_allowed", "checkout_failed", "stripe_unavailable"),
    answer="Checkout",
)
def open_checkout(call: Call) -> Response:
    """Open a checkout on behalf of a user."""
    body = call.body
    if body["success_url"] is None or body["cancel_url"] is None:
        success_url, cancel_url = default_urls()
        body["success_url"] = body["success_url"] or success_url
        body["cancel_url"] = body["cancel_url"] or cancel_url
    started = current_purse().start_checkout(
        body["user_id"],
        pack=body["pack"],
        currency=body["currency"].lower(),
        success_url=body["success_url"],
        cancel_url=body["cancel_url"],
        key=call.key,
        buyer_locale=body["locale"],
    )
    return jsonify(session_id=started.session_id, checkout_url=started.checkout_url)


def _user(user_id: str) -> str:
    return service_fields.read_user_id("user_id", user_id)


def _known_id(text: str, kind: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise NotFound(kind, text)
    return int(text)
