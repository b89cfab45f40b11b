"""The frame of the back office: its menu, who is there, and how figures and times are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_compact_decimal, format_decimal, format_percent
from flask import Response, current_app, render_template, request, url_for

from coinpurse.back_office import dashboard_url
from coinpurse.errors import InvalidRequest
from coinpurse.money import Money
from coinpurse.web import formatting, forms, language
from coinpurse.web.access import current_purse
from coinpurse.web.admin.staff import current_may, current_member, name_of
from coinpurse.web.language import lazy_gettext as _
from coinpurse.web.pages import digest_of

# The groups of the menu, in its order. Flask-Admin keeps them by their English names.
SALES, COINS, STRIPE, TEAM, SETUP = "Sales", "Coins", "Stripe", "Team", "Set-up"
GROUPS: dict[str, object] = {
    SALES: _("Sales"),
    COINS: _("Coins"),
    STRIPE: _("Stripe"),
    SETUP: _("Set-up"),
    TEAM: _("Team"),
}
STORE_ENDPOINTS = {
    "packs": "coinpurse.packs",
    "wallet": "coinpurse.wallet",
    "log_out": "coinpurse_accounts.log_out",
}
# Such as `pi_3Nk…` or `cs_test_a1…`.
STRIPE_ID = re.compile(r"[a-z]{2,8}_\w+", re.ASCII)
LONGEST_ID = 20
HOME = "coinpurse_admin_overview.index"
ASSETS = "coinpurse_admin_overview.static"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One page in the menu."""

    name: str
    link: str
    active: bool


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Pages that belong together. name: "" for those that stand alone."""

    name: str
    entries: tuple[MenuEntry, ...]


def render(template: str, view: Any, notice: object, values: Mapping[str, Any]) -> str:
    """Render a template with the frame around it. view: the page, whose menu entry is marked."""
    purse = current_purse()
    token_name, token = forms.token_field()
    return render_template(
        template,
        _=language.gettext,
        ngettext=language.ngettext,
        money=formatting.money,
        coins=formatting.coins,
        signed_coins=formatting.signed_coins,
        number=number,
        money_of=amount,
        moment=moment,
        moment_utc=formatting.moment,
        stripe_link=stripe_link,
        short_id=short_id,
        person=name_of,
        may=current_may,
        asset=asset,
        address=address,
        store_name=purse.settings.store_name,
        test_mode=not purse.settings.livemode,
        zone=purse.settings.time_zone,
        language=language.current_language(),
        language_links=_language_links(),
        links=_store_links(),
        home_link=address(HOME),
        menu=menu_of(view),
        staff=current_member(),
        token_name=token_name,
        token=token,
        notice=notice,
        **values,
    )


def menu_of(view: Any) -> list[MenuGroup]:
    """The menu of the Flask-Admin that the view is mounted in: what the reader may open, by groups."""
    alone: list[MenuEntry] = []
    groups: dict[str, MenuGroup] = {}
    for item in view.admin.menu():
        if not (item.is_visible() and item.is_accessible()):
            continue
        if item.is_category():
            entries = tuple(_entry(child, view) for child in item.get_children())
            name = str(GROUPS.get(str(item.name), item.name))
            groups[str(item.name)] = MenuGroup(name, entries)
        else:
            alone.append(_entry(item, view))
    known = [groups.pop(name) for name in GROUPS if name in groups]
    return [MenuGroup("", tuple(alone)), *known, *groups.values()]


def _entry(item: Any, view: Any) -> MenuEntry:
    return MenuEntry(str(item.name), item.get_url() or "", bool(item.is_active(view)))


def address(endpoint: str, **values: Any) -> str:
    """The address of an endpoint; values that are None are left out."""
    return url_for(endpoint, **{name: each for name, each in values.items() if each is not None})


def asset(name: str) -> str:
    """The address of a file of ours; it changes with the content."""
    return url_for(ASSETS, filename=name, v=digest_of(name))


def stripe_link(id_: str | None) -> str | None:
    """Where Stripe's Dashboard shows an object; with a sandbox in Stripe's place, where that one does."""
    settings = current_purse().settings
    if id_ is None or not STRIPE_ID.fullmatch(id_):
        return None
    if settings.api_base not in (None, "https://api.stripe.com"):
        return f"{settings.api_base}/dashboard/objects/{id_}"
    return dashboard_url(id_, livemode=settings.livemode)


def zone() -> ZoneInfo:
    """The time zone of the back office."""
    return ZoneInfo(current_purse().settings.time_zone)


def moment(time: datetime) -> str:
    """A time in the zone of the back office, with the zone."""
    return formatting.zoned_moment(time, zone())


def short_id(id_: str) -> str:
    """An id as lists show it: how it begins and how it ends; of one of ours, the end."""
    if len(id_) <= LONGEST_ID:
        return id_
    return f"{id_[:10]}…{id_[-4:]}" if STRIPE_ID.fullmatch(id_) else f"…{id_[-8:]}"


def day(value: Any) -> str:
    """A day, short: `3 Nov` or `11月3日`."""
    pattern = "M月d日" if language.current_language() == "zh" else "d MMM"
    return format_date(value, pattern, locale=language.reader_locale())


def number(value: float) -> str:
    """A number as the reader groups it."""
    return format_decimal(value, locale=language.reader_locale())


def short_number(value: float) -> str:
    """A number for an axis: `12K` or `1.2万`."""
    return format_compact_decimal(value, locale=language.reader_locale(), fraction_digits=2)


def percent(share: float) -> str:
    """A share as a percentage: 0.125 is `13%`."""
    return format_percent(share, locale=language.reader_locale())


def amount(minor: object, currency: object) -> str:
    """Minor units of a currency as the reader writes money; they may be negative."""
    if not isinstance(minor, int) or not currency:
        return ""
    try:
        words = formatting.money(Money(abs(minor), str(currency)))
    except InvalidRequest:
        # Stripe may tell of money that nobody could have been charged; a page must show it all the same.
        words = f"{number(abs(minor))} {str(currency).upper()} (minor units)"
    return f"{formatting.MINUS}{words}" if minor < 0 else words


def remember_pick(response: Response) -> None:
    """Keep a language that was picked with this request."""
    language.remember_pick(response)


def _store_links() -> dict[str, str | None]:
    known = current_app.view_functions
    return {
        name: url_for(endpoint) if endpoint in known else None
        for name, endpoint in STORE_ENDPOINTS.items()
    }


def _language_links() -> list[dict[str, str]]:
    if language.is_host_s() or request.endpoint is None or request.method not in ("GET", "HEAD"):
        return []
    here = url_for(request.endpoint, **(request.view_args or {}))
    return [
        {
            "tag": tag,
            "html_tag": language.HTML_TAGS.get(tag, tag),
            "name": name,
            "link": f"{here}?{urlencode({**request.args.to_dict(), language.PARAMETER: tag})}",
        }
        for tag, name in language.LANGUAGES.items()
    ]
