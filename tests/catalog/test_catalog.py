"""The catalog file: read exactly, and every mistake named with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.catalog import Catalog, Pack, load_catalog
from coinpurse.errors import ConfigurationError, PackUnavailable, PriceMismatch
from coinpurse.money import Money

GOOD = '[[packs]]\nsku = "pouch"\ncoins = 100\nprices = { usd = "9.99" }\n'
SECOND = '\n[[packs]]\nsku = "chest"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.toml"


def loaded(file: Path, text: str) -> Catalog:
    file.write_text(text, encoding="utf-8")
    return load_catalog(file)


def pack(
    sku: str, minor: int, coins: int, bonus: int = 0, *, currency: str = "usd", active: bool = True
) -> Pack:
    return Pack(
        sku=sku, coins=coins, bonus=bonus, prices={currency: Money(minor, currency)}, active=active
    )


def test_a_file_is_read_in_its_order_with_its_defaults(file: Path) -> None:
    catalog = loaded(
        file,
        GOOD
        + SECOND
        + 'coins = 1000\nbonus = 200\nactive = false\nimage = "https://img.example.com/a b.png"\n'
        'prices = { usd = "99.99", jpy = "14800", kwd = "30.120" }\n'.replace("a b", "a"),
    )

    first, second = catalog.packs
    assert first == Pack("pouch", 100, 0, {"usd": Money(999, "usd")})
    assert (first.active, first.image, first.total_coins) == (True, None, 100)
    assert (second.total_coins, second.active, second.image) == (
        1200,
        False,
        "https://img.example.com/a.png",
    )
    assert [price.amount_minor for price in second.prices.values()] == [9999, 14800, 30120]
    assert catalog.source == str(file)


@pytest.mark.parametrize("written", ['"19.99"', "19.99", "19.990", "1.999e1"])
def test_a_price_is_exact_however_it_is_written(file: Path, written: str) -> None:
    catalog = loaded(file, GOOD.replace('"9.99"', written))

    assert catalog.packs[0].prices["usd"] == Money(1999, "usd")


@given(st.integers(1, 99_999_999))
def test_every_price_in_cents_survives_an_unquoted_decimal(
    tmp_path_factory: pytest.TempPathFactory, cents: int
) -> None:
    file = tmp_path_factory.getbasetemp() / "floats.toml"
    file.write_text(GOOD.replace('"9.99"', f"{Decimal(cents).scaleb(-2):f}"), encoding="utf-8")

    assert load_catalog(file).packs[0].prices["usd"].amount_minor == cents


@pytest.mark.parametrize(
    ("field", "line", "words"),
    [
        ("coins", "coins = 0\nprices = { usd = 1 }", "from 1 to"),
        ("coins", "coins = -5\nprices = { usd = 1 }", "from 1 to"),
        ("coins", "coins = 1.5\nprices = { usd = 1 }", "whole number"),
        ("coins", "coins = 1e3\nprices = { usd = 1 }", "whole number"),
        ("coins", 'coins = "100"\nprices = { usd = 1 }', "whole number"),
        ("coins", "coins = true\nprices = { usd = 1 }", "whole number"),
        ("coins", "coins = 1000000000001\nprices = { usd = 1 }", "whole number"),
        ("coins", "prices = { usd = 1 }", "whole number"),
        ("bonus", "coins = 1\nbonus = -1\nprices = { usd = 1 }", "from 0 to"),
        ("bonus", 'coins = 1\nbonus = "10"\nprices = { usd = 1 }', "whole number"),
        ("prices", "coins = 1", "at least one currency"),
        ("prices", "coins = 1\nprices = {}", "at least one currency"),
        ("prices", 'coins = 1\nprices = "9.99"', "at least one currency"),
        ("prices.usd", "coins = 1\nprices = { usd = 0 }", "more than zero"),
        ("prices.usd", 'coins = 1\nprices = { usd = "-9.99" }', "not an amount"),
        ("prices.usd", 'coins = 1\nprices = { usd = "9.999" }', "more than 2 decimals"),
        ("prices.usd", 'coins = 1\nprices = { usd = "9,99" }', "not a number"),
        ("prices.usd", 'coins = 1\nprices = { usd = "$9.99" }', "not a number"),
        ("prices.usd", 'coins = 1\nprices = { usd = "" }', "not a number"),
        ("prices.usd", "coins = 1\nprices = { usd = true }", "in quotes"),
        ("prices.usd", "coins = 1\nprices = { usd = [9.99] }", "in quotes"),
        ("prices.usd", "coins = 1\nprices = { usd = nan }", "not an amount"),
        ("prices.usd", "coins = 1\nprices = { usd = inf }", "not an amount"),
        ("prices.usd", 'coins = 1\nprices = { usd = "1e1000000" }', "not an amount"),
        (
            "prices.jpy",
            'coins = 1\nprices = { usd = "9.99", jpy = "1480.50" }',
            "more than 0 decimals",
        ),
        ("prices.kwd", 'coins = 1\nprices = { kwd = "1.234" }', "multiple of 10"),
        ("prices.isk", 'coins = 1\nprices = { isk = "10.50" }', "multiple of 100"),
        ("prices.USD", 'coins = 1\nprices = { USD = "9.99" }', "currency"),
        ("prices.gold", 'coins = 1\nprices = { gold = "9.99" }', "currency"),
        ("active", 'coins = 1\nactive = "yes"\nprices = { usd = 1 }', "true or false"),
        ("active", "coins = 1\nactive = 1\nprices = { usd = 1 }", "true or false"),
        (
            "image",
            'coins = 1\nimage = "http://img.example.com/a.png"\nprices = { usd = 1 }',
            "https://",
        ),
        ("image", 'coins = 1\nimage = "static/a.png"\nprices = { usd = 1 }', "https://"),
        ("image", "coins = 1\nimage = 7\nprices = { usd = 1 }", "https://"),
        ("limit_per_user", "coins = 1\nlimit_per_user = 0\nprices = { usd = 1 }", "from 1 to"),
        ("limit_per_user", 'coins = 1\nlimit_per_user = "1"\nprices = { usd = 1 }', "whole number"),
        (
            "first_purchase_bonus",
            "coins = 1\nfirst_purchase_bonus = -1\nprices = { usd = 1 }",
            "from 0",
        ),
        (
            "bonus_expires_days",
            "coins = 1\nbonus_expires_days = 3\nprices = { usd = 1 }",
            "needs a bonus",
        ),
        (
            "bonus_expires_days",
            "coins = 1\nbonus = 1\nbonus_expires_days = 0\nprices = { usd = 1 }",
            "from 1 to",
        ),
        (
            "available_from",
            "coins = 1\navailable_from = 2026-12-01T00:00:00\nprices = { usd = 1 }",
            "with its zone",
        ),
        (
            "available_until",
            'coins = 1\navailable_until = "soon"\nprices = { usd = 1 }',
            "with its zone",
        ),
        (
            "available_until",
            "coins = 1\navailable_until = 2026-12-01\nprices = { usd = 1 }",
            "zone",
        ),
        (
            "available_until",
            (
                "coins = 1\navailable_from = 2026-12-01T00:00:00Z\n"
                "available_until = 2026-12-01T01:00:00+01:00\nprices = { usd = 1 }"
            ),
            "later than available_from",
        ),
        (
            "colour",
            'coins = 1\ncolour = "red"\nprices = { usd = 1 }',
            "known are active, available_from",
        ),
    ],
)
def test_a_mistake_is_named_with_file_pack_field_and_mend(
    file: Path, field: str, line: str, words: str
) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        loaded(file, GOOD + SECOND + line + "\n")

    message = str(mistake.value)
    assert message.startswith(f"{file}, pack 2 (chest): {field}"), message
    assert words in message


@pytest.mark.parametrize(
    "sku", ['""', "7", '"Chest"', '"a b"', '"-a"', '"a.b"', f'"{"a" * 65}"', '"金币"', '"a\\n"']
)
def test_a_sku_that_is_no_name_is_named_by_its_place(file: Path, sku: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        loaded(file, GOOD.replace('"pouch"', sku))

    assert str(mistake.value).startswith(f"{file}, pack 1: sku must be lower-case letters")


def test_a_missing_sku_is_named_by_its_place(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="pack 2: sku must be"):
        loaded(file, GOOD + "\n[[packs]]\ncoins = 1\n")


@pytest.mark.parametrize(
    "text", ["", "packs = []", "packs = 7", "packs = [7]", "[packs]\nsku = 'a'", "[[pack]]\n"]
)
def test_a_file_without_packs_is_refused(file: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        loaded(file, text)

    assert str(mistake.value) == f"{file} has no packs; write a [[packs]] table for each."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[packs", "is not valid TOML"),
        (GOOD.replace("100", "1" * 5000), "a number that is too large"),
        (GOOD.replace('"9.99"', "1e99999999999999999999"), "a number that is too large"),
    ],
    ids=["half a file", "thousands of digits", "a monstrous exponent"],
)
def test_a_file_that_cannot_be_parsed_is_named(file: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as mistake:
        loaded(file, text)

    assert str(mistake.value).startswith(f"{file} ")
    assert words in str(mistake.value)


def test_a_file_that_is_not_utf_8_says_so(file: Path) -> None:
    file.write_bytes(GOOD.encode() + "# é\n".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="is not UTF-8 text; save it as UTF-8"):
        load_catalog(file)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_names_the_setting(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^COINPURSE_CATALOG: .* cannot be read \(.+\); give the path"
    ):
        load_catalog(tmp_path / name)


def test_a_sku_that_stands_twice_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="the sku pouch stands twice"):
        loaded(file, GOOD + GOOD.replace("9.99", "8.99"))


def test_two_packs_with_the_same_figures_are_refused(file: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="pouch and twin have the same coins, bonus and usd price"
    ):
        loaded(file, GOOD + GOOD.replace("pouch", "twin"))


def test_a_withdrawn_pack_may_share_its_figures_with_its_successor(file: Path) -> None:
    catalog = loaded(file, GOOD + "active = false\n" + GOOD.replace("pouch", "successor"))

    assert catalog.by_figures(Money(999, "usd"), coins=100, bonus=0).sku == "successor"


def test_figures_with_a_first_purchase_bonus_may_not_be_another_pack_s(file: Path) -> None:
    twin = GOOD.replace("pouch", "twin") + "bonus = 30\n"

    with pytest.raises(ConfigurationError, match="could mean either"):
        loaded(file, GOOD + "first_purchase_bonus = 30\n" + twin)


def test_packs_that_are_never_on_sale_together_may_share_their_figures(file: Path) -> None:
    first = GOOD + "available_until = 2026-12-01T00:00:00Z\n"
    second = GOOD.replace("pouch", "advent") + "available_from = 2026-12-01T00:00:00Z\n"

    assert len(loaded(file, first + second).packs) == 2
    with pytest.raises(ConfigurationError, match="could mean either"):
        loaded(file, first + second.replace("12-01", "11-30"))


def test_a_window_opens_at_its_first_moment_and_closes_at_its_last(file: Path) -> None:
    (sale,) = loaded(
        file,
        GOOD
        + "available_from = 2026-12-01T00:00:00+01:00\navailable_until = 2026-12-02T00:00:00+01:00\n",
    ).packs
    opens = datetime(2026, 11, 30, 23, tzinfo=UTC)

    tick = timedelta(microseconds=1)
    assert [sale.is_on_sale(opens + each) for each in (-tick, 0 * tick)] == [False, True]
    closes = opens + timedelta(days=1)
    assert [sale.is_on_sale(closes + each) for each in (-tick, 0 * tick)] == [True, False]


def test_the_sample_catalog_is_the_contract_s() -> None:
    catalog = load_catalog(None)

    contract = catalog.by_figures(Money(9999, "usd"), coins=1000, bonus=200)
    assert contract.total_coins == 1200
    assert len(catalog.packs) >= 5
    assert all(pack.active for pack in catalog.packs)
    assert all(set(pack.prices) >= {"usd", "eur", "gbp", "jpy", "cny"} for pack in catalog.packs)
    assert catalog.source == "the sample catalog"


def test_in_the_sample_catalog_more_money_buys_more_coins_in_every_currency() -> None:
    catalog = load_catalog(None)

    for currency in catalog.currencies:
        packs = sorted(
            catalog.on_sale(currency), key=lambda pack: pack.prices[currency].amount_minor
        )
        rates = [pack.price_per_100_coins(currency) for pack in packs]
        assert [pack.total_coins for pack in packs] == sorted(pack.total_coins for pack in packs)
        assert rates[-1] == min(rates)


CATALOG = Catalog(
    packs=(
        pack("pouch", 999, 100),
        pack("chest", 9999, 1000, 200),
        pack("old", 500, 500, active=False),
        pack("yen", 1480, 100, currency="jpy"),
    ),
    source="here",
)


def test_a_pack_is_found_by_its_exact_figures() -> None:
    assert CATALOG.by_figures(Money(9999, "usd"), coins=1000, bonus=200).sku == "chest"


@pytest.mark.parametrize(
    ("price", "coins", "bonus"),
    [
        (Money(9998, "usd"), 1000, 200),
        (Money(1, "usd"), 1000, 200),
        (Money(9999, "usd"), 1200, 0),
        (Money(9999, "usd"), 1000, 201),
        (Money(9999, "eur"), 1000, 200),
        (Money(9999, "jpy"), 1000, 200),
        (Money(500, "usd"), 500, 0),
    ],
    ids=["a cent less", "a cent", "bonus as coins", "more bonus", "euro", "yen", "withdrawn"],
)
def test_trap_23_other_figures_are_no_pack(price: Money, coins: int, bonus: int) -> None:
    with pytest.raises(PriceMismatch) as refusal:
        CATALOG.by_figures(price, coins=coins, bonus=bonus)

    assert refusal.value.code == "price_mismatch"


def test_a_pack_is_found_by_its_sku_in_a_currency_that_it_has() -> None:
    assert CATALOG.by_sku("chest", "usd").coins == 1000
    assert CATALOG.by_sku("yen", "jpy").coins == 100


@pytest.mark.parametrize(
    ("sku", "currency"),
    [("nothing", "usd"), ("old", "usd"), ("chest", "jpy"), ("yen", "usd"), ("", "")],
)
def test_a_pack_that_is_not_on_sale_is_unavailable(sku: str, currency: str) -> None:
    with pytest.raises(PackUnavailable) as refusal:
        CATALOG.by_sku(sku, currency)

    assert refusal.value.facts == {"sku": sku, "currency": currency}


def test_a_withdrawn_pack_is_on_no_list() -> None:
    withdrawn = Catalog(
        packs=(pack("old", 100, 10, currency="eur", active=False), pack("new", 100, 10)),
        source="here",
    )

    assert withdrawn.on_sale("eur") == ()
    assert withdrawn.currencies == ("usd",)
    assert withdrawn.best_value("usd") is None


def test_the_best_value_counts_the_bonus_and_not_the_withdrawn() -> None:
    assert CATALOG.best_value("usd") == CATALOG.packs[1]
    assert CATALOG.packs[1].price_per_100_coins("usd") == Fraction(9999 * 100, 1200)


def test_one_pack_alone_is_no_best_value() -> None:
    assert CATALOG.best_value("jpy") is None
    assert CATALOG.best_value("eur") is None
