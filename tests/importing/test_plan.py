"""What of another application's rows is a balance."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.errors import InvalidRequest
from coinpurse.importing import rules

WHOLE = st.integers(0, rules.MAXIMUM_COINS)


@pytest.mark.parametrize(
    ("user_id", "coins", "problem"),
    [
        (1, None, "NULL"),
        (1, -3, "negative"),
        (1, "12", "no number"),
        (1, True, "no number"),
        (1, 1.5, "no whole number"),
        (1, float("nan"), "no whole number"),
        (1, Decimal("Infinity"), "no whole number"),
        (1, Decimal("0.01"), "no whole number"),
        (1, 2**53, "more than"),
        (None, 1, "must be a number, a text or a UUID"),
        (True, 1, "must be a number, a text or a UUID"),
        ("", 1, "printable characters"),
        ("a\nb", 1, "printable characters"),
        ("x" * 250, 1, "too long"),
    ],
)
def test_a_row_that_is_no_balance_is_named_with_its_reason(
    user_id: object, coins: object, problem: str
) -> None:
    found = rules.read_balances([(user_id, coins), (2, 5)], "old")

    assert [problem in row.problem for row in found.bad] == [True]
    assert found.coins == {"2": 5}


def test_a_user_who_is_there_twice_is_bad() -> None:
    found = rules.read_balances([(7, 1), ("7", 1), (8, 0)], "old")

    assert [(row.user_id, row.problem) for row in found.bad] == [
        ("7", "This user id is there twice")
    ]


@given(st.dictionaries(st.integers(), WHOLE))
def test_whole_numbers_of_any_type_keep_their_sum(rows: dict[int, int]) -> None:
    forms = (int, Decimal, lambda coins: float(coins) if coins < 2**53 else coins)
    given_rows = [(user, forms[user % 3](coins)) for user, coins in rows.items()]

    found = rules.read_balances(given_rows, "old")

    assert found.total == sum(rows.values())
    assert found.bad == ()


def test_ids_are_text_as_flask_login_gives_them() -> None:
    uuid = UUID("01a21202-2d0f-753b-8604-0151edfa4c5e")

    assert set(rules.read_balances([(uuid, 1), (42, 1)], "old").coins) == {str(uuid), "42"}


@pytest.mark.parametrize("name", ["", "a:b", "two words", "ä", "x" * 41])
def test_a_name_that_keys_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        rules.require_source(name)
