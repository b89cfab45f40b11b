"""The first page: how the store is doing, and what waits for a person."""

from __future__ import annotations

from flask import Response

from coinpurse.web.admin.views import Assets, Page, expose
from coinpurse.web.language import lazy_gettext as _


class Overview(Assets, Page):
    """Today and the last 30 days."""

    page = "overview"
    title = _("Overview")

    @expose("/")
    def index(self) -> Response:
        """Figures, charts, and what waits."""
        return self.render("overview.html", heading=self.title)
