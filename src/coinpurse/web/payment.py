"""The checkout contract: `/api/payment/`, as front ends already speak it."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify

from coinpurse.catalog import Pack
from coinpurse.errors import NotFound
from coinpurse.money import Money
from coinpurse.purchases import Payment, PaymentStatus, Standing
from coinpurse.web import json_requests
from coinpurse.web.access import current_purse, limit_body, login_required, required_user_id
from coinpurse.web.errors import answer_in_json, keep_from_caches
from coinpurse.web.language import buyer_locale, stripe_locale
from coinpurse.web.store import default_urls

SESSION_ID_FORM = re.compile(r"cs_(?:test|live)_[A-Za-z0-9]{1,200}")

blueprint = Blueprint("coinpurse_payment", __name__, url_prefix="/api/payment")
blueprint.after_request(keep_from_caches)
answer_in_json(blueprint)
blueprint.before_request(limit_body)


@blueprint.post("/create-checkout-session")
@login_required
def create_checkout_session() -> Response:
    """Open a checkout for a pack, named by its figures or by its sku."""
    body = json_requests.read_object()
    purse = current_purse()
    shown_bonus = None
    if "pack" in body:
        currency = json_requests.text(body, "currency", default="usd").lower()
        pack = purse.catalog.by_sku(json_requests.text(body, "pack"), currency)
    else:
        currency = "usd"
        shown_bonus = json_requests.whole_number(body, "bonus", least=0, default=0)
        pack = purse.catalog.by_figures(
            json_requests.price(body, "price_usd", currency),
            coins=json_requests.whole_number(body, "coins", least=1),
            bonus=shown_bonus,
        )
    if body.get("success_url") is None or body.get("cancel_url") is None:
        defaults = zip(("success_url", "cancel_url"), default_urls(), strict=True)
        body |= {field: url for field, url in defaults if body.get(field) is None}
    started = purse.start_checkout(
        required_user_id(),
        pack=pack.sku,
        currency=currency,
        success_url=json_requests.text(body, "success_url"),
        cancel_url=json_requests.text(body, "cancel_url"),
        key=json_requests.idempotency_key(),
        locale=stripe_locale(),
        buyer_locale=buyer_locale(),
        shown_bonus=shown_bonus,
    )
    return jsonify(session_id=started.session_id, checkout_url=started.checkout_url)


@blueprint.get("/status/<session_id>")
@login_required
def status(session_id: str) -> Response:
    """How the payment stands; a pending one may be asked after at Stripe."""
    return jsonify(_status(current_purse().payment_status(_known(session_id), required_user_id())))


@blueprint.post("/cancel/<session_id>")
@login_required
def cancel(session_id: str) -> Response:
    """Close an open checkout, so that it cannot be paid any more."""
    return jsonify(_status(current_purse().cancel_checkout(_known(session_id), required_user_id())))


@blueprint.get("/packs")
@login_required
def packs() -> Response:
    """The packs on sale, with every price and what holds for this user."""
    purse = current_purse()
    catalog = purse.catalog
    standing = purse.standing(required_user_id())
    return jsonify(packs=[_pack(pack, standing) for pack in catalog.packs if pack.is_on_sale()])


@blueprint.get("/history")
@login_required
def history() -> Response:
    """The user's payments, newest first."""
    limit = json_requests.query_number("limit", least=1, most=200, default=50)
    assert limit is not None
    return jsonify(
        payments=[
            _payment(row) for row in current_purse().payments(required_user_id(), limit=limit)
        ]
    )


def _known(session_id: str) -> str:
    if SESSION_ID_FORM.fullmatch(session_id) is None:
        raise NotFound("payment", session_id)
    return session_id


def _pack(pack: Pack, standing: Standing) -> dict[str, Any]:
    return {
        "sku": pack.sku,
        "coins": pack.coins,
        "bonus": pack.bonus,
        "total_coins": pack.total_coins,
        "image": pack.image,
        "prices": {code: _amount(price) for code, price in pack.prices.items()},
        "first_purchase_bonus": standing.first_bonus(pack),
        "bonus_expires_days": pack.bonus_expires_days,
        "available_until": pack.available_until and pack.available_until.isoformat(),
        "limit_per_user": pack.limit_per_user,
        "limit_reached": standing.has_reached_limit(pack),
    }


def _status(found: PaymentStatus) -> dict[str, Any]:
    payment = found.payment
    completed = payment.status == "completed"
    return {
        "status": payment.status,
        "session_id": payment.session_id,
        "coins_added": payment.total_coins if completed else None,
        "new_balance": found.new_balance if completed else None,
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": str(payment.id),
        "session_id": payment.session_id,
        "pack": payment.pack_sku,
        "coins": payment.coins,
        "bonus": payment.bonus,
        "status": payment.status,
        "created_at": payment.created_at.isoformat(),
        "completed_at": payment.completed_at and payment.completed_at.isoformat(),
        **_amount(payment.price),
    }


def _amount(price: Money) -> dict[str, Any]:
    return {
        "amount_minor": price.amount_minor,
        "currency": price.currency,
        "amount": str(price.major),
    }
