"""HTTP: blueprints by audience, and what they share.

`access` finds the user and guards changes, `json_requests` reads bodies, `errors` answers refusals.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from coinpurse.web import access, errors, payment, wallet

__all__ = ["register"]


def register(app: Flask, *, user_id: Callable[[], str | None] | None, pages_prefix: str | None) -> None:
    """Add our blueprints to the app. pages_prefix: None leaves the pages out."""
    access.use(app, user_id)
    for blueprint in (payment.blueprint, wallet.blueprint):
        errors.answer_in_json(blueprint)
        app.register_blueprint(blueprint)
    csrf = app.extensions.get("csrf")
    if csrf is not None:
        # These routes have their own guard: the JSON content type and the Origin, or Stripe's signature.
        for blueprint in (payment.blueprint, wallet.blueprint):
            csrf.exempt(blueprint)
