"""Bringing Stripe's products and prices to what the catalog says. Checkouts do not depend on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from coinpurse.catalog import store
from coinpurse.catalog.plans import AtStripe, Step, plan, sort_products
from coinpurse.catalog.rules import Catalog
from coinpurse.db import Database
from coinpurse.db.installation import get_installation
from coinpurse.ports import StripeCatalog, StripePrice

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, and with what it is done. product_ids: of the skus that Stripe has."""

    steps: tuple[Step, ...]
    owner: str
    product_ids: dict[str, str]


class CatalogSync:
    """Compares and changes. What is there is asked of Stripe each time: an interrupted run is simply repeated."""

    def __init__(self, database: Database, gateway: StripeCatalog) -> None:
        self._database = database
        self._gateway = gateway

    def plan(self, catalog: Catalog) -> Plan:
        """Return what would be done, and do nothing. Raises GatewayError."""
        with self._database.unit_of_work() as work:
            owner = get_installation(work)
            known = store.product_ids(work, livemode=self._gateway.livemode)
        found, spare = sort_products(self._gateway.list_products(), owner=owner, known=known)
        wanted = {pack.sku for pack in catalog.packs if pack.active}
        prices = {
            sku: self._gateway.list_prices(product.id)
            for sku, product in found.items()
            if sku in wanted
        }
        steps = plan(catalog, AtStripe(found, prices, spare), owner)
        return Plan(tuple(steps), owner, {sku: product.id for sku, product in found.items()})

    def apply(self, catalog: Catalog, progress: Callable[[Step], None] = lambda _step: None) -> int:
        """Do what the plan says, and return how many steps it took; safe to repeat, also after an interruption.

        progress: told after each step. Raises GatewayError where Stripe stays away or refuses: what was done stays.
        """
        planned = self.plan(catalog)
        with self._database.unit_of_work() as work:
            noted = store.product_ids(work, livemode=self._gateway.livemode)
            for sku, product_id in planned.product_ids.items():
                store.save_product(work, sku, product_id, livemode=self._gateway.livemode)
        for step in planned.steps:
            self._take(step, planned, noted.get(step.sku, ""))
            log.info("catalog.synced", action=step.action, sku=step.sku)
            progress(step)
        return len(planned.steps)

    def _take(self, step: Step, planned: Plan, noted: str) -> None:
        product_id = planned.product_ids.get(step.sku, "")
        match step.action:
            case "create_product":
                # One that was deleted at Stripe has a successor of its own: the key names its predecessor.
                product = self._gateway.create_product(
                    step.parameters, idempotency_key=step.key(planned.owner, noted)
                )
                planned.product_ids[step.sku] = product.id
                with self._database.unit_of_work() as work:
                    store.save_product(work, step.sku, product.id, livemode=self._gateway.livemode)
            case "update_product":
                self._gateway.update_product(step.object_id, step.parameters)
            case "create_price":
                self._note(
                    self._gateway.create_price(
                        product_id,
                        step.parameters,
                        idempotency_key=step.key(planned.owner, product_id),
                    )
                )
            case "use_price" | "archive_price":
                active = step.action == "use_price"
                self._note(self._gateway.set_price_active(step.object_id, active=active))

    def _note(self, price: StripePrice) -> None:
        with self._database.unit_of_work() as work:
            store.save_price(
                work,
                price.id,
                product_id=price.product_id,
                amount_minor=price.amount_minor or 0,
                currency=price.currency,
                active=price.active,
            )
