"""What must be done at Stripe so that its products and prices are those of the catalog. Pure: no I/O.

Stripe's prices never change: one that is no longer asked is taken out of use, and its successor is a new one. Products
and prices that somebody else made are left alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.money import Money
from coinpurse.ports import StripePrice, StripeProduct

Action = Literal["create_product", "update_product", "create_price", "use_price", "archive_price"]
# The metadata by which our own are known again.
OWNER = "coinpurse"
SKU = "sku"


@dataclass(frozen=True, slots=True)
class Step:
    """One call. object_id: what it changes; "" for what it makes. detail: for people, in English."""

    action: Action
    sku: str
    detail: str
    object_id: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    price: Money | None = None

    def key(self, owner: str, product_id: str) -> str:
        """Return the idempotency key. product_id: of the pack, as we knew it before; "" for none."""
        content = json.dumps(
            [self.action, self.sku, product_id, self.parameters], sort_keys=True, default=str
        )
        return f"catalog:{owner}:{hashlib.sha256(content.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class AtStripe:
    """What Stripe has of the catalog. spare: further products of the same pack."""

    products: Mapping[str, StripeProduct]
    prices: Mapping[str, Sequence[StripePrice]]
    spare: Sequence[StripeProduct] = ()


def sort_products(
    products: Sequence[StripeProduct], *, owner: str, known: Mapping[str, str]
) -> tuple[dict[str, StripeProduct], list[StripeProduct]]:
    """Find the product of each sku: the one that we noted, else the oldest that bears our mark.

    products: newest first. known: sku to product id, as noted. Returns the others that bear our mark, too.
    """
    by_id = {product.id: product for product in products}
    found = {sku: by_id[id_] for sku, id_ in known.items() if id_ in by_id}
    spare = []
    for product in reversed(products):
        if product.metadata.get(OWNER) != owner or product in found.values():
            continue
        sku = product.metadata.get(SKU, "")
        if found.setdefault(sku, product) is not product:
            spare.append(product)
    return found, spare


def plan(catalog: Catalog, at_stripe: AtStripe, owner: str) -> list[Step]:
    """Return the steps in order; none where Stripe has it all."""
    steps: list[Step] = []
    for pack in catalog.packs:
        product = at_stripe.products.get(pack.sku)
        steps += _product_steps(pack, product, owner)
        if pack.active:
            steps += _price_steps(pack, at_stripe.prices.get(pack.sku, ()), owner)
    on_list = {pack.sku for pack in catalog.packs}
    gone = [each for sku, each in at_stripe.products.items() if sku not in on_list]
    steps += [
        Step(
            "update_product",
            product.metadata.get(SKU, ""),
            f"take {product.name} ({product.id}) out of use",
            product.id,
            {"active": False},
        )
        for product in (*gone, *at_stripe.spare)
        if product.active
    ]
    return steps


def _wanted(pack: Pack, owner: str) -> dict[str, object]:
    bonus = f" + {pack.bonus} bonus coins" if pack.bonus else ""
    return {
        "name": f"{pack.coins} Coins",
        "description": f"Get {pack.coins} coins{bonus}",
        "active": pack.active,
        "images": [pack.image] if pack.image else [],
        "metadata": {OWNER: owner, SKU: pack.sku},
    }


def _product_steps(pack: Pack, product: StripeProduct | None, owner: str) -> Iterator[Step]:
    wanted = _wanted(pack, owner)
    if product is None:
        if pack.active:
            given = {name: value for name, value in wanted.items() if value != []}
            yield Step("create_product", pack.sku, f"make {wanted['name']}", "", given)
        return
    has: dict[str, object] = {
        "name": product.name,
        "description": product.description or "",
        "active": product.active,
        "images": list(product.images),
        "metadata": {name: product.metadata.get(name) for name in (OWNER, SKU)},
    }
    # An empty list cannot be sent in a form; Stripe takes an empty text for it.
    changes = {name: value or "" for name, value in wanted.items() if has[name] != value}
    if "active" in changes:
        changes["active"] = pack.active
    if changes:
        yield Step(
            "update_product",
            pack.sku,
            f"change {', '.join(sorted(changes))} of {product.id}",
            product.id,
            changes,
        )


def _price_steps(pack: Pack, prices: Sequence[StripePrice], owner: str) -> Iterator[Step]:
    ours = [price for price in prices if price.metadata.get(OWNER) == owner]
    kept = set()
    for price in pack.prices.values():
        same = [
            each
            for each in ours
            if (each.amount_minor, each.currency) == (price.amount_minor, price.currency)
        ]
        # One in use before one out of use, so that a second run finds nothing to do.
        same.sort(key=lambda each: not each.active)
        words = f"{price.major} {price.currency.upper()}"
        if not same:
            parameters = {
                "currency": price.currency,
                "unit_amount": price.amount_minor,
                "metadata": {OWNER: owner},
            }
            yield Step("create_price", pack.sku, f"make {words}", "", parameters, price)
            continue
        kept.add(same[0].id)
        if not same[0].active:
            yield Step("use_price", pack.sku, f"use {words} again", same[0].id, price=price)
    for each in ours:
        if each.active and each.id not in kept:
            yield Step(
                "archive_price",
                pack.sku,
                f"take {each.id} ({each.amount_minor} {each.currency}, minor units) out of use",
                each.id,
            )
