"""The back office over HTTP: Flask-Admin views with our own templates.

`views` has what all pages share, `lists` the page of every list, `frame` the menu and the forms of figures,
`staff` who is asking, `words` what states are called. Each further module is a page or a few that belong together.
"""

from __future__ import annotations

import flask_admin
from flask import Flask

from coinpurse.web.admin.adjustments import Adjustments
from coinpurse.web.admin.after_sale import (
    Disputes,
    Findings,
    Reconciliations,
    RefundRequests,
    Refunds,
)
from coinpurse.web.admin.api_keys import ApiKeys
from coinpurse.web.admin.audit import Audit
from coinpurse.web.admin.catalog import CatalogPage
from coinpurse.web.admin.deliveries import Deliveries
from coinpurse.web.admin.events import Events
from coinpurse.web.admin.overview import Overview
from coinpurse.web.admin.payments import Payments
from coinpurse.web.admin.team import Team
from coinpurse.web.admin.users import Users
from coinpurse.web.admin.views import Page, endpoint_of
from coinpurse.web.admin.wallets import Wallets
from coinpurse.web.admin.webhooks import Webhooks

__all__ = ["add_views", "mount"]

# Every page but the overview, in the order of the menu.
PAGES: tuple[type[Page], ...] = (
    Payments,
    Refunds,
    RefundRequests,
    Disputes,
    Wallets,
    Adjustments,
    Events,
    Reconciliations,
    Findings,
    Webhooks,
    Deliveries,
    ApiKeys,
    Team,
    Users,
    Audit,
    CatalogPage,
)


def add_views(admin: flask_admin.Admin, *, under: str = "coinpurse/") -> None:
    """Add all pages to a Flask-Admin of the host's: their addresses are `<its url>/<under><page>/`.

        purse = Coinpurse(app)
        admin = flask_admin.Admin(app, url="/backstage")
        add_views(admin)

    One of an app at a time: the endpoints are `coinpurse_admin_<page>`.
    """
    if not any(isinstance(each, Overview) for each in admin._views):  # noqa: SLF001  It has no other way to tell.
        admin.add_view(Overview(under))
    for page in PAGES:
        admin.add_view(page(under))


def mount(app: Flask, *, url: str = "/admin") -> flask_admin.Admin:
    """Give the standalone store its back office at `/admin/`."""
    endpoint = endpoint_of(Overview.page)
    overview = Overview()
    overview.url = url
    admin = flask_admin.Admin(app, url=url, endpoint=endpoint, index_view=overview)
    add_views(admin, under="")
    return admin
