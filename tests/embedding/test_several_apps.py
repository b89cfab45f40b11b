"""Several apps in one process, each with its own settings, addresses, looks and language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, current_app, request
from flask.testing import FlaskClient
from flask_babel import Babel

from coinpurse import Coinpurse
from coinpurse.signals import payment_completed
from coinpurse.testing import BuyCoins, StripeSandbox, new_database
from tests.conftest import as_user

PACK = """
[[packs]]
sku = "lantern"
coins = 7
prices = { usd = "1.00" }
"""


def who() -> str | None:
    return request.headers.get("X-User")


@pytest.fixture
def another_database(coinpurse_server: str) -> Iterator[str]:
    with new_database(coinpurse_server) as address:
        yield address


@pytest.fixture
def apps(
    coinpurse_config: dict[str, object], another_database: str, tmp_path: Path
) -> Iterator[tuple[Flask, Flask]]:
    """Two apps of one Coinpurse object; the second one sells another pack into another database."""
    catalog = tmp_path / "packs.toml"
    catalog.write_text(PACK, encoding="utf-8")
    one, other = Flask("one"), Flask("other")
    one.config.update(coinpurse_config)
    other.config.update(
        coinpurse_config, DATABASE_URL=another_database, COINPURSE_CATALOG=str(catalog)
    )
    purse = Coinpurse(user_id=who)
    for app in (one, other):
        purse.init_app(app)
    yield one, other
    for app in (one, other):
        with app.app_context():
            purse.database.close()


def balance(client: FlaskClient) -> int:
    found: int = client.get("/api/wallet").json["balance"]
    return found


def test_one_object_sells_for_each_app_into_its_own_database(
    apps: tuple[Flask, Flask], buy_coins: BuyCoins
) -> None:
    heard: list[str] = []

    @payment_completed.connect
    def hear(_sender: object, payment: object) -> None:
        heard.append(current_app.name)

    one, other = (as_user(app, "ada") for app in apps)

    buy_coins(one, pack="chest")
    assert (balance(one), balance(other)) == (1200, 0)
    buy_coins(other, pack="lantern")

    assert (balance(one), balance(other)) == (1200, 7)
    assert heard == ["one", "other"]


def test_another_apps_payment_credits_nobody_here(
    apps: tuple[Flask, Flask], buy_coins: BuyCoins, stripe_sandbox: StripeSandbox
) -> None:
    """Both use one account at Stripe, which sends each of them the events of both."""
    one, other = apps
    buyer = as_user(one, "ada")
    started = buyer.post("/api/payment/create-checkout-session", json={"pack": "chest"})
    session_id = started.json["session_id"]
    stripe_sandbox.pay(session_id)

    assert "checkout.session.completed" in stripe_sandbox.deliver(other)

    assert balance(as_user(other, "ada")) == 0
    assert buyer.get(f"/api/payment/status/{session_id}").json["status"] == "completed"


def test_each_object_has_its_own_prefix_and_looks(
    coinpurse_config: dict[str, object], tmp_path: Path
) -> None:
    ours = tmp_path / "templates" / "coinpurse"
    ours.mkdir(parents=True)
    (ours / "theme.html").write_text('<link rel="stylesheet" href="/mine.css">', encoding="utf-8")
    (ours / "cancel.html").write_text("<p>Come back, {{ store_name }}!</p>", encoding="utf-8")
    plain, dressed = Flask("plain"), Flask("dressed", template_folder=tmp_path / "templates")
    for app, prefix in ((plain, "/coins"), (dressed, "/shop/gold")):
        app.config.update(coinpurse_config, COINPURSE_STORE_NAME=app.name)
        Coinpurse(app, user_id=who, pages_prefix=prefix)

    shown = dressed.test_client().get("/shop/gold/")
    assert '<link rel="stylesheet" href="/mine.css">' in shown.text
    # What the host does not replace stays ours.
    assert "1,200" in shown.text
    assert (
        dressed.test_client().get("/shop/gold/payment/cancel").text == "<p>Come back, dressed!</p>"
    )
    assert "/mine.css" not in plain.test_client().get("/coins/").text
    assert plain.test_client().get("/shop/gold/").status_code == 404
    for app in (plain, dressed):
        app.extensions["coinpurse"].services.database.close()


def test_our_pages_may_stand_in_the_hosts_own_layout(
    coinpurse_config: dict[str, object], tmp_path: Path
) -> None:
    """The example of docs/embedding.md."""
    guide = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text(encoding="utf-8")
    frame = guide.partition('{% extends "layout.html" %}')[2].partition("```")[0]
    (tmp_path / "coinpurse").mkdir()
    (tmp_path / "coinpurse" / "base.html").write_text(
        '{% extends "layout.html" %}' + frame, "utf-8"
    )
    (tmp_path / "layout.html").write_text("<h1>Mine</h1>{% block content %}{% endblock %}", "utf-8")
    app = Flask("host", template_folder=tmp_path)
    app.config.update(coinpurse_config)
    Coinpurse(app, user_id=who)

    page = app.test_client().get("/coins/")

    assert page.text.startswith("<h1>Mine</h1>")
    assert 'data-testid="buy-chest"' in page.text
    assert page.text.count("<title>") == 0
    app.extensions["coinpurse"].services.database.close()


def test_each_app_decides_its_own_language(coinpurse_config: dict[str, object]) -> None:
    chinese, browsers = Flask("chinese"), Flask("browsers")
    Babel(chinese, locale_selector=lambda: "zh")
    for app in (chinese, browsers):
        app.config.update(coinpurse_config)
        Coinpurse(app, user_id=who)
    wish = {"Accept-Language": "en"}

    assert "购买金币" in chinese.test_client().get("/coins/", headers=wish).text
    assert "Get coins" in browsers.test_client().get("/coins/", headers=wish).text
    for app in (chinese, browsers):
        with app.app_context():
            app.extensions["coinpurse"].database.close()


def test_an_app_that_is_mounted_below_a_path_links_below_it(
    apps: tuple[Flask, Flask], stripe_sandbox: StripeSandbox
) -> None:
    client = as_user(apps[0], "ada")
    mounted = "http://127.0.0.1:5000/games"

    page = client.get("/coins/", base_url=mounted)
    assert 'href="/games/coins/wallet"' in page.text
    started = client.post(
        "/api/payment/create-checkout-session", json={"pack": "chest"}, base_url=mounted
    )

    session = stripe_sandbox.stripe("GET", f"checkout/sessions/{started.json['session_id']}")
    assert session["success_url"].startswith(f"{mounted}/coins/payment/success?")
