"""Coinpurse beside what a host has already."""

from __future__ import annotations

import secrets
import time

import pytest
from flask import Flask, request
from flask_login import LoginManager, UserMixin, login_user
from flask_wtf.csrf import CSRFProtect

from coinpurse import Coinpurse, ConfigurationError, Settings
from coinpurse.app import create_app

ORIGIN = {"Origin": "http://127.0.0.1:5000"}


def new_host() -> Flask:
    app = Flask("host")
    app.secret_key = secrets.token_hex(16)
    return app


@pytest.mark.parametrize("protection_first", [True, False], ids=["before us", "after us"])
def test_a_host_s_form_protection_leaves_our_json_routes_alone(
    purse: Coinpurse, protection_first: bool
) -> None:
    app = new_host()
    if protection_first:
        CSRFProtect(app)
    purse.init_app(app)
    if not protection_first:
        CSRFProtect(app)

    answer = app.test_client().post("/api/payment/webhook", data=b"{}")

    assert answer.json == {"error": "Invalid signature"}


def test_the_user_is_flask_login_s(settings: Settings) -> None:
    app = new_host()
    manager = LoginManager(app)

    @manager.user_loader
    def load(user_id: str) -> UserMixin:
        user = UserMixin()
        user.id = user_id
        return user

    @app.post("/enter")
    def enter() -> str:
        login_user(load("42"))
        return "in"

    purse = Coinpurse(settings=settings)
    purse.init_app(app)
    client = app.test_client()
    assert client.get("/api/wallet").status_code == 401

    client.post("/enter")

    assert client.get("/api/wallet").json["user_id"] == "42"
    purse.database.close()


def test_a_host_without_a_login_is_told_what_is_missing(settings: Settings) -> None:
    app = new_host()
    app.testing = True
    purse = Coinpurse(settings=settings)
    purse.init_app(app)

    with pytest.raises(ConfigurationError, match="Flask-Login's LoginManager"):
        app.test_client().get("/api/wallet")


def test_several_apps_in_one_process_keep_apart(settings: Settings) -> None:
    one, other = new_host(), new_host()
    purse = Coinpurse(user_id=lambda: "ada")
    one.config.update(_config(settings), COINPURSE_BASE_URL="https://one.example.com")
    other.config.update(_config(settings), COINPURSE_BASE_URL="https://other.example.com")
    purse.init_app(one)
    purse.init_app(other)

    for app, base_url in ((one, "https://one.example.com"), (other, "https://other.example.com")):
        with app.app_context():
            assert purse.settings.base_url == base_url
            purse.wallet("ada")
            purse.database.close()


def test_a_purse_without_settings_says_so() -> None:
    with pytest.raises(ConfigurationError, match="call init_app"):
        Coinpurse().wallet("ada")


def test_a_missing_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)

    with pytest.raises(ConfigurationError, match="STRIPE_SECRET_KEY is not set"):
        Coinpurse(Flask("host"))


@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_forwarded_addresses_are_believed_of_known_proxies_alone(
    settings: Settings, proxies: int, address: str
) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": proxies}))

    @app.get("/who")
    def who() -> str:
        return request.remote_addr or ""

    answer = app.test_client().get("/who", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})

    assert answer.text == address
    app.extensions["coinpurse"].database.close()


def _config(settings: Settings) -> dict[str, object]:
    assert settings.stripe_webhook_secret is not None
    assert settings.database_url is not None
    return {
        "STRIPE_SECRET_KEY": settings.require_stripe_key(),
        "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
        "STRIPE_API_BASE": settings.stripe_api_base,
        "DATABASE_URL": settings.database_url.get_secret_value(),
    }


def test_a_host_header_that_cannot_be_is_refused_plainly(settings: Settings) -> None:
    app = create_app(settings)

    assert app.test_client().post("/login", headers={"Host": "x" * 3000}).status_code == 400
    app.extensions["coinpurse"].database.close()


@pytest.mark.parametrize("field", ["email", "password"])
def test_a_text_that_would_take_long_to_bring_into_form_is_not(
    settings: Settings, field: str
) -> None:
    app = create_app(settings)
    body = {"email": "ada@example.com", "password": "wrong horse", field: "\u0300\u0316" * 40_000}
    started = time.process_time()

    answer = app.test_client().post("/api/auth/login", json=body, headers=ORIGIN)

    assert answer.status_code in (401, 422)
    # Two seconds for what took minutes: no measurement, only the difference between the two.
    assert time.process_time() - started < 10
    app.extensions["coinpurse"].database.close()
