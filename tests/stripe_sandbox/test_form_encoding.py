"""Bracket notation, there and back."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.form_encoding import Form, flatten, parse_form, parse_pairs
from stripe_sandbox.api.parameters import (
    Boolean,
    Integer,
    ListOf,
    Metadata,
    Parameters,
    Shape,
    Text,
    check,
)

NAMES = st.text("abcdefghij_-.@ 0123456789é", min_size=1, max_size=8)
FORMS: st.SearchStrategy[Form] = st.recursive(
    st.dictionaries(NAMES, st.text(max_size=10), min_size=1, max_size=4),
    lambda inner: st.dictionaries(NAMES, inner | st.text(max_size=10), min_size=1, max_size=4),
    max_leaves=12,
)


@given(FORMS)
def test_a_form_comes_back_as_it_went(form: Form) -> None:
    assert parse_form(urlencode(flatten(form))) == form


@given(FORMS, st.randoms())
def test_the_order_of_keys_does_not_matter(form: Form, random: st.Random) -> None:  # type: ignore[name-defined]
    pairs = flatten(form)
    random.shuffle(pairs)

    assert parse_pairs(pairs) == form


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_form(text)
    except MalformedRequest as refusal:
        assert refusal.status == 400  # noqa: PT017


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5))
def test_open_brackets_append(values: list[str]) -> None:
    form = parse_pairs([("expand[]", value) for value in values])

    assert check(form, Parameters()) == {"expand": values}


@given(st.permutations(range(12)))
def test_indexed_lists_keep_the_order_of_their_indexes(order: list[int]) -> None:
    form = parse_pairs([(f"a[{index}][k]", str(index)) for index in order])

    rules = Parameters({"a": ListOf(Shape({"k": Integer()}))})
    assert check(form, rules)["a"] == [{"k": index} for index in range(12)]


@given(st.integers(-(2**60), 2**60))
def test_integers_are_exact_or_refused(number: int) -> None:
    rules = Parameters({"n": Integer()})
    try:
        assert check({"n": str(number)}, rules) == {"n": number}
    except MalformedRequest:
        assert abs(number) > 2**53


@pytest.mark.parametrize("text", ["1.5", "1e3", " 1", "1_000", "0x10", "", "NaN", "一"])
def test_other_numbers_are_refused(text: str) -> None:
    if text == "一":
        text = "９x"
    with pytest.raises(ApiError):
        check({"n": text}, Parameters({"n": Integer()}))


@pytest.mark.parametrize("text", ["True", "1", "yes", ""])
def test_booleans_are_two_words(text: str) -> None:
    with pytest.raises(ApiError):
        check({"b": text}, Parameters({"b": Boolean()}))


@pytest.mark.parametrize("query", ["a=1&a[b]=2", "a[b]=2&a=1&a[b][c]=3", "a" + "[b]" * 40 + "=1"])
def test_crossed_shapes_are_refused(query: str) -> None:
    with pytest.raises(MalformedRequest):
        parse_form(query)


def test_objects_where_text_is_wanted_are_refused() -> None:
    with pytest.raises(MalformedRequest):
        check(parse_form("name[a]=1"), Parameters({"name": Text()}))


@pytest.mark.parametrize(
    "query",
    ["metadata[" + "k" * 41 + "]=v", "metadata[k]=" + "v" * 501,
     "&".join(f"metadata[k{n}]=v" for n in range(51))],
)  # fmt: skip
def test_metadata_has_limits(query: str) -> None:
    with pytest.raises(MalformedRequest):
        check(parse_form(query), Parameters({"metadata": Metadata()}))


def test_braces_reach_the_sandbox_unharmed() -> None:
    url = "https://a.example/?id={CHECKOUT_SESSION_ID}"

    assert parse_form(urlencode({"success_url": url})) == {"success_url": url}
