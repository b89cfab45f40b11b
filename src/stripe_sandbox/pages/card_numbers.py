"""Card numbers, dates and bank accounts as people type them, made plain.

This finds typing mistakes before a payment is tried, as a hosted checkout does. Whether a card
pays is for the sandbox's core to say.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_SEPARATORS = re.compile(r"[\s\-‐‑‒–—―−.·_]+")


@dataclass(frozen=True, slots=True)
class CardBrand:
    """What a brand's numbers look like."""

    name: str
    title: str
    prefixes: re.Pattern[str]
    number_lengths: frozenset[int]
    cvc_length: int


_SIXTEEN = frozenset({16})

CARD_BRANDS = (
    CardBrand("amex", "Amex", re.compile(r"3[47]"), frozenset({15}), 4),
    CardBrand("diners", "Diners", re.compile(r"3(?:0|6|8|9)"), frozenset({14, 16}), 3),
    CardBrand("jcb", "JCB", re.compile(r"35"), _SIXTEEN, 3),
    CardBrand(
        "mastercard", "Mastercard", re.compile(r"5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720)"), _SIXTEEN, 3
    ),
    CardBrand("unionpay", "UnionPay", re.compile(r"62|81"), frozenset(range(16, 20)), 3),
    CardBrand("discover", "Discover", re.compile(r"6(?:011|4[4-9]|5)"), _SIXTEEN, 3),
    CardBrand("visa", "Visa", re.compile(r"4"), _SIXTEEN, 3),
)
_ANY_CARD = CardBrand("unknown", "Card", re.compile(r""), frozenset(range(12, 20)), 3)


def clean(typed: str) -> str:
    """Drop spaces, dashes and dots of any script and make full-width characters plain."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))


def brand_of(number: str) -> CardBrand:
    """Return the brand that a cleaned number begins like."""
    return next((brand for brand in CARD_BRANDS if brand.prefixes.match(number)), _ANY_CARD)


def is_decimal(text: str) -> bool:
    """Whether `text` is one or more of the digits 0 to 9 and nothing else."""
    return text.isascii() and text.isdigit()


def parse_expiry(typed: str) -> tuple[int, int] | None:
    """Read `MM / YY`, `MMYY`, `M-YYYY` and the like into (month, four-digit year), else None."""
    text = unicodedata.normalize("NFKC", typed).strip()
    parts = [part for part in re.split(r"[^0-9]+", text) if part]
    if len(parts) == 1 and len(parts[0]) in {4, 6}:
        parts = [parts[0][:2], parts[0][2:]]
    if len(parts) != 2 or len(parts[0]) > 2 or len(parts[1]) not in {2, 4}:
        return None
    month, year = int(parts[0]), int(parts[1])
    if not 1 <= month <= 12:
        return None
    return month, year + 2000 if year < 100 else year
