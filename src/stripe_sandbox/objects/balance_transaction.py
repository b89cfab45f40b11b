"""Balance transactions: what each charge, refund and dispute did to the account's balance."""

from __future__ import annotations

from stripe_sandbox.currencies import decimals
from stripe_sandbox.ids import related_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

PENDING_SECONDS = 2 * 86_400
DISPUTE_FEE = 1500
REPORTING = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payment_failure_refund": "charge_failure",
}


def processing_fee(amount: int, currency: str) -> int:
    """Return Stripe's fee on a payment: 2.9 % and thirty cents or so."""
    fixed = 30 if decimals(currency) == 2 else 0
    return min(amount, (amount * 29 + 500) // 1000 + fixed)


def create(
    work: UnitOfWork,
    *,
    source: Json,
    kind: str,
    amount: int,
    description: str | None,
    fee: int = 0,
    fee_description: str = "Stripe processing fees",
    reporting: str | None = None,
    available_at_once: bool = False,
) -> Json:
    """Store a balance transaction of `source`; amounts are signed minor units."""
    currency = source["currency"]
    fee_details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": fee_description,
            "type": "stripe_fee",
        }
    ]
    wait = 0 if available_at_once else PENDING_SECONDS
    body: Json = {
        "id": related_id("txn_", source["id"]),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": work.timestamp + wait,
        "balance_type": "payments",
        "created": work.timestamp,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": fee_details if fee else [],
        "net": amount - fee,
        "reporting_category": reporting or REPORTING[kind],
        "source": source["id"],
        "status": "pending" if wait else "available",
        "type": kind,
    }
    work.insert(body)
    if wait:
        work.schedule(wait, "balance_available", body["id"])
    return body
