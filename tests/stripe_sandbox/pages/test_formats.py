"""Amounts and times."""

from __future__ import annotations

import pytest

from stripe_sandbox.pages.formats import format_amount, format_time
from stripe_sandbox.pages.languages import Language


@pytest.mark.parametrize(
    ("amount_minor", "currency", "english", "chinese"),
    [
        (9999, "usd", "$99.99", "US$99.99"),
        (120000, "jpy", "¥120,000", "JP¥120,000"),
        (73800, "cny", "CN¥738.00", "¥738.00"),
        (500, "EUR", "€5.00", "€5.00"),
        (1230, "kwd", "KWD1.230", "KWD1.230"),
    ],
)
def test_amounts_follow_the_currency_and_the_language(
    amount_minor: int, currency: str, english: str, chinese: str
) -> None:
    assert format_amount(amount_minor, currency, Language.ENGLISH) == english
    assert format_amount(amount_minor, currency, Language.CHINESE) == chinese


def test_times_name_their_zone() -> None:
    assert format_time(1_900_000_000, Language.ENGLISH) == "17 Mar 2030, 17:46:40 UTC"
    assert format_time(1_900_000_000, Language.CHINESE) == "2030年3月17日 17:46:40 UTC"
    assert format_time(None, Language.ENGLISH) == "—"
