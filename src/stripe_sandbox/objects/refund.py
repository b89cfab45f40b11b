"""Refunds: the full shape."""

from __future__ import annotations

from stripe_sandbox.ids import related_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.unit_of_work import UnitOfWork

DESTINATIONS = {
    "sepa_debit": "eu_bank_transfer",
    "customer_balance": "customer_cash_balance",
    "konbini": "jp_bank_transfer",
    "bacs_debit": "gb_bank_transfer",
    "us_bank_account": "us_bank_transfer",
    "boleto": "br_bank_transfer",
    "oxxo": "mx_bank_transfer",
}


def create(work: UnitOfWork, charge: Json, *, amount: int, status: str, given: Json) -> Json:
    """Store a new refund of a charge; moves no money and emits nothing."""
    kind = charge["payment_method_details"]["type"]
    body: Json = {
        "id": related_id(TYPES[kind].refund_prefix, charge["id"]),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": work.timestamp,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": _destination(kind),
        "metadata": given.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }
    if status == "pending":
        body["pending_reason"] = "processing"
    if status == "requires_action":
        body["next_action"] = {
            "type": "display_details",
            "display_details": {
                "email_sent": {
                    "email_sent_at": work.timestamp,
                    "email_sent_to": given.get("instructions_email")
                    or charge["billing_details"]["email"],
                },
                "expires_at": work.timestamp + int(work.config.delays.refund_unclaimed),
            },
        }
    return work.insert(body)


def _destination(kind: str) -> Json:
    if kind == "card":
        return {
            "type": "card",
            "card": {
                "type": "refund",
                "reference_type": "acquirer_reference_number",
                "reference_status": "pending",
            },
        }
    name = DESTINATIONS.get(kind, kind)
    return {"type": name, name: {}}
