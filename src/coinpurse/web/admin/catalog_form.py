"""The form of one pack: what stands in it, and the pack that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from flask import request

from coinpurse.catalog import Catalog, Pack, entry_of, read_pack, read_packs
from coinpurse.errors import CatalogMistake, ConfigurationError
from coinpurse.web import forms
from coinpurse.web.admin import frame
from coinpurse.web.language import gettext
from coinpurse.web.openapi import marked as _

NUMBERS = ("coins", "bonus", "first_purchase_bonus", "limit_per_user", "bonus_expires_days")
MOMENTS = ("available_from", "available_until")
PRICE = "price_"
NEW_CURRENCY, NEW_PRICE = "new_currency", "new_price"
LONGEST_NUMBER = 15
SKU_TAKEN = _("belongs to another pack already")


@dataclass(frozen=True, slots=True)
class PackForm:
    """What stands in the form, as it was typed. position: from 1. problems: sentences by the fields' names."""

    values: Mapping[str, str]
    prices: Mapping[str, str]
    position: int
    is_new: bool
    problems: Mapping[str, object] = field(default_factory=dict)

    def hidden(self) -> dict[str, str]:
        """Return all of it as the fields that a confirmation carries on."""
        return {
            **self.values,
            **{f"{PRICE}{code}": text for code, text in self.prices.items()},
            "position": str(self.position),
            "is_new": "1" if self.is_new else "",
        }


def form_of(catalog: Catalog, pack: Pack | None) -> PackForm:
    """Fill the form with a pack; None for an empty one, at the end of the list."""
    if pack is None:
        empty = {"active": "1", "bonus": "0", "first_purchase_bonus": "0"}
        prices = dict.fromkeys(_currencies(catalog), "")
        return PackForm(empty, prices, len(catalog.packs) + 1, is_new=True)
    numbers = {name: getattr(pack, name) for name in NUMBERS}
    moments = {name: getattr(pack, name) for name in MOMENTS}
    known = {code: f"{price.major:f}" for code, price in pack.prices.items()}
    return PackForm(
        values={
            "sku": pack.sku,
            "active": "1" if pack.active else "",
            "image": pack.image or "",
            **{name: "" if value is None else str(value) for name, value in numbers.items()},
            **{name: _local(value) for name, value in moments.items()},
        },
        prices={code: known.get(code, "") for code in (*known, *_currencies(catalog))},
        position=catalog.packs.index(pack) + 1,
        is_new=False,
    )


def read_form(catalog: Catalog) -> PackForm:
    """Read what was sent."""
    names = ("sku", "active", "image", *NUMBERS, *MOMENTS, NEW_CURRENCY, NEW_PRICE, "note")
    values = {name: forms.field(name).strip() for name in names}
    prices = {
        code: forms.field(PRICE + code).strip()
        for code in dict.fromkeys((*_sent_currencies(), *_currencies(catalog)))
    }
    is_new = bool(forms.field("is_new"))
    most = len(catalog.packs) + is_new
    position = forms.field("position")
    place = int(position) if position.isascii() and position.isdigit() and len(position) < 5 else 1
    return PackForm(values, prices, min(max(place, 1), most), is_new)


def apply_form(catalog: Catalog, form: PackForm) -> tuple[Pack, tuple[Pack, ...]]:
    """Return the pack and the whole catalog with it. Raises CatalogMistake, also for what other packs object to."""
    pack = read_pack(_entry(form), "the form")
    others = [each for each in catalog.packs if form.is_new or each.sku != pack.sku]
    packs = (*others[: form.position - 1], pack, *others[form.position - 1 :])
    if form.is_new and any(each.sku == pack.sku for each in others):
        raise CatalogMistake(
            f"the form: sku {SKU_TAKEN}.", sku=pack.sku, field="sku", problem=SKU_TAKEN, facts={}
        )
    require_sound(packs)
    return pack, packs


def is_in_force(catalog: Catalog, form: PackForm) -> bool:
    """Whether the catalog says already what the form does."""
    try:
        _, packs = apply_form(catalog, replace(form, is_new=False))
    except CatalogMistake:
        return False
    return packs == catalog.packs


def require_sound(packs: Sequence[Pack]) -> None:
    """Raise CatalogMistake unless the packs can stand beside each other."""
    read_packs([entry_of(each) for each in packs], "the catalog")


def problems_of(mistake: CatalogMistake, form: PackForm) -> dict[str, object]:
    """Return the mistake under the name of the form's field."""
    words = gettext(mistake.problem, **mistake.facts)
    name = mistake.field.replace("prices.", PRICE)
    if name == "prices" or (name.startswith(PRICE) and name[len(PRICE) :] not in form.prices):
        name = NEW_CURRENCY
    return {name: words[:1].upper() + words[1:]}


def words_of_mistake(mistake: ConfigurationError) -> str:
    """Say what is wrong with a catalog; of a pack, in the reader's language."""
    if not isinstance(mistake, CatalogMistake):
        return str(mistake)
    where = str(mistake).partition(": ")[0]
    return f"{where}: {mistake.field} {gettext(mistake.problem, **mistake.facts)}"


def _entry(form: PackForm) -> dict[str, object]:
    values = form.values
    numbers = {name: _number(values[name]) for name in NUMBERS if values.get(name)}
    moments = {name: _aware(values[name]) for name in MOMENTS if values.get(name)}
    prices = {code: text for code, text in form.prices.items() if text}
    if values.get(NEW_CURRENCY):
        prices[values[NEW_CURRENCY].lower()] = values.get(NEW_PRICE, "")
    image = {"image": values["image"]} if values.get("image") else {}
    return {
        "sku": values.get("sku", ""),
        "active": bool(values.get("active")),
        "prices": prices,
        **image,
        **numbers,
        **moments,
    }


def _number(text: str) -> object:
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    return int(text) if is_number else text


def _aware(text: str) -> object:
    """A time as the browser writes it, which is in the zone of the back office."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment if moment.tzinfo else moment.replace(tzinfo=frame.zone())


def _local(moment: datetime | None) -> str:
    """A time as the browser's field takes it."""
    if moment is None:
        return ""
    return moment.astimezone(frame.zone()).strftime("%Y-%m-%dT%H:%M:%S").removesuffix(":00")


def _currencies(catalog: Catalog) -> list[str]:
    return list(dict.fromkeys(code for pack in catalog.packs for code in pack.prices))


def _sent_currencies() -> list[str]:
    # A part of a multipart form that has no name is there as None.
    names = [name for name in request.form if name and name.startswith(PRICE)]
    return [name[len(PRICE) :] for name in names if len(name) == len(PRICE) + 3]
