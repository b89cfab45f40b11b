"""The user's own wallet: `/api/wallet`."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Blueprint, Response, jsonify

from coinpurse.back_office import neutralise
from coinpurse.ledger import Transaction
from coinpurse.web import json_requests
from coinpurse.web.access import current_purse, login_required, required_user_id
from coinpurse.web.errors import answer_in_json, keep_from_caches

LARGEST_ID = 2**63 - 1

blueprint = Blueprint("coinpurse_wallet", __name__, url_prefix="/api/wallet")
blueprint.after_request(keep_from_caches)
answer_in_json(blueprint)


@blueprint.get("")
@login_required
def show() -> Response:
    """What the user has, and what of it was paid for."""
    wallet = current_purse().wallet(required_user_id())
    return jsonify(
        user_id=wallet.user_id,
        balance=wallet.balance,
        available=wallet.available,
        paid=wallet.paid,
        bonus=wallet.bonus,
    )


@blueprint.get("/transactions")
@login_required
def transactions() -> Response:
    """The user's ledger rows, newest first; `next` is the `before` of the following page."""
    limit = json_requests.query_number("limit", least=1, most=200, default=50)
    before = json_requests.query_number("before", least=1, most=LARGEST_ID, default=None)
    assert limit is not None
    rows = current_purse().transactions(required_user_id(), before=before, limit=limit)
    return jsonify(
        transactions=[_transaction(row) for row in rows],
        next=rows[-1].id if len(rows) == limit else None,
    )


@blueprint.get("/statement.csv")
@login_required
def statement() -> Response:
    """The whole ledger of the user as CSV, oldest last, with times in UTC."""
    purse, user_id = current_purse(), required_user_id()

    def lines() -> Any:
        yield _csv(
            ["id", "time", "type", "coins", "balance_after", "amount", "currency", "description"]
        )
        before = None
        while rows := purse.transactions(user_id, before=before, limit=200):
            for row in rows:
                amount = (
                    [str(row.price.major), row.price.currency.upper()] if row.price else ["", ""]
                )
                yield _csv(
                    [row.id, row.created_at.isoformat(), row.type, row.coins, row.balance_after, *amount,
                     neutralise(row.description)]
                )  # fmt: skip
            before = rows[-1].id

    return Response(
        lines(),
        mimetype="text/csv",
        headers={
            "Content-Disposition": 'attachment; filename="statement.csv"',
            "Cache-Control": "no-store",
        },
    )


def _transaction(row: Transaction) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "coins": row.coins,
        "balance_after": row.balance_after,
        "amount_minor": row.price and row.price.amount_minor,
        "currency": row.price and row.price.currency,
        "session_id": row.session_id,
        "description": row.description,
        "created_at": row.created_at.isoformat(),
    }


def _csv(values: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
