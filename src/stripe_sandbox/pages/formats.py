"""Amounts and times as a reader of the page's language writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_datetime
from babel.numbers import format_currency

from stripe_sandbox.pages.languages import Language

# Stripe's own table; ISO 4217 differs for ISK and UGX. Source: docs.stripe.com/currencies.
ZERO_DECIMAL_CURRENCIES = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()
)
THREE_DECIMAL_CURRENCIES = frozenset("bhd jod kwd omr tnd".split())


def currency_exponent(currency: str) -> int:
    """How many digits of a minor-unit amount stand behind the decimal point."""
    code = currency.lower()
    if code in ZERO_DECIMAL_CURRENCIES:
        return 0
    return 3 if code in THREE_DECIMAL_CURRENCIES else 2


def format_amount(amount_minor: int, currency: str, language: Language) -> str:
    """Write an amount of minor units, for example 9999 usd as `$99.99` or `US$99.99`."""
    amount = Decimal(amount_minor).scaleb(-currency_exponent(currency))
    return format_currency(amount, currency.upper(), locale=language.babel_locale)


def format_time(epoch_seconds: int | float | None, language: Language) -> str:
    """Write a point in time to the second, in UTC; a dash when there is none."""
    if epoch_seconds is None:
        return "—"
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    if language is Language.CHINESE:
        return format_datetime(moment, "yyyy年M月d日 HH:mm:ss 'UTC'", locale=language.babel_locale)
    return format_datetime(moment, "d MMM yyyy, HH:mm:ss 'UTC'", locale=language.babel_locale)
