"""The rules of the payment form."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_sandbox.pages import payment_form
from stripe_sandbox.pages.payment_form import FIELDS, PaymentForm, read_payment_form

GOOD = {
    "method": "card",
    "email": "ada@example.com",
    "card_number": "4242424242424242",
    "card_expiry": "12/34",
    "card_cvc": "123",
    "name": "Ada",
}


def read(typed: dict[str, str], known_email: str | None = None) -> PaymentForm:
    return read_payment_form(
        typed,
        offered_methods=("card", "sepa_debit", "alipay"),
        known_email=known_email,
        today=date(2030, 6, 30),
    )


def test_a_good_card_has_no_errors() -> None:
    form = read(GOOD)
    assert form.errors == {}
    assert (form.card_number, form.expiry_month, form.expiry_year) == ("4242424242424242", 12, 2034)


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("email", "", payment_form.EMAIL_MISSING),
        ("email", "ada", payment_form.EMAIL_INVALID),
        ("email", "ada@example", payment_form.EMAIL_INVALID),
        ("method", "", payment_form.METHOD_MISSING),
        ("method", "cash", payment_form.METHOD_MISSING),
        ("card_number", "", payment_form.NUMBER_MISSING),
        ("card_number", "4242", payment_form.NUMBER_INCOMPLETE),
        ("card_number", "4242424242424241", payment_form.NUMBER_INVALID),
        ("card_number", "4242x", payment_form.NUMBER_INVALID),
        ("card_number", "42424242424242424242", payment_form.NUMBER_INVALID),
        ("card_expiry", "", payment_form.EXPIRY_MISSING),
        ("card_expiry", "tomorrow", payment_form.EXPIRY_INVALID),
        ("card_expiry", "05/30", payment_form.EXPIRY_PAST),
        ("card_expiry", "01/99", payment_form.EXPIRY_INVALID),
        ("card_cvc", "", payment_form.CVC_MISSING),
        ("card_cvc", "12", payment_form.CVC_INCOMPLETE),
        ("card_cvc", "12a", payment_form.CVC_INCOMPLETE),
        ("name", " ", payment_form.NAME_MISSING),
    ],
)
def test_each_mistake_stands_at_its_field(field: str, typed: str, error: str) -> None:
    assert read(GOOD | {field: typed}).errors == {field: error}


def test_a_card_is_good_to_the_end_of_its_month() -> None:
    assert read(GOOD | {"card_expiry": "06/30"}).errors == {}


def test_amex_has_a_four_digit_code() -> None:
    amex = GOOD | {"card_number": "3782 822463 10005"}
    assert list(read(amex | {"card_cvc": "123"}).errors) == ["card_cvc"]
    assert read(amex | {"card_cvc": "1234"}).errors == {}


def test_full_width_input_is_understood() -> None:
    typed = GOOD | {
        "email": "ａｄａ＠example.com",
        "card_number": "４２４２４２４２４２４２４２４２",
        "card_expiry": "１２／３４",
        "card_cvc": "１２３",
    }
    form = read(typed)
    assert form.errors == {}
    assert (form.email, form.cvc) == ("ada@example.com", "123")


def test_only_the_fields_of_the_chosen_method_are_asked_for() -> None:
    sepa = {"method": "sepa_debit", "email": "a@b.example", "name": "Ada"}
    assert read(sepa).errors == {"iban": payment_form.IBAN_MISSING}
    assert read(sepa | {"iban": "AT61 1904"}).errors == {"iban": payment_form.IBAN_INVALID}
    assert read(sepa | {"iban": "at61 1904 3002 3457 3201"}).errors == {}
    assert read({"method": "alipay", "email": "a@b.example"}).errors == {}


def test_the_sessions_own_address_wins() -> None:
    form = read(GOOD | {"email": "someone@else.example"}, known_email="ada@example.com")
    assert form.email == form.values["email"] == "ada@example.com"


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40)))
def test_no_input_breaks_the_form(typed: dict[str, str]) -> None:
    form = read(typed)
    assert set(form.errors) <= set(FIELDS)
