"""Charges: the full shape, for paid, authorised and declined payments."""

from __future__ import annotations

import secrets

from stripe_sandbox.ids import related_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.payment_method import billing_details
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.test_cards import Decline
from stripe_sandbox.unit_of_work import UnitOfWork

AUTHORISATION_DAYS = 7
DAY = 86_400
RECEIPTS = "https://pay.stripe.com/receipts/payment/"


def create(
    work: UnitOfWork,
    intent: Json,
    method: Json,
    *,
    status: str,
    captured: bool,
    decline: Decline | None = None,
    risk_level: str = "normal",
    authenticated: bool = False,
) -> Json:
    """Store a new Charge of a PaymentIntent; emits nothing.

    status: succeeded, failed or pending (delayed methods).
    """
    identifier = related_id(TYPES[method["type"]].charge_prefix, intent["id"])
    paid = status == "succeeded"
    amount = intent["amount"]
    body: Json = {
        "id": identifier,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if paid and captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": billing_details(method["billing_details"]),
        "calculated_statement_descriptor": "Stripe",
        "captured": captured and status != "failed",
        "created": work.timestamp,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": outcome(status, decline, risk_level),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": payment_details(
            work, intent, method, status=status, captured=captured, authenticated=authenticated
        ),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": RECEIPTS + identifier if paid else None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": status,
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }
    return work.insert(body)


def outcome(status: str, decline: Decline | None, risk_level: str) -> Json:
    """Return what the networks and Radar thought."""
    shared: Json = {
        "advice_code": decline.advice_code if decline else None,
        "network_advice_code": None,
        "network_decline_code": decline.network_decline_code if decline else None,
        "risk_level": risk_level,
        "risk_score": {"normal": 12, "elevated": 66, "highest": 92}[risk_level],
    }
    if decline is None:
        return shared | {
            "network_status": "approved_by_network",
            "reason": "elevated_risk_level" if risk_level == "elevated" else None,
            "seller_message": "Payment complete." if status != "pending" else "Payment pending.",
            "type": "authorized",
        }
    if decline.blocked:
        return shared | {
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "seller_message": "Stripe blocked this payment as too risky.",
            "type": "blocked",
        }
    generic = decline.decline_code == "generic_decline"
    return shared | {
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "seller_message": (
            "The bank did not return any further details with this decline."
            if generic
            else f"The bank returned the decline code `{decline.decline_code}`."
        ),
        "type": "issuer_declined",
    }


def payment_details(
    work: UnitOfWork,
    intent: Json,
    method: Json,
    *,
    status: str,
    captured: bool,
    authenticated: bool,
) -> Json:
    """Return `payment_method_details` for the kind of method."""
    kind = method["type"]
    if kind == "card":
        details = _card(work, intent, method["card"], status, captured, authenticated)
    elif kind == "sepa_debit":
        details = {
            "bank_code": method["sepa_debit"]["bank_code"],
            "branch_code": "",
            "country": method["sepa_debit"]["country"],
            "fingerprint": method["sepa_debit"]["fingerprint"],
            "last4": method["sepa_debit"]["last4"],
            "mandate": related_id("mandate_", intent["id"]),
        }
    elif kind in {"alipay", "wechat_pay"}:
        details = {"fingerprint": None, "transaction_id": secrets.token_hex(12)}
    elif kind == "konbini":
        details = {"store": {"chain": "lawson"}}
    else:
        details = {}
    return {"type": kind, kind: details}


def _card(
    work: UnitOfWork, intent: Json, card: Json, status: str, captured: bool, authenticated: bool
) -> Json:
    paid = status == "succeeded"
    amount = intent["amount"] if paid else None
    details: Json = {
        "amount_authorized": amount,
        "authorization_code": f"{secrets.randbelow(10**6):06}" if paid else None,
        "brand": card["brand"],
        "checks": card["checks"] | {"cvc_check": "pass"},
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": f"{secrets.randbelow(10**15):015}",
        "overcapture": {
            "maximum_amount_capturable": intent["amount"],
            "status": "unavailable",
        },
        "regulated_status": "unregulated",
        "three_d_secure": _three_d_secure() if authenticated else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if paid and not captured:
        details["capture_before"] = work.timestamp + AUTHORISATION_DAYS * DAY
    return details


def _three_d_secure() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": secrets.token_hex(18),
        "version": "2.2.0",
    }
