"""What one user gets for a pack, and whether they may buy it again. Pure: no I/O.

A checkout that can still be paid counts like a purchase: of two that are started at once, one is refused or takes the
place of the other. What was decided stands on the payment's row, and stays so whatever becomes of the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coinpurse.catalog import Pack
from coinpurse.errors import PackLimitReached, PriceMismatch
from coinpurse.purchases.rules import Payment


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user has bought for good: paid, or with the money on its way.

    bought: how often each sku. may_have_first_bonus: nothing was bought yet, and no first bonus is on its way.
    """

    bought: Mapping[str, int] = field(default_factory=dict)
    may_have_first_bonus: bool = True

    def has_reached_limit(self, pack: Pack) -> bool:
        """Whether the user has the pack as often as one account may."""
        return (
            pack.limit_per_user is not None and self.bought.get(pack.sku, 0) >= pack.limit_per_user
        )

    def first_bonus(self, pack: Pack) -> int:
        """The coins that the pack brings on top for being the user's first purchase."""
        return pack.first_purchase_bonus if self.may_have_first_bonus else 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a checkout is sold with. in_the_way: open checkouts that must be closed before."""

    first_bonus: int
    in_the_way: tuple[Payment, ...] = ()


def agree(
    pack: Pack,
    standing: Standing,
    open_checkouts: Sequence[Payment],
    *,
    shown_bonus: int | None = None,
    may_close: bool = True,
) -> Terms:
    """Decide what a new checkout is sold with, while nobody else decides for this user.

    open_checkouts: the user's others that can still be paid, oldest first. may_close: whether those may give way.
    shown_bonus: what the buyer was told, None for nothing.
    Raises PackLimitReached, and PriceMismatch where the bonus has become smaller than it was shown.
    """
    crowding = _beyond_limit(pack, standing, open_checkouts)
    if any(_stays(each, may_close) for each in crowding):
        assert pack.limit_per_user is not None
        raise PackLimitReached(pack.sku, pack.limit_per_user)
    first_bonus = standing.first_bonus(pack)
    holding = [each for each in open_checkouts if first_bonus and each.first_bonus]
    if any(_stays(each, may_close) for each in holding):
        # It belongs to the checkout that was faster.
        first_bonus, holding = 0, []
    if shown_bonus is not None and pack.bonus + first_bonus < shown_bonus:
        raise PriceMismatch(
            "The bonus of this pack is no longer what was shown.",
            coins=pack.coins,
            bonus=shown_bonus,
        )
    return Terms(first_bonus, (*crowding, *(each for each in holding if each not in crowding)))


def _beyond_limit(
    pack: Pack, standing: Standing, open_checkouts: Sequence[Payment]
) -> list[Payment]:
    """Return the open checkouts that leave no room for one more. Raises PackLimitReached."""
    if pack.limit_per_user is None:
        return []
    if standing.has_reached_limit(pack):
        raise PackLimitReached(pack.sku, pack.limit_per_user)
    room = pack.limit_per_user - standing.bought.get(pack.sku, 0) - 1
    same = [each for each in open_checkouts if each.pack_sku == pack.sku]
    # The oldest give way; the newest may be the page that the buyer looks at.
    return same[: max(len(same) - room, 0)]


def _stays(checkout: Payment, may_close: bool) -> bool:
    """Whether a checkout keeps its place; one on its way to Stripe has nothing to close yet."""
    return checkout.session_id is None or not may_close
