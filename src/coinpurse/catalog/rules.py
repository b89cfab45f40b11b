"""Packs, and finding the one that a buyer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Literal

from coinpurse.errors import PackUnavailable, PriceMismatch
from coinpurse.money import Money

Source = Literal["file", "database"]


@dataclass(frozen=True, slots=True)
class Pack:
    """What we sell: coins and bonus coins for a price in each currency.

    prices: currency code to price. active: False once withdrawn from sale.
    image: an absolute https address, or None.
    available_from, available_until: aware; on sale from the first moment, and no more at the second.
    limit_per_user: how often one account may buy it; None for as often as it likes.
    first_purchase_bonus: bonus coins on top where it is the user's first purchase of all.
    bonus_expires_days: how long after the purchase its whole bonus expires; None for never.
    """

    sku: str
    coins: int
    bonus: int
    prices: Mapping[str, Money]
    active: bool = True
    image: str | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None
    limit_per_user: int | None = None
    first_purchase_bonus: int = 0
    bonus_expires_days: int | None = None

    @property
    def total_coins(self) -> int:
        """Coins and bonus together, without what only a first purchase brings."""
        return self.coins + self.bonus

    @property
    def is_personal(self) -> bool:
        """Whether what it offers depends on who buys it."""
        return self.limit_per_user is not None or self.first_purchase_bonus > 0

    def is_on_sale(self, at: datetime | None = None) -> bool:
        """Whether it can be bought at a moment, by default now."""
        moment = at or datetime.now(UTC)
        return (
            self.active
            and (self.available_from is None or self.available_from <= moment)
            and (self.available_until is None or moment < self.available_until)
        )

    def price_per_100_coins(self, currency: str, *, first_bonus: int = 0) -> Fraction:
        """Minor units for 100 coins, bonus included, exactly."""
        return Fraction(self.prices[currency].amount_minor * 100, self.total_coins + first_bonus)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All packs, in the operator's order. On sale means: now.

    source: the file's name or the version, for messages. kind: where it comes from.
    version: the id of the row that put it in force; None where that was the file from the beginning.
    """

    packs: tuple[Pack, ...]
    source: str
    kind: Source = "file"
    version: int | None = None

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies in which something is on sale, in the order of their first appearance."""
        now = datetime.now(UTC)
        return tuple(
            dict.fromkeys(
                code for pack in self.packs if pack.is_on_sale(now) for code in pack.prices
            )
        )

    def on_sale(self, currency: str, at: datetime | None = None) -> tuple[Pack, ...]:
        """Packs that can be bought in the currency at a moment, by default now."""
        moment = at or datetime.now(UTC)
        return tuple(
            pack for pack in self.packs if pack.is_on_sale(moment) and currency in pack.prices
        )

    def best_value(self, currency: str) -> Pack | None:
        """The pack with the lowest price per coin; None where fewer than two packs are on sale."""
        packs = self.on_sale(currency)
        return (
            min(packs, key=lambda pack: pack.price_per_100_coins(currency))
            if len(packs) > 1
            else None
        )

    def by_sku(self, sku: str, currency: str) -> Pack:
        """Return a pack on sale with a price in the currency. Raises PackUnavailable."""
        for pack in self.on_sale(currency):
            if pack.sku == sku:
                return pack
        raise PackUnavailable(
            f"The pack {sku!r} is not on sale in {currency.upper()}.", sku=sku, currency=currency
        )

    def by_figures(self, price: Money, *, coins: int, bonus: int) -> Pack:
        """Return the pack on sale with exactly these figures. Raises PriceMismatch.

        bonus: the ordinary one, or with what a first purchase brings on top. Whether that is due to a user is
        decided when the checkout is started.
        """
        for pack in self.on_sale(price.currency):
            if (pack.prices[price.currency], pack.coins) == (price, coins) and bonus in (
                pack.bonus,
                pack.bonus + pack.first_purchase_bonus,
            ):
                return pack
        raise PriceMismatch("No pack on sale has these figures.", coins=coins, bonus=bonus)
