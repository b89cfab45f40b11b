"""The buyers' pages."""

from __future__ import annotations

from flask import Blueprint, url_for

from coinpurse.errors import InvalidRequest
from coinpurse.web.access import current_purse

SESSION_ID_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"

blueprint = Blueprint(
    "coinpurse",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/assets",
)


def default_urls() -> tuple[str, str]:
    """Return our own success and cancel addresses, for a checkout that names none."""
    base = current_purse().settings.base_url
    return (
        f"{base}{url_for('coinpurse.success')}?session_id={SESSION_ID_PLACEHOLDER}",
        f"{base}{url_for('coinpurse.cancel')}",
    )
