"""Reading the catalog file.

A TOML file with one `[[packs]]` table for each pack. Every mistake is a ConfigurationError that names the
file, the pack and the field.
"""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.errors import ConfigurationError, InvalidRequest
from coinpurse.money import Money
from coinpurse.settings import origin_of

SKU_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Stripe takes an amount of at most twelve digits; coins of this size keep every sum inside 63 bits.
MAXIMUM_COINS = 1_000_000_000_000
FIELDS = {"sku", "coins", "bonus", "prices", "active", "image"}


def load_catalog(path: Path | None) -> Catalog:
    """Read a catalog file; None for the packaged sample. Raises ConfigurationError."""
    source = str(path) if path else "the sample catalog"
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else (files("coinpurse") / "catalog" / "sample.toml").read_text(encoding="utf-8")
        )
        document = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise ConfigurationError(
            f"COINPURSE_CATALOG: {source} cannot be read ({error.strerror}); give the path of a catalog file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source} is not UTF-8 text; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is not valid TOML: {error}.") from None
    except (ValueError, InvalidOperation):
        # Python reads neither integers of thousands of digits nor exponents of twenty.
        raise ConfigurationError(f"{source} has a number that is too large to read.") from None
    entries = document.get("packs")
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise ConfigurationError(f"{source} has no packs; write a [[packs]] table for each.")
    packs = tuple(
        _pack(entry, f"{source}, pack {number}") for number, entry in enumerate(entries, 1)
    )
    _require_distinct(packs, source)
    return Catalog(packs=packs, source=source)


def _pack(entry: dict[str, Any], where: str) -> Pack:
    sku = entry.get("sku")
    if not isinstance(sku, str) or not SKU_FORM.fullmatch(sku):
        raise ConfigurationError(
            f"{where}: sku must be lower-case letters, digits, - and _, 64 at most."
        )
    where = f"{where} ({sku})"
    unknown = sorted(entry.keys() - FIELDS)
    if unknown:
        raise ConfigurationError(
            f"{where}: {unknown[0]} is not a field; known are {', '.join(sorted(FIELDS))}."
        )
    active = entry.get("active", True)
    if not isinstance(active, bool):
        raise ConfigurationError(f"{where}: active must be true or false.")
    image = entry.get("image")
    if image is not None and not (
        isinstance(image, str) and (origin_of(image) or "").startswith("https://")
    ):
        raise ConfigurationError(
            f"{where}: image must be an https:// address, which Stripe can fetch."
        )
    return Pack(
        sku=sku,
        coins=_coins(entry.get("coins"), least=1, where=f"{where}: coins"),
        bonus=_coins(entry.get("bonus", 0), least=0, where=f"{where}: bonus"),
        prices=_prices(entry.get("prices"), where),
        active=active,
        image=image,
    )


def _coins(value: object, *, least: int, where: str) -> int:
    if type(value) is not int or not least <= value <= MAXIMUM_COINS:
        raise ConfigurationError(f"{where} must be a whole number from {least} to {MAXIMUM_COINS}.")
    return value


def _prices(table: object, where: str) -> dict[str, Money]:
    if not isinstance(table, dict) or not table:
        raise ConfigurationError(
            f'{where}: prices must name at least one currency, such as usd = "9.99".'
        )
    prices = {}
    for code, amount in table.items():
        try:
            if type(amount) not in (str, int, Decimal):
                raise InvalidRequest("amount", 'write it in quotes, as in "9.99"')
            price = Money.from_major(Decimal(amount), code)
        except InvalidOperation:
            raise ConfigurationError(
                f'{where}: prices.{code} is not a number; write it as "9.99".'
            ) from None
        except InvalidRequest as error:
            raise ConfigurationError(f"{where}: prices.{code}: {error.problem}.") from None
        if price.amount_minor == 0:
            raise ConfigurationError(f"{where}: prices.{code} must be more than zero.")
        prices[code] = price
    return prices


def _require_distinct(packs: tuple[Pack, ...], source: str) -> None:
    skus: set[str] = set()
    figures: dict[object, str] = {}
    for pack in packs:
        if pack.sku in skus:
            raise ConfigurationError(
                f"{source}: the sku {pack.sku} stands twice; give each pack its own."
            )
        skus.add(pack.sku)
        for price in pack.prices.values() if pack.active else ():
            twin = figures.setdefault((price, pack.coins, pack.bonus), pack.sku)
            if twin != pack.sku:
                raise ConfigurationError(
                    f"{source}: {twin} and {pack.sku} have the same coins, bonus and {price.currency} price;"
                    " clients that name a pack by its figures could mean either."
                )
