"""What a buyer typed, read as the hosted page reads it: a PaymentMethod or a field's error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from stripe_sandbox import bank_accounts, test_cards
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import payment_method
from stripe_sandbox.test_cards import TestCard
from stripe_sandbox.unit_of_work import UnitOfWork

EXPIRY = re.compile(r"(\d{1,2})\s*/\s*(\d{2}|\d{4})|(\d{2})(\d{2}|\d{4})")
SHORTEST_NUMBER, LONGEST_NUMBER = 13, 19


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """What the buyer typed, untouched; only the fields of `method` are read.

    card_expiry: "MM / YY", "MM/YYYY" or "MMYY".
    """

    method: str
    email: str = ""
    name: str = ""
    card_number: str = ""
    card_expiry: str = ""
    card_cvc: str = ""
    iban: str = ""
    country: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class FormError:
    """A field that cannot be sent as it is, and what to tell the buyer."""

    field: str
    message: str


def read(work: UnitOfWork, details: PaymentDetails) -> Json | FormError:
    """Store the PaymentMethod that the form describes, or return what is wrong with it."""
    if "@" not in details.email:
        return FormError("email", "Your email is incomplete.")
    return READERS.get(details.method, _plain)(work, details)


def billing(details: PaymentDetails) -> Json:
    """Return the billing details of a form."""
    return payment_method.billing_details(
        {
            "email": details.email or None,
            "name": details.name or None,
            "address": {
                "country": details.country or None,
                "postal_code": details.postal_code or None,
            },
        }
    )


def _card(work: UnitOfWork, details: PaymentDetails) -> Json | FormError:
    number = "".join(letter for letter in details.card_number if letter not in " -")
    if not SHORTEST_NUMBER <= len(number) <= LONGEST_NUMBER:
        return FormError("card_number", "Your card number is incomplete.")
    if not test_cards.passes_luhn(number):
        return FormError("card_number", "Your card number is invalid.")
    expiry = _expiry(details.card_expiry, work.now)
    if isinstance(expiry, FormError):
        return expiry
    cvc_length = 4 if number[:2] in {"34", "37"} else 3
    cvc = details.card_cvc.strip()
    if not cvc.isdecimal() or not 3 <= len(cvc) <= cvc_length:
        return FormError("card_cvc", "Your card's security code is incomplete.")
    if not details.name.strip():
        return FormError("name", "Your name is incomplete.")
    card = test_cards.BY_NUMBER.get(number) or TestCard(number, "unknown")
    return payment_method.create_card(
        work, card, exp_month=expiry[0], exp_year=expiry[1], billing=billing(details)
    )


def _expiry(text: str, now: float) -> tuple[int, int] | FormError:
    found = EXPIRY.fullmatch(text.strip())
    if found is None:
        return FormError("card_expiry", "Your card's expiration date is incomplete.")
    month, year = int(found[1] or found[3]), int(found[2] or found[4])
    year += 2000 if year < 100 else 0
    if not 1 <= month <= 12:
        return FormError("card_expiry", "Your card's expiration date is invalid.")
    today = datetime.fromtimestamp(now, UTC)
    if year < today.year:
        return FormError("card_expiry", "Your card's expiration year is in the past.")
    if (year, month) < (today.year, today.month):
        return FormError("card_expiry", "Your card's expiration date is in the past.")
    if year > today.year + 50:
        return FormError("card_expiry", "Your card's expiration year is invalid.")
    return month, year


def _sepa(work: UnitOfWork, details: PaymentDetails) -> Json | FormError:
    iban = bank_accounts.normalise(details.iban)
    if len(iban) < bank_accounts.LENGTHS.get(iban[:2], 15):
        return FormError("iban", "Your IBAN is incomplete.")
    if not bank_accounts.is_valid(iban):
        return FormError("iban", "Your IBAN is invalid.")
    if not details.name.strip():
        return FormError("name", "Your name is incomplete.")
    return payment_method.create(
        work,
        "sepa_debit",
        payment_method.iban_details(iban),
        secret=iban,
        billing=billing(details),
    )


def _plain(work: UnitOfWork, details: PaymentDetails) -> Json | FormError:
    return payment_method.create(
        work, details.method, {}, secret=details.method, billing=billing(details)
    )


READERS: dict[str, Callable[[UnitOfWork, PaymentDetails], Json | FormError]] = {
    "card": _card,
    "sepa_debit": _sepa,
}
