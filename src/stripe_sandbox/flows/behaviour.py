"""What a PaymentMethod will do, read from the tables of test cards and accounts."""

from __future__ import annotations

from dataclasses import dataclass

from stripe_sandbox import bank_accounts, test_cards, test_emails
from stripe_sandbox.json_types import Json
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.test_cards import Decline
from stripe_sandbox.unit_of_work import UnitOfWork

DEBIT_FAILED = Decline(
    "payment_method_provider_decline", None,
    "The customer's bank account could not be debited.", None, None,
)  # fmt: skip

ATTEMPT_EXPIRED = Decline(
    "payment_intent_payment_attempt_expired", None,
    "The payment attempt for this PaymentIntent has expired.", None, None,
)  # fmt: skip

DEBITS = frozenset({"sepa_debit", "bacs_debit", "us_bank_account"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a payment with this method goes.

    decline: refused at once, or (delayed methods) found out when it settles.
    settles: whether a delayed payment ends by itself.
    """

    decline: Decline | None = None
    challenge: str = "none"
    delayed: bool = False
    late: bool = False
    settles: bool = True
    aftermath: str | None = None
    refund: str = "succeeds"
    risk_level: str = "normal"
    available_at_once: bool = False


def failure_of(method: Json) -> Decline:
    """Return what a delayed payment with this method fails with."""
    return DEBIT_FAILED if method["type"] in DEBITS else ATTEMPT_EXPIRED


def of_method(work: UnitOfWork, method: Json) -> Behaviour:
    """Return the behaviour of a stored PaymentMethod."""
    secret = str(work.private(method["id"]).get("secret", ""))
    if method["type"] == "card":
        card = test_cards.BY_NUMBER.get(secret)
        if card is None:
            return Behaviour(decline=test_cards.NOT_A_TEST_CARD)
        return Behaviour(
            decline=card.decline,
            challenge=card.challenge,
            aftermath=card.aftermath,
            refund=card.refund,
            risk_level=card.risk_level,
            available_at_once=card.available_at_once,
        )
    if not TYPES[method["type"]].delayed:
        return Behaviour()
    if method["type"] != "sepa_debit":
        buyer = test_emails.outcome(method["billing_details"]["email"] or "")
        return Behaviour(
            decline=None if buyer.pays else failure_of(method),
            delayed=True,
            late=buyer.late,
            settles=buyer.settles,
        )
    account = bank_accounts.outcome(secret)
    return Behaviour(
        decline=None if account.succeeds else DEBIT_FAILED,
        delayed=True,
        late=account.late,
        aftermath="dispute_fraudulent" if account.disputed else None,
    )
