"""Amounts, coins and times in the reader's form."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_precision

from coinpurse.money import Money, exponent
from coinpurse.web.language import current_language, reader_locale

MINUS = "\N{MINUS SIGN}"
# What a reader of this language or region most likely pays with; offered only where it is on sale.
CURRENCIES = {
    "zh": "cny",
    "zh_HK": "hkd",
    "zh_TW": "twd",
    "ja": "jpy",
    "ko": "krw",
    "de": "eur",
    "de_CH": "chf",
    "el": "eur",
    "es_ES": "eur",
    "fi": "eur",
    "fr": "eur",
    "fr_CA": "cad",
    "fr_CH": "chf",
    "it": "eur",
    "it_CH": "chf",
    "nl": "eur",
    "pt_PT": "eur",
    "en_AU": "aud",
    "en_CA": "cad",
    "en_GB": "gbp",
    "en_IE": "eur",
}


def money(amount: Money) -> str:
    """An amount as the reader writes it: `$99.99`, `99,99 $`, `¥738`; every digit that counts is shown."""
    return any_money(amount.amount_minor, amount.currency)


def any_money(minor: int, currency: str) -> str:
    """The same for an amount that nobody could be charged: Stripe tells of such, and of amounts below zero."""
    return format_currency(
        Decimal(minor).scaleb(-exponent(currency)),
        currency.upper(),
        locale=reader_locale(),
        decimal_quantization=False,
    )


def unit_price(minor: Fraction, currency: str) -> str:
    """A computed price, rounded to the currency's digits, or to two figures where that leaves less.

    minor: minor units of the currency, not always whole.
    """
    major = Decimal(minor.numerator) / Decimal(minor.denominator).scaleb(exponent(currency))
    digits = max(get_currency_precision(currency.upper()), 1 - major.adjusted() if major else 0)
    rounded = major.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return format_currency(
        rounded, currency.upper(), locale=reader_locale(), decimal_quantization=False
    )


def coins(count: int) -> str:
    """A number of coins, grouped as the reader groups it."""
    return format_decimal(count, locale=reader_locale())


def signed_coins(change: int) -> str:
    """A change with its sign, which is a true minus."""
    sign = MINUS if change < 0 else "+" if change else ""
    return sign + coins(abs(change))


def moment(time: datetime) -> str:
    """A time in UTC, named as such; the page's script shows it in the reader's own zone."""
    return format_datetime(time.astimezone(UTC), "d MMM y, HH:mm 'UTC'", locale=reader_locale())


def zoned_moment(time: datetime, zone: ZoneInfo) -> str:
    """A time in a zone, with its name."""
    local = (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).astimezone(zone)
    pattern = "y年M月d日 HH:mm" if current_language() == "zh" else "d MMM y, HH:mm"
    # The zone's own short name: a locale writes many of them as bare offsets.
    return f"{format_datetime(local, pattern, locale=reader_locale())} {local.tzname()}"


def day(date: date) -> str:
    """A day, in words."""
    return format_date(date, "long", locale=reader_locale())


def currency_name(code: str) -> str:
    """The currency in the reader's words."""
    return str(reader_locale().currencies.get(code.upper(), code.upper()))


def likely_currency(on_sale: tuple[str, ...]) -> str:
    """The currency on sale that the reader most likely pays with; US dollars where nothing tells."""
    locale: Locale = reader_locale()
    wished = (
        CURRENCIES.get(f"{locale.language}_{locale.territory}"),
        CURRENCIES.get(locale.language),
        "usd",
    )
    return next((code for code in wished if code in on_sale), on_sale[0])
