"""Numbers as people type them."""

from __future__ import annotations

import pytest

from stripe_sandbox.pages.card_numbers import brand_of, clean, parse_expiry
from stripe_sandbox.test_cards import CARDS


@pytest.mark.parametrize(
    "typed",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242–4242—4242‑4242",
        "４２４２　４２４２　４２４２　４２４２",
        " 4242\u00a04242\u20094242.4242\t",
    ],
)
def test_separators_and_full_width_digits_are_understood(typed: str) -> None:
    assert clean(typed) == "4242424242424242"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_test_card_fits_its_brand(card: object) -> None:
    brand = brand_of(card.number)
    assert brand.name == card.brand
    assert len(card.number) in brand.number_lengths


@pytest.mark.parametrize(
    ("typed", "expiry"),
    [
        ("12 / 34", (12, 2034)),
        ("12/34", (12, 2034)),
        ("1234", (12, 2034)),
        ("122034", (12, 2034)),
        ("1/34", (1, 2034)),
        ("01-2034", (1, 2034)),
        ("１２／３４", (12, 2034)),
        ("12年34", (12, 2034)),
    ],
)
def test_expiry_dates_are_read_as_people_write_them(typed: str, expiry: tuple[int, int]) -> None:
    assert parse_expiry(typed) == expiry


@pytest.mark.parametrize("typed", ["", "13/34", "00/34", "12", "123", "12/3", "12/345", "a/b"])
def test_what_is_no_expiry_date_is_refused(typed: str) -> None:
    assert parse_expiry(typed) is None
