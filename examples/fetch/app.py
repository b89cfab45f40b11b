"""A page of your own that sells coins: plain `fetch` calls to the JSON API, and no page of ours.

All that a front end needs is in static/coins.js: the packs, the way to Stripe, how the payment stands, the wallet.
This file only says who the user is, and sends a Content-Security-Policy under which nothing inline runs.
"""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask, Response, render_template, session

from coinpurse import Coinpurse
from coinpurse.db import upgrade

POLICY = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """Make the shop. Everybody who comes is a new user; your own log-in goes here."""
    app = Flask(__name__)
    app.config.update(config or {"COINPURSE_DEMO": True})
    purse = Coinpurse(app, user_id=lambda: session.get("user"), pages_prefix=None)
    upgrade(purse.database)
    app.secret_key = purse.settings.require_secret_key()

    @app.get("/")
    def shop() -> str:
        session.setdefault("user", f"guest-{secrets.token_hex(4)}")
        return render_template("shop.html", test_mode=not purse.settings.livemode)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return app


if __name__ == "__main__":
    create_app().run(port=5000)
