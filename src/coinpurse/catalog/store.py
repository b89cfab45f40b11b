"""The SQL of the catalog's versions, and of what Stripe knows of its packs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coinpurse.catalog.rules import Source
from coinpurse.db import UnitOfWork

LATEST = "SELECT id, source FROM coinpurse.catalog_versions ORDER BY id DESC LIMIT 1"
BY_ID = "SELECT * FROM coinpurse.catalog_versions WHERE id = %(id)s"
VERSIONS = """
    SELECT * FROM coinpurse.catalog_versions
     WHERE id < coalesce(CAST(%(before)s AS bigint), id + 1) ORDER BY id DESC LIMIT %(limit)s
"""
LOCK = "LOCK TABLE coinpurse.catalog_versions IN SHARE ROW EXCLUSIVE MODE"
INSERT = """
    INSERT INTO coinpurse.catalog_versions (source, packs, note, actor)
    VALUES (%(source)s, %(packs)s, %(note)s, %(actor)s) RETURNING *
"""
PRODUCTS = "SELECT sku, product_id FROM coinpurse.stripe_products WHERE livemode = %(livemode)s"
# Somebody may have made the product anew at Stripe: the pack is that one from now on.
SAVE_PRODUCT = """
    INSERT INTO coinpurse.stripe_products (product_id, sku, livemode)
    VALUES (%(product_id)s, %(sku)s, %(livemode)s)
    ON CONFLICT (livemode, sku) DO UPDATE SET product_id = excluded.product_id, synced_at = now()
"""
SAVE_PRICE = """
    INSERT INTO coinpurse.stripe_prices (price_id, product_id, amount_minor, currency, active)
    VALUES (%(price_id)s, %(product_id)s, %(amount_minor)s, %(currency)s, %(active)s)
    ON CONFLICT (price_id) DO UPDATE SET active = excluded.active, synced_at = now()
"""


@dataclass(frozen=True, slots=True)
class Version:
    """A row of the history. packs: as they were written; None where the file was put in force."""

    id: int
    source: Source
    packs: Sequence[dict[str, Any]] | None
    note: str
    actor: str
    created_at: datetime


def latest(work: UnitOfWork) -> tuple[int, Source] | None:
    """Return the id and the source of the last version; None where nobody has ever edited here."""
    row = work.row(LATEST)
    return row and (row.id, row.source)


def get_version(work: UnitOfWork, version_id: int) -> Version | None:
    """Return a version."""
    row = work.row(BY_ID, id=version_id)
    return row and Version(**row._asdict())


def versions(work: UnitOfWork, *, limit: int, before: int | None = None) -> list[Version]:
    """Return the history, newest first. before: only what is older than this version."""
    return [Version(**row._asdict()) for row in work.rows(VERSIONS, limit=limit, before=before)]


def lock(work: UnitOfWork) -> None:
    """Let nobody else add a version before the work has ended; readers go on."""
    work.execute(LOCK)


def add(
    work: UnitOfWork,
    *,
    source: Source,
    packs: Sequence[dict[str, object]] | None,
    note: str,
    actor: str,
) -> Version:
    """Add a version, which is in force from then on."""
    row = work.row(
        INSERT,
        source=source,
        packs=None if packs is None else json.dumps(packs),
        note=note,
        actor=actor,
    )
    assert row is not None
    return Version(**row._asdict())


def product_ids(work: UnitOfWork, *, livemode: bool) -> dict[str, str]:
    """Return the product at Stripe of each sku that was synced."""
    return {row.sku: row.product_id for row in work.rows(PRODUCTS, livemode=livemode)}


def save_product(work: UnitOfWork, sku: str, product_id: str, *, livemode: bool) -> None:
    """Note which product a pack is. Repeatable."""
    work.execute(SAVE_PRODUCT, sku=sku, product_id=product_id, livemode=livemode)


def save_price(
    work: UnitOfWork,
    price_id: str,
    *,
    product_id: str,
    amount_minor: int,
    currency: str,
    active: bool,
) -> None:
    """Note a price and whether it is in use. Repeatable."""
    work.execute(
        SAVE_PRICE,
        price_id=price_id,
        product_id=product_id,
        amount_minor=amount_minor,
        currency=currency,
        active=active,
    )
