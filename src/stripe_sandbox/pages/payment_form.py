"""What a buyer typed on the checkout page, read and checked field by field. No I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from stripe_sandbox import bank_accounts
from stripe_sandbox.pages.card_numbers import brand_of, clean, is_decimal, parse_expiry
from stripe_sandbox.test_cards import passes_luhn

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")

FIELDS = ("email", "method", "card_number", "card_expiry", "card_cvc", "name", "iban")

# Every sentence that may stand under a field.
EMAIL_MISSING = "Enter your email address."
EMAIL_INVALID = "Enter an email address like name@example.com."
METHOD_MISSING = "Choose how you want to pay."
NUMBER_MISSING = "Enter your card number."
NUMBER_INCOMPLETE = "Your card number is incomplete."
NUMBER_INVALID = "Your card number is invalid. Check its digits."
EXPIRY_MISSING = "Enter the expiry date as MM / YY."
EXPIRY_INVALID = "Enter the expiry date as MM / YY, for example 04 / 32."
EXPIRY_PAST = "Your card’s expiry date is in the past."
CVC_MISSING = "Enter your card’s security code."
CVC_INCOMPLETE = "Your card’s security code is incomplete."
NAME_MISSING = "Enter the account holder’s name."
IBAN_MISSING = "Enter your IBAN."
IBAN_INVALID = "Your IBAN is invalid. Check its letters and digits."


@dataclass(frozen=True, slots=True)
class PaymentForm:
    """A checked form.

    values: as typed, to show again. errors: field name to English sentence, in reading order.
    The cleaned fields hold what to pay with; they mean something only when `errors` is empty.
    """

    values: Mapping[str, str]
    errors: Mapping[str, str]
    method: str
    email: str
    name: str
    card_number: str
    expiry_month: int
    expiry_year: int
    cvc: str
    iban: str


def read_payment_form(
    typed: Mapping[str, str],
    *,
    offered_methods: Collection[str],
    known_email: str | None,
    today: date,
) -> PaymentForm:
    """Read one submitted form.

    offered_methods: none for an order that costs nothing, which needs an email address only.
    known_email: the session's fixed address, which wins over whatever was sent.
    today: by the sandbox's clock; a card is good to the end of its month.
    """
    values = {field: typed.get(field, "").strip() for field in FIELDS}
    if known_email:
        values["email"] = known_email
    email = unicodedata.normalize("NFKC", values["email"])
    expiry = parse_expiry(values["card_expiry"])
    number, cvc = clean(values["card_number"]), clean(values["card_cvc"])
    iban = clean(values["iban"]).upper()

    errors: dict[str, str | None] = {"email": _email_error(email)}
    if not offered_methods:
        values["method"] = ""
    elif values["method"] not in offered_methods:
        errors["method"] = METHOD_MISSING
    elif values["method"] == "card":
        errors["card_number"] = _number_error(number)
        errors["card_expiry"] = _expiry_error(values["card_expiry"], expiry, today)
        errors["card_cvc"] = _cvc_error(cvc, number)
        errors["name"] = None if values["name"] else NAME_MISSING
    elif values["method"] == "sepa_debit":
        errors["iban"] = _iban_error(iban)
        errors["name"] = None if values["name"] else NAME_MISSING

    month, year = expiry or (0, 0)
    return PaymentForm(
        values=values,
        errors={field: error for field, error in errors.items() if error is not None},
        method=values["method"],
        email=email,
        name=values["name"],
        card_number=number,
        expiry_month=month,
        expiry_year=year,
        cvc=cvc,
        iban=iban,
    )


def empty_form(offered_methods: Sequence[str], *, known_email: str | None) -> PaymentForm:
    """Return the form before anything was typed, with the first method chosen."""
    values = dict.fromkeys(FIELDS, "")
    values["method"] = offered_methods[0] if offered_methods else ""
    values["email"] = known_email or ""
    return PaymentForm(
        values=values,
        errors={},
        method=values["method"],
        email=values["email"],
        name="",
        card_number="",
        expiry_month=0,
        expiry_year=0,
        cvc="",
        iban="",
    )


def _email_error(email: str) -> str | None:
    if not email:
        return EMAIL_MISSING
    return None if _EMAIL.fullmatch(email) else EMAIL_INVALID


def _number_error(number: str) -> str | None:
    if not number:
        return NUMBER_MISSING
    if not is_decimal(number):
        return NUMBER_INVALID
    lengths = brand_of(number).number_lengths
    if len(number) < min(lengths):
        return NUMBER_INCOMPLETE
    if len(number) not in lengths or not passes_luhn(number):
        return NUMBER_INVALID
    return None


def _expiry_error(typed: str, expiry: tuple[int, int] | None, today: date) -> str | None:
    if not typed:
        return EXPIRY_MISSING
    if expiry is None:
        return EXPIRY_INVALID
    month, year = expiry
    if (year, month) < (today.year, today.month):
        return EXPIRY_PAST
    return None if year <= today.year + 50 else EXPIRY_INVALID


def _cvc_error(cvc: str, number: str) -> str | None:
    if not cvc:
        return CVC_MISSING
    complete = is_decimal(cvc) and len(cvc) == brand_of(number).cvc_length
    return None if complete else CVC_INCOMPLETE


def _iban_error(iban: str) -> str | None:
    if not iban:
        return IBAN_MISSING
    return None if bank_accounts.is_valid(iban) else IBAN_INVALID
