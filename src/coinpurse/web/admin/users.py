"""Accounts of the standalone store. A host keeps its own users, and has no such page."""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import NotFound

from coinpurse.back_office import Row
from coinpurse.web.admin import frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.people import has_accounts
from coinpurse.web.admin.views import link_to
from coinpurse.web.language import lazy_gettext as _


class Users(ListPage):
    """Everybody who has an account."""

    page = "users"
    title = _("Accounts")
    group = frame.TEAM
    listing_name = "users"
    link_column = "email"
    nothing = _("No account yet")
    hint = _("Buyers make one when they first come to the store.")
    search_hint = _("Beginning of an e-mail address, or a user id")

    def is_visible(self) -> bool:
        """Whether it stands in the menu."""
        return has_accounts()

    def link_of(self, row: Row) -> str | None:
        """To what the user has."""
        return link_to("wallets", "show", user=str(row["id"]))

    def _handle_view(self, name: str, **values: Any) -> Any:
        if not has_accounts():
            request.url_rule = None
            raise NotFound
        return super()._handle_view(name, **values)
