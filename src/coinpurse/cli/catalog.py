"""`coinpurse catalog`."""

from __future__ import annotations

import click

from coinpurse.catalog import load_catalog
from coinpurse.cli import output
from coinpurse.settings import Settings


@click.group()
def catalog() -> None:
    """The packs on sale."""


@catalog.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List the packs, also those off sale."""
    loaded = load_catalog(Settings().catalog)
    rows: list[dict[str, object]] = [
        {
            "sku": pack.sku,
            "coins": pack.coins,
            "bonus": pack.bonus,
            "on_sale": pack.active,
            "prices": {code: str(price.major) for code, price in pack.prices.items()}
            if as_json
            else "  ".join(f"{price.major} {code.upper()}" for code, price in pack.prices.items()),
        }
        for pack in loaded.packs
    ]
    output.print_rows(rows, as_json=as_json, empty="The catalog is empty.")
