"""Packs as they are written: in the catalog file, and in the versions that the database keeps. Pure: no I/O.

Every mistake is a CatalogMistake that names the source, the pack and the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import Any

from coinpurse.catalog.rules import Pack
from coinpurse.errors import CatalogMistake, ConfigurationError, InvalidRequest
from coinpurse.money import Money
from coinpurse.settings import origin_of

SKU_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Stripe takes an amount of at most twelve digits; coins of this size keep every sum inside 63 bits.
MAXIMUM_COINS = 1_000_000_000_000
MAXIMUM_LIMIT = 1_000
MAXIMUM_DAYS = 3_650
FIELDS = {field.name for field in fields(Pack)}


def _(text: str) -> str:
    """Mark a sentence for the back office, which shows it in the reader's language."""
    return text


def read_packs(entries: object, source: str) -> tuple[Pack, ...]:
    """Read the packs of a document. Raises ConfigurationError, mostly CatalogMistake."""
    if (
        not isinstance(entries, list)
        or not entries
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise ConfigurationError(f"{source} has no packs; write a [[packs]] table for each.")
    packs = tuple(
        read_pack(entry, f"{source}, pack {number}") for number, entry in enumerate(entries, 1)
    )
    _require_distinct(packs, source)
    return packs


def read_pack(entry: Mapping[str, Any], where: str) -> Pack:
    """Read one pack. where: how it is named in front of a mistake. Raises CatalogMistake."""
    sku = entry.get("sku")
    if not isinstance(sku, str) or not SKU_FORM.fullmatch(sku):
        raise _mistake(
            where, None, "sku", _("must be lower-case letters, digits, - and _, 64 at most")
        )
    read = _Reader(entry, f"{where} ({sku})", sku)
    unknown = sorted(entry.keys() - FIELDS)
    if unknown:
        raise read.mistake(
            unknown[0], _("is not a field; known are %(known)s"), known=", ".join(sorted(FIELDS))
        )
    pack = Pack(
        sku=sku,
        coins=read.whole_number("coins", least=1, most=MAXIMUM_COINS),
        bonus=read.whole_number("bonus", least=0, most=MAXIMUM_COINS, default=0),
        prices=read.prices(),
        active=read.flag("active"),
        image=read.image(),
        available_from=read.moment("available_from"),
        available_until=read.moment("available_until"),
        limit_per_user=read.optional_number("limit_per_user", most=MAXIMUM_LIMIT),
        first_purchase_bonus=read.whole_number(
            "first_purchase_bonus", least=0, most=MAXIMUM_COINS, default=0
        ),
        bonus_expires_days=read.optional_number("bonus_expires_days", most=MAXIMUM_DAYS),
    )
    if pack.available_from and pack.available_until and pack.available_from >= pack.available_until:
        raise read.mistake("available_until", _("must be later than available_from"))
    if pack.bonus_expires_days and not pack.bonus + pack.first_purchase_bonus:
        raise read.mistake("bonus_expires_days", _("needs a bonus that can expire"))
    return pack


def entry_of(pack: Pack) -> dict[str, object]:
    """Write a pack as JSON takes it; what stays out has its default."""
    entry: dict[str, object] = {
        "sku": pack.sku,
        "coins": pack.coins,
        "bonus": pack.bonus,
        "prices": {code: f"{price.major:f}" for code, price in pack.prices.items()},
        "active": pack.active,
        "image": pack.image,
        "available_from": pack.available_from and pack.available_from.isoformat(),
        "available_until": pack.available_until and pack.available_until.isoformat(),
        "limit_per_user": pack.limit_per_user,
        "first_purchase_bonus": pack.first_purchase_bonus,
        "bonus_expires_days": pack.bonus_expires_days,
    }
    return {name: value for name, value in entry.items() if value is not None}


class _Reader:
    """Reads the fields of one pack."""

    def __init__(self, entry: Mapping[str, Any], where: str, sku: str) -> None:
        self._entry = entry
        self._where = where
        self._sku = sku

    def mistake(self, field: str, problem: str, /, **facts: object) -> CatalogMistake:
        return _mistake(self._where, self._sku, field, problem, **facts)

    def whole_number(self, field: str, *, least: int, most: int, default: object = None) -> int:
        value = self._entry.get(field, default)
        if type(value) is not int or not least <= value <= most:
            raise self.mistake(
                field,
                _("must be a whole number from %(least)s to %(most)s"),
                least=least,
                most=most,
            )
        return value

    def optional_number(self, field: str, *, most: int) -> int | None:
        if self._entry.get(field) is None:
            return None
        return self.whole_number(field, least=1, most=most)

    def flag(self, field: str) -> bool:
        value = self._entry.get(field, True)
        if not isinstance(value, bool):
            raise self.mistake(field, _("must be true or false"))
        return value

    def image(self) -> str | None:
        value = self._entry.get("image")
        if value is None:
            return None
        if not isinstance(value, str) or not (origin_of(value) or "").startswith("https://"):
            raise self.mistake("image", _("must be an https:// address, which Stripe can fetch"))
        return value

    def moment(self, field: str) -> datetime | None:
        value = self._entry.get(field)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise self.mistake(
                field, _("must be a time with its zone, such as 2026-12-01T00:00:00+01:00")
            )
        return moment

    def prices(self) -> dict[str, Money]:
        table = self._entry.get("prices")
        if not isinstance(table, dict) or not table:
            raise self.mistake("prices", _('must name at least one currency, such as usd = "9.99"'))
        return {code: self._price(code, amount) for code, amount in table.items()}

    def _price(self, code: str, amount: object) -> Money:
        field = f"prices.{code}"
        if type(amount) not in (str, int, Decimal):
            raise self.mistake(field, _('is no amount; write it in quotes, as in "9.99"'))
        # Python would also take 1_0 and figures of other scripts.
        if isinstance(amount, str) and ("_" in amount or not amount.isascii()):
            raise self.mistake(field, _('is not a number; write it as "9.99"'))
        try:
            price = Money.from_major(Decimal(amount), code)  # type: ignore[arg-type]
        except InvalidOperation:
            raise self.mistake(field, _('is not a number; write it as "9.99"')) from None
        except InvalidRequest as error:
            raise self.mistake(
                field, _("cannot be sold at: %(problem)s"), problem=error.problem
            ) from None
        if price.amount_minor == 0:
            raise self.mistake(field, _("must be more than zero"))
        return price


def _mistake(
    where: str, sku: str | None, field: str, problem: str, /, **facts: object
) -> CatalogMistake:
    message = f"{where}: {field} {problem % facts if facts else problem}."
    return CatalogMistake(message, sku=sku, field=field, problem=problem, facts=facts)


def _require_distinct(packs: tuple[Pack, ...], source: str) -> None:
    """Each sku stands once, and figures name one pack alone at any time."""
    for one, other in combinations(packs, 2):
        if one.sku == other.sku:
            problem = _("the sku %(sku)s stands twice; give each pack its own")
            same = {"sku": one.sku}
            raise CatalogMistake(
                f"{source}: {problem % same}.",
                sku=other.sku,
                field="sku",
                problem=problem,
                facts=same,
            )
        twin_price = _common_price(one, other)
        if twin_price is not None:
            problem = _(
                "%(one)s and %(other)s have the same coins, bonus and %(currency)s price;"
                " clients that name a pack by its figures could mean either"
            )
            facts = {"one": one.sku, "other": other.sku, "currency": twin_price}
            raise CatalogMistake(
                f"{source}: {problem % facts}.",
                sku=other.sku,
                field="coins",
                problem=problem,
                facts=facts,
            )


def _common_price(one: Pack, other: Pack) -> str | None:
    """Return a currency in which both can be bought at the same time, for the same figures."""
    starts = [pack.available_from for pack in (one, other) if pack.available_from]
    ends = [pack.available_until for pack in (one, other) if pack.available_until]
    never_together = starts and ends and max(starts) >= min(ends)
    bonuses = [{pack.bonus, pack.bonus + pack.first_purchase_bonus} for pack in (one, other)]
    if (
        not (one.active and other.active)
        or never_together
        or one.coins != other.coins
        or bonuses[0].isdisjoint(bonuses[1])
    ):
        return None
    return next(
        (code for code, price in one.prices.items() if other.prices.get(code) == price), None
    )
