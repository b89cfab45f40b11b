"""`coinpurse catalog`."""

from __future__ import annotations

from pathlib import Path

import click

from coinpurse.catalog import Catalog, Pack, Step, load_catalog
from coinpurse.cli import output

SOURCES = {
    "file": "The file is in force: {source}.",
    "database": "What was edited in the back office is in force: {source}.",
}


@click.group(cls=output.Group)
def catalog() -> None:
    """The packs on sale."""


@catalog.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List the packs in force, also those off sale, and say where they come from."""
    purse = output.purse_of_environment()
    loaded = purse.catalog
    if not as_json:
        click.echo(_source_of(loaded))
    output.print_rows(
        [_row(pack, as_json=as_json) for pack in loaded.packs],
        as_json=as_json,
        empty="The catalog is empty.",
    )


@catalog.command()
@click.argument("path", type=click.Path(path_type=Path))
def check(path: Path) -> None:
    """Read a catalog file as the store would, and change nothing.

    Ends with 2 and the first mistake, with its pack and field, where the store would refuse it.
    """
    loaded = load_catalog(path)
    on_sale = sum(pack.is_on_sale() for pack in loaded.packs)
    click.echo(f"{path} is sound; packs: {len(loaded.packs)}, on sale now: {on_sale}.")


@catalog.command()
@click.option(
    "--apply", "applying", is_flag=True, help="Do it; without, only say what would be done."
)
@output.as_json
def sync(applying: bool, as_json: bool) -> None:
    """Make Stripe's products and prices those of the catalog.

    Prices never change at Stripe: a new one is made and the old one taken out of use. A withdrawn pack's product is
    taken out of use. Checkouts do not need it: it is for the Dashboard. Ends with 1 where there is something to do
    and --apply is missing.
    """
    purse = output.purse_of_environment()
    done: list[Step] = []
    if applying:
        output.record(purse, "catalog.sync", "catalog", "stripe")
        purse.services.catalog_sync.apply(purse.catalog, done.append)
    else:
        done += purse.services.catalog_sync.plan(purse.catalog).steps
    output.print_rows(
        [{"sku": step.sku, "action": step.action, "detail": step.detail} for step in done],
        as_json=as_json,
        empty="Stripe has all of the catalog; there is nothing to do.",
    )
    if done and not applying:
        if not as_json:
            click.echo("Nothing was done yet; add --apply to do it.")
        raise SystemExit(output.FOUND_SOMETHING)


def _source_of(loaded: Catalog) -> str:
    return SOURCES[loaded.kind].format(source=loaded.source)


def _row(pack: Pack, *, as_json: bool) -> dict[str, object]:
    prices = {code: str(price.major) for code, price in pack.prices.items()}
    row: dict[str, object] = {
        "sku": pack.sku,
        "coins": pack.coins,
        "bonus": pack.bonus,
        "on_sale": pack.is_on_sale(),
        "prices": prices
        if as_json
        else "  ".join(f"{price} {code.upper()}" for code, price in prices.items()),
    }
    if as_json:
        return row | {
            "active": pack.active,
            "first_purchase_bonus": pack.first_purchase_bonus,
            "bonus_expires_days": pack.bonus_expires_days,
            "limit_per_user": pack.limit_per_user,
            "available_from": pack.available_from,
            "available_until": pack.available_until,
        }
    return row | {"terms": "  ".join(_terms(pack)) or None}


def _terms(pack: Pack) -> list[str]:
    known = {
        "first purchase +{}": pack.first_purchase_bonus or None,
        "bonus for {} days": pack.bonus_expires_days,
        "{} per account": pack.limit_per_user,
        "from {}": pack.available_from,
        "until {}": pack.available_until,
    }
    return [words.format(value) for words, value in known.items() if value is not None]
