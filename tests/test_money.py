"""Amounts: exact, in Stripe's minor units, and refused where they are no amounts."""

from __future__ import annotations

import ast
import json
import time
from dataclasses import FrozenInstanceError
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse import money
from coinpurse.errors import InvalidRequest
from coinpurse.money import EXPONENTS, MAXIMUM_MINOR, STEP, Money, exponent

currencies = st.sampled_from(sorted(EXPONENTS))


@st.composite
def amounts(draw: st.DrawFn) -> Money:
    currency = draw(currencies)
    step = STEP.get(currency, 1)
    return Money(draw(st.integers(0, MAXIMUM_MINOR // step)) * step, currency)


@given(amounts())
def test_major_units_round_trip_in_every_currency(amount: Money) -> None:
    assert Money.from_major(amount.major, amount.currency) == amount


@given(amounts(), st.integers(0, 20))
def test_zeros_behind_the_figures_change_nothing(amount: Money, zeros: int) -> None:
    text = f"{amount.major:f}"
    text += ("" if "." in text else ".") + "0" * zeros

    assert Money.from_major(Decimal(text), amount.currency) == amount


@given(amounts())
def test_scientific_notation_is_the_same_amount(amount: Money) -> None:
    assert Money.from_major(Decimal(f"{amount.major:e}"), amount.currency) == amount


@given(st.decimals(), currencies)
def test_any_decimal_is_read_exactly_or_refused(value: Decimal, currency: str) -> None:
    try:
        amount = Money.from_major(value, currency)
    except InvalidRequest:
        return
    assert amount.major == value


@given(st.integers(0, 10**10), st.integers(1, 10), currencies)
def test_a_figure_below_the_minor_unit_is_refused(whole: int, places: int, currency: str) -> None:
    too_fine = Decimal(whole) + Decimal(1).scaleb(-(exponent(currency) + places))

    with pytest.raises(InvalidRequest, match="decimals"):
        Money.from_major(too_fine, currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("19.99", "usd", 1999),
        ("99.99", "usd", 9999),
        ("0.29", "usd", 29),
        ("1.1", "usd", 110),
        ("4.35", "eur", 435),
        ("0", "usd", 0),
        ("0.00", "usd", 0),
        ("0e-1000000", "usd", 0),
        ("1e2", "usd", 10000),
        ("9999999999.99", "usd", 999_999_999_999),
        ("1480", "jpy", 1480),
        ("1480.00", "jpy", 1480),
        ("999999999999", "jpy", 999_999_999_999),
        ("1.230", "kwd", 1230),
        ("1.23", "kwd", 1230),
        ("500", "isk", 50_000),
        ("500.00", "ugx", 50_000),
        ("175.50", "huf", 17_550),
    ],
)
def test_trap_22_major_units_become_exact_minor_units(text: str, currency: str, minor: int) -> None:
    assert Money.from_major(Decimal(text), currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("NaN", "usd"),
        ("-NaN", "usd"),
        ("sNaN", "usd"),
        ("Infinity", "usd"),
        ("-Infinity", "usd"),
        ("-0.01", "usd"),
        ("-0", "usd"),
        ("-0.00", "jpy"),
        ("10000000000.00", "usd"),
        ("1000000000000", "jpy"),
        ("1e12", "usd"),
        ("1e13", "jpy"),
        ("9.999", "usd"),
        ("0.001", "usd"),
        ("0.0000000001", "usd"),
        ("1480.5", "jpy"),
        ("0.1", "jpy"),
        ("1.234", "kwd"),
        ("1.2345", "kwd"),
        ("10.50", "isk"),
        ("10.01", "ugx"),
    ],
)
def test_what_cannot_be_charged_is_refused(text: str, currency: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Money.from_major(Decimal(text), currency)

    assert refusal.value.field == "amount"


@pytest.mark.parametrize(
    "text",
    [
        "1e1000000",
        "1e-1000000",
        "0e1000000",
        f"1.{'0' * 100_000}",
        "9" * 100_000,
        f"0.{'9' * 100_000}",
    ],
    ids=["huge", "tiny", "huge zero", "long tail of zeros", "long", "long fraction"],
)
def test_monstrous_figures_are_refused_at_once_and_not_repeated_in_full(text: str) -> None:
    value = Decimal(text)
    start = time.perf_counter()

    with pytest.raises(InvalidRequest) as refusal:
        Money.from_major(value, "usd")

    assert time.perf_counter() - start < 0.5
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "minor", [-1, MAXIMUM_MINOR + 1, 19.99, 1999.0, True, "1999", None, Decimal(1)]
)
def test_minor_units_are_integers_within_stripe_s_bounds(minor: object) -> None:
    with pytest.raises(InvalidRequest, match="minor units"):
        Money(minor, "usd")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minor", "currency"), [(50, "isk"), (101, "ugx"), (1234, "kwd"), (5, "bhd"), (11, "tnd")]
)
def test_minor_units_between_the_steps_of_the_currency_are_refused(
    minor: int, currency: str
) -> None:
    with pytest.raises(InvalidRequest, match="multiple of"):
        Money(minor, currency)


@pytest.mark.parametrize(
    "currency", ["", "USD", "us", "usdd", "xxx", "btc", " usd", "usd\n", "ｕｓｄ"]
)
def test_a_currency_that_stripe_does_not_know_is_refused(currency: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Money.from_major(Decimal("9.99"), currency)

    assert refusal.value.field == "currency"
    with pytest.raises(InvalidRequest):
        Money(999, currency)


def test_the_table_is_stripe_s() -> None:
    assert {code for code, digits in EXPONENTS.items() if digits == 0} == set(
        "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905  As Stripe prints it.
    )
    assert {code for code, digits in EXPONENTS.items() if digits == 3} == {
        "bhd",
        "jod",
        "kwd",
        "omr",
        "tnd",
    }
    assert {code for code, step in STEP.items() if step == 100} == {"isk", "ugx"}
    assert all(
        EXPONENTS[code] == 2 for code in ("usd", "eur", "gbp", "cny", "huf", "twd", "isk", "ugx")
    )
    assert not money.ZERO_DECIMAL & money.TWO_DECIMAL
    assert all(len(code) == 3 and code.isascii() and code.islower() for code in EXPONENTS)


def test_an_amount_cannot_be_changed() -> None:
    amount = Money(1, "usd")

    with pytest.raises(FrozenInstanceError):
        amount.amount_minor = 2  # type: ignore[misc]


def test_the_price_of_a_json_request_needs_no_float() -> None:
    body = json.loads('{"price_usd": 19.99}', parse_float=Decimal)

    assert Money.from_major(body["price_usd"], "usd").amount_minor == 1999


def test_no_float_stands_in_the_module() -> None:
    tree = ast.parse(Path(money.__file__).read_text(encoding="utf-8"))

    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and type(node.value) is float
    ]
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id in ("float", "round")
    ]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Div)]
