"""PaymentMethods: cards, bank accounts and the rest, as the API shows them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.test_cards import TestCard
from stripe_sandbox.unit_of_work import UnitOfWork

NO_CHECKS: Json = {
    "address_line1_check": None,
    "address_postal_code_check": None,
    "cvc_check": "unchecked",
}
NO_ADDRESS: Json = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def fingerprint(secret: str) -> str:
    """Return the same 16 characters for the same card or account number."""
    return hashlib.sha256(b"fingerprint " + secret.encode()).hexdigest()[:16]


def billing_details(given: Json | None) -> Json:
    """Return complete billing details from what was given."""
    given = given or {}
    address = NO_ADDRESS | (given.get("address") or {})
    return {
        "address": address,
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": given.get("tax_id"),
    }


def card_details(card: TestCard, exp_month: int, exp_year: int) -> Json:
    """Return the `card` part for one test card."""
    return {
        "brand": card.brand,
        "checks": dict(NO_CHECKS),
        "country": card.country,
        "display_brand": card.brand if card.brand != "amex" else "american_express",
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": fingerprint(card.number),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def iban_details(iban: str) -> Json:
    """Return the `sepa_debit` part for one account."""
    return {
        "bank_code": iban[4:9],
        "branch_code": "",
        "country": iban[:2],
        "fingerprint": fingerprint(iban),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": iban[-4:],
    }


def create(
    work: UnitOfWork,
    kind: str,
    details: Json,
    *,
    secret: str,
    billing: Json | None = None,
    metadata: Json | None = None,
    identifier: str | None = None,
    allow_redisplay: str = "unspecified",
) -> Json:
    """Store a new, unattached PaymentMethod; `secret` is its full number."""
    body: Json = {
        "id": identifier or new_id("pm_"),
        "object": "payment_method",
        "allow_redisplay": allow_redisplay,
        "billing_details": billing_details(billing),
        "created": work.timestamp,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": metadata or {},
        "type": kind,
        kind: details,
    }
    return work.insert(body, {"secret": secret})


def create_card(
    work: UnitOfWork,
    card: TestCard,
    *,
    exp_month: int | None = None,
    exp_year: int | None = None,
    billing: Json | None = None,
    metadata: Json | None = None,
    allow_redisplay: str = "unspecified",
) -> Json:
    """Store a new card PaymentMethod for a test card."""
    today = datetime.fromtimestamp(work.now, UTC)
    details = card_details(card, exp_month or today.month, exp_year or today.year + 1)
    return create(
        work,
        "card",
        details,
        secret=card.number,
        billing=billing,
        metadata=metadata,
        allow_redisplay=allow_redisplay,
    )
