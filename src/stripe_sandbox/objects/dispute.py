"""Disputes: the full shape of chargebacks and inquiries."""

from __future__ import annotations

from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

DAY = 86_400
DAYS_TO_RESPOND = 8
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip
REASON_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


def create(work: UnitOfWork, charge: Json, *, amount: int, reason: str, inquiry: bool) -> Json:
    """Store a new dispute of a charge; moves no money and emits nothing."""
    # The deadline is the last second of a day, as Stripe sets it.
    due_by = (work.timestamp // DAY + DAYS_TO_RESPOND + 1) * DAY - 1
    body: Json = {
        "id": new_id("du_"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": work.timestamp,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    card = charge["payment_method_details"].get("card")
    if card is not None:
        body["payment_method_details"] = {
            "type": "card",
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": card["network"],
                "network_reason_code": "10" if inquiry else REASON_CODES[reason],
            },
        }
    return work.insert(body)
