"""The numbers that the checkout offers do what is written beside them."""

from __future__ import annotations

import pytest

from stripe_sandbox import bank_accounts, test_cards
from stripe_sandbox.pages.listed_numbers import TEST_CARDS, TEST_IBANS, find_listed_number

CARDS = [(title, entry) for title, entries in TEST_CARDS.items() for entry in entries]
IBANS = [(title, entry) for title, entries in TEST_IBANS.items() for entry in entries]


@pytest.mark.parametrize(("title", "entry"), CARDS, ids=lambda part: getattr(part, "number", ""))
def test_each_card_is_known_and_in_the_right_group(title: str, entry: object) -> None:
    card = test_cards.BY_NUMBER[entry.number]
    if card.challenge == "required":
        expected = "Asks for 3-D Secure"
    elif card.decline is not None:
        expected = "Declined"
    elif card.aftermath or card.refund != "succeeds":
        expected = "Paid, trouble later"
    else:
        expected = "Succeeds"
    assert title == expected


@pytest.mark.parametrize(("title", "entry"), IBANS, ids=lambda part: getattr(part, "number", ""))
def test_each_iban_is_known_and_in_the_right_group(title: str, entry: object) -> None:
    assert bank_accounts.is_valid(entry.number)
    fails = not bank_accounts.ACCOUNTS[entry.number].succeeds
    disputed = bank_accounts.ACCOUNTS[entry.number].disputed
    assert title == ("Fails" if fails or disputed else "Settles")


def test_numbers_are_grouped_as_on_a_card() -> None:
    assert find_listed_number("4242424242424242").grouped == "4242 4242 4242 4242"
    assert find_listed_number("378282246310005").grouped == "3782 822463 10005"
    assert find_listed_number("1") is None
