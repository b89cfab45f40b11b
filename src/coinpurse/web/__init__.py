"""HTTP: blueprints by audience, and what they share.

`access` finds the user and guards changes, `json_requests` reads bodies, `errors` answers refusals,
`language` knows the reader's.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app

from coinpurse.web import (
    access,
    documentation,
    language,
    payment,
    request_ids,
    service,
    store,
    wallet,
    webhook,
)
from coinpurse.web import service_payments as _  # noqa: F401  Adds its operations to the service API.

__all__ = ["register"]

JSON_BLUEPRINTS = (payment.blueprint, webhook.blueprint, wallet.blueprint)


def register(
    app: Flask,
    *,
    user_id: Callable[[], str | None] | None,
    staff_role: Callable[[], str | None] | None,
    pages_prefix: str | None,
    service_api: bool,
) -> None:
    """Add our blueprints to the app. pages_prefix: None leaves the pages out."""
    request_ids.use(app)
    access.use(app, user_id, staff_role)
    language.use(app)
    for blueprint in JSON_BLUEPRINTS:
        app.register_blueprint(blueprint)
    documentation.use(app, service.blueprint if service_api else None)
    # A host's Flask-WTF may have started before us, or start after us; its check runs in the same order.
    with app.app_context():
        _exempt_from_csrf()
    app.before_request(_exempt_from_csrf)
    if pages_prefix is not None:
        app.register_blueprint(store.blueprint, url_prefix=pages_prefix)


def _exempt_from_csrf() -> None:
    """Keep a host's form protection off our JSON routes, which have their own guard.

    That is the content type and the Origin, Stripe's signature, or a key.
    """
    csrf = current_app.extensions.get("csrf")
    if csrf is not None:
        for blueprint in (*JSON_BLUEPRINTS, service.blueprint):
            csrf.exempt(blueprint)
