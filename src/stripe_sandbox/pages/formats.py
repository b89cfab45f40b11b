"""Amounts and times as a reader of the page's language writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_datetime
from babel.numbers import format_currency

from stripe_sandbox.currencies import decimals
from stripe_sandbox.pages.languages import Language


def format_amount(amount_minor: int, currency: str, language: Language) -> str:
    """Write an amount of minor units, for example 9999 usd as `$99.99` or `US$99.99`."""
    amount = Decimal(amount_minor).scaleb(-decimals(currency.lower()))
    return format_currency(amount, currency.upper(), locale=language.babel_locale)


def format_time(epoch_seconds: int | float | None, language: Language) -> str:
    """Write a point in time to the second, in UTC; a dash when there is none."""
    if epoch_seconds is None:
        return "—"
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    if language is Language.CHINESE:
        return format_datetime(moment, "yyyy年M月d日 HH:mm:ss 'UTC'", locale=language.babel_locale)
    return format_datetime(moment, "d MMM yyyy, HH:mm:ss 'UTC'", locale=language.babel_locale)
