"""The service API's answers, as `openapi.COMPONENTS` describes them."""

from __future__ import annotations

from typing import Any

import structlog

from coinpurse.errors import DomainError, LedgerInvariantBroken
from coinpurse.ledger import Hold, SpendResult, Transaction
from coinpurse.purchases import Payment
from coinpurse.refunds import RefundRequest
from coinpurse.web.errors import ANSWERS, code_of, refusal
from coinpurse.web.service_fields import KEY_PREFIX

log = structlog.get_logger()


def usage_result(result: SpendResult) -> dict[str, Any]:
    """One spend of a batch: its status, and its transaction or its refusal."""
    if isinstance(result, DomainError):
        code = code_of(result)
        return {"status": ANSWERS[code].status, **refusal(code, **result.facts)}
    if isinstance(result, LedgerInvariantBroken):
        log.error("ledger.broken", error=str(result))
        return {"status": 500, "error": "Internal Server Error", "code": "internal_server_error"}
    return {"status": 200, "transaction": transaction(result)}


def transaction(row: Transaction) -> dict[str, Any]:
    """A ledger row, with the key as the caller sent it."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "type": row.type,
        "coins": row.coins,
        "balance_after": row.balance_after,
        "held": row.held,
        "frozen": row.frozen,
        "debt": row.debt,
        "amount_minor": row.price and row.price.amount_minor,
        "currency": row.price and row.price.currency,
        "payment_id": row.payment_id and str(row.payment_id),
        "session_id": row.session_id,
        "hold_id": row.hold_id,
        "reverses": row.reverses,
        "description": row.description,
        "metadata": row.metadata,
        "key": row.idempotency_key.removeprefix(KEY_PREFIX),
        "grants": [{"id": id_, "coins": coins} for id_, coins in row.grants],
        "created_at": row.created_at.isoformat(),
        "created": row.created,
    }


def hold(found: Hold) -> dict[str, Any]:
    """Coins set aside."""
    return {
        "id": found.id,
        "user_id": found.user_id,
        "coins": found.coins,
        "captured": found.captured,
        "state": found.state,
        "description": found.description,
        "expires_at": found.expires_at.isoformat(),
        "created_at": found.created_at.isoformat(),
        "created": found.created,
    }


def refund(request: RefundRequest, payment: Payment) -> dict[str, Any]:
    """A refund that was asked for, and how its payment stands now."""
    return {
        "id": str(request.id),
        "payment_id": str(request.payment_id),
        "amount_minor": request.amount_minor,
        "currency": request.currency,
        "state": request.state,
        "refund_id": request.refund_id,
        "payment_status": payment.status,
    }
