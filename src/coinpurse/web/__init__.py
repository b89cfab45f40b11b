"""HTTP: blueprints by audience, and what they share.

`access` finds the user and guards changes, `json_requests` reads bodies, `errors` answers refusals,
`language` knows the reader's.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from coinpurse.web import access, language, payment, store, wallet, webhook

__all__ = ["register"]

JSON_BLUEPRINTS = (payment.blueprint, webhook.blueprint, wallet.blueprint)


def register(
    app: Flask, *, user_id: Callable[[], str | None] | None, pages_prefix: str | None
) -> None:
    """Add our blueprints to the app. pages_prefix: None leaves the pages out."""
    access.use(app, user_id)
    language.use(app)
    csrf = app.extensions.get("csrf")
    for blueprint in JSON_BLUEPRINTS:
        app.register_blueprint(blueprint)
        if csrf is not None:
            # These routes have their own guard: the JSON content type and the Origin, or Stripe's signature.
            csrf.exempt(blueprint)
    if pages_prefix is not None:
        app.register_blueprint(store.blueprint, url_prefix=pages_prefix)
