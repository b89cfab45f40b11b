"""Packs, and finding the one that a buyer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from coinpurse.errors import PackUnavailable, PriceMismatch
from coinpurse.money import Money


@dataclass(frozen=True, slots=True)
class Pack:
    """What we sell: coins and bonus coins for a price in each currency.

    prices: currency code to price. active: False once withdrawn from sale.
    image: an absolute https address, or None.
    """

    sku: str
    coins: int
    bonus: int
    prices: Mapping[str, Money]
    active: bool = True
    image: str | None = None

    @property
    def total_coins(self) -> int:
        """Coins and bonus together."""
        return self.coins + self.bonus

    def price_per_100_coins(self, currency: str) -> Fraction:
        """Minor units for 100 coins, bonus included, exactly."""
        return Fraction(self.prices[currency].amount_minor * 100, self.total_coins)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All packs, in the operator's order. source: the file's name, for messages."""

    packs: tuple[Pack, ...]
    source: str

    @property
    def currencies(self) -> tuple[str, ...]:
        """Currencies in which something is on sale, in the order of their first appearance."""
        return tuple(
            dict.fromkeys(code for pack in self.packs if pack.active for code in pack.prices)
        )

    def on_sale(self, currency: str) -> tuple[Pack, ...]:
        """Active packs that have a price in the currency."""
        return tuple(pack for pack in self.packs if pack.active and currency in pack.prices)

    def best_value(self, currency: str) -> Pack | None:
        """The pack with the lowest price per coin; None where fewer than two packs are on sale."""
        packs = self.on_sale(currency)
        return (
            min(packs, key=lambda pack: pack.price_per_100_coins(currency))
            if len(packs) > 1
            else None
        )

    def by_sku(self, sku: str, currency: str) -> Pack:
        """Return an active pack with a price in the currency. Raises PackUnavailable."""
        for pack in self.on_sale(currency):
            if pack.sku == sku:
                return pack
        raise PackUnavailable(
            f"The pack {sku!r} is not on sale in {currency.upper()}.", sku=sku, currency=currency
        )

    def by_figures(self, price: Money, *, coins: int, bonus: int) -> Pack:
        """Return the active pack with exactly these figures. Raises PriceMismatch."""
        for pack in self.on_sale(price.currency):
            if (pack.prices[price.currency], pack.coins, pack.bonus) == (price, coins, bonus):
                return pack
        raise PriceMismatch("No pack on sale has these figures.", coins=coins, bonus=bonus)
