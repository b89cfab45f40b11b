"""What the packs page offers to whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coinpurse.catalog import Pack
from coinpurse.web import formatting
from coinpurse.web.access import current_user_id

if TYPE_CHECKING:
    from coinpurse.extension import Coinpurse

PILE_SIZES = 6


@dataclass(frozen=True, slots=True)
class Offer:
    """A pack as its card shows it. pile: how many coins are drawn, 1 to 6.

    first_bonus: what this reader gets on top for a first purchase. promises_first_bonus: whether the card speaks of it
    to somebody whom we do not know. is_closed: the reader has the pack as often as one account may.
    """

    pack: Pack
    price: str
    price_per_100: str
    is_best: bool
    is_wanted: bool
    pile: int
    first_bonus: int = 0
    promises_first_bonus: bool = False
    is_closed: bool = False

    @property
    def bonus(self) -> int:
        """All bonus coins that this reader gets."""
        return self.pack.bonus + self.first_bonus

    @property
    def total_coins(self) -> int:
        """All coins that this reader gets."""
        return self.pack.coins + self.bonus


def offers(purse: Coinpurse, currency: str, wanted: str | None) -> list[Offer]:
    """Return what is on sale now, in the operator's order. wanted: the sku that the reader has come for."""
    catalog = purse.catalog
    on_sale = catalog.on_sale(currency)
    best = catalog.best_value(currency)
    # Asked only where an offer depends on it.
    user_id = current_user_id() if any(pack.is_personal for pack in on_sale) else None
    standing = purse.standing(user_id)
    by_size = sorted({pack.total_coins for pack in on_sale})
    return [
        _offer(
            pack,
            currency,
            is_best=pack is best,
            is_wanted=pack.sku == wanted,
            pile=_pile(by_size.index(pack.total_coins), len(by_size)),
            first_bonus=standing.first_bonus(pack) if user_id else 0,
            promises_first_bonus=not user_id and pack.first_purchase_bonus > 0,
            is_closed=standing.has_reached_limit(pack),
        )
        for pack in on_sale
    ]


def preview(pack: Pack, currency: str) -> Offer:
    """Return what a newcomer would see of a pack, on sale or not."""
    return _offer(
        pack,
        currency,
        is_best=False,
        is_wanted=False,
        pile=PILE_SIZES // 2,
        promises_first_bonus=pack.first_purchase_bonus > 0,
    )


def _offer(
    pack: Pack,
    currency: str,
    *,
    is_best: bool,
    is_wanted: bool,
    pile: int,
    first_bonus: int = 0,
    promises_first_bonus: bool = False,
    is_closed: bool = False,
) -> Offer:
    per_100 = pack.price_per_100_coins(currency, first_bonus=first_bonus)
    return Offer(
        pack,
        formatting.money(pack.prices[currency]),
        formatting.unit_price(per_100, currency),
        is_best,
        is_wanted,
        pile,
        first_bonus,
        promises_first_bonus,
        is_closed,
    )


def _pile(rank: int, sizes: int) -> int:
    """How many coins to draw: the smallest pack has the smallest pile, the largest the largest."""
    return 1 + round(rank * (PILE_SIZES - 1) / (sizes - 1)) if sizes > 1 else PILE_SIZES // 2
