"""The pages inside a host that has its own users, language and protections."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_babel import Babel
from flask_login import LoginManager, UserMixin
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined

from coinpurse import Coinpurse
from coinpurse.settings import Settings
from tests.conftest import Sandbox, as_user
from tests.web.conftest import hidden, session_of, stage_shown, text_of

MakeHost = Callable[..., Flask]


@pytest.fixture
def make_host(settings: Settings) -> Iterator[MakeHost]:
    """Makes a host app; `prepare` sets it up before Coinpurse joins."""
    made: list[Coinpurse] = []

    def make(prepare: Callable[[Flask], Any] = lambda app: None, **options: Any) -> Flask:
        app = Flask("host")
        app.secret_key = secrets.token_hex(16)
        prepare(app)
        options.setdefault("user_id", lambda: request.headers.get("X-User"))
        purse = Coinpurse(settings=settings, **options)
        purse.init_app(app)
        made.append(purse)
        return app

    yield make
    for purse in made:
        purse.database.close()


def buy(client: FlaskClient, prefix: str = "/coins") -> str:
    token = hidden(client.get(f"{prefix}/").text, "csrf_token")
    answer = client.post(f"{prefix}/buy/chest", data={"csrf_token": token, "currency": "usd"})
    assert answer.status_code == 303, answer.text
    return session_of(answer)


def test_the_pages_stand_under_the_hosts_prefix(make_host: MakeHost, sandbox: Sandbox) -> None:
    client = as_user(make_host(pages_prefix="/shop/coins"), "ada")

    session_id = buy(client, "/shop/coins")
    sandbox.pay(session_id)
    html = client.get(f"/shop/coins/payment/success?session_id={session_id}").text

    assert stage_shown(html) == "completed"
    assert 'href="/shop/coins/wallet"' in html
    assert text_of(client.get("/shop/coins/wallet").text, "wallet-balance") == "1,200"


def test_no_link_leads_to_accounts_that_a_host_does_not_have(make_host: MakeHost) -> None:
    app = make_host()

    for client in (app.test_client(), as_user(app, "ada")):
        html = client.get("/coins/").text
        assert "log-in-link" not in html
        assert "log-out" not in html


def test_pages_work_where_undefined_names_are_errors(make_host: MakeHost) -> None:
    app = make_host(lambda app: setattr(app.jinja_env, "undefined", StrictUndefined))
    client = as_user(app, "ada")

    session_id = buy(client)

    paths = ["", "wallet", "payment/cancel", f"payment/success?session_id={session_id}"]
    for path in [*paths, "payment/success?session_id=none"]:
        assert client.get(f"/coins/{path}").status_code in (200, 404)
    assert app.test_client().get("/coins/payment/cancel").status_code == 200


def test_a_host_may_leave_the_pages_out(make_host: MakeHost) -> None:
    app = make_host(pages_prefix=None)

    assert app.test_client().get("/coins/").status_code == 404
    answer = as_user(app, "ada").post(
        "/api/payment/create-checkout-session", json={"pack": "chest", "currency": "usd"}
    )
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_request")


def test_the_hosts_log_in_is_asked(make_host: MakeHost) -> None:
    class User(UserMixin):
        id = "ada"

    def prepare(app: Flask) -> None:
        manager = LoginManager(app)
        manager.login_view = "sign_in"
        manager.user_loader(lambda _user_id: User())
        app.add_url_rule("/sign-in", "sign_in", lambda: "")

    client = make_host(prepare, user_id=None).test_client()

    answer = client.get("/coins/wallet")

    assert answer.location == "/sign-in?next=%2Fcoins%2Fwallet"
    with client.session_transaction() as session:
        session["_user_id"] = "ada"
    assert client.get("/coins/wallet").status_code == 200


def test_a_host_without_a_log_in_page_answers_401_in_words(make_host: MakeHost) -> None:
    answer = make_host().test_client().get("/coins/wallet")

    assert answer.status_code == 401
    assert "Please log in first" in answer.text


def test_the_hosts_language_decides(make_host: MakeHost) -> None:
    app = make_host(lambda app: Babel(app, locale_selector=lambda: "zh_Hans_CN"))

    html = app.test_client().get("/coins/?language=en", headers={"Accept-Language": "en"}).text

    assert "购买金币" in html
    assert "language-en" not in html


def test_a_host_whose_language_we_do_not_speak_gets_english_with_its_own_figures(
    make_host: MakeHost,
) -> None:
    app = make_host(lambda app: Babel(app, locale_selector=lambda: "de_DE"))

    html = app.test_client().get("/coins/?currency=usd").text

    assert '<html lang="en">' in html
    assert "99,99\N{NO-BREAK SPACE}$" in html


def test_a_babel_that_the_host_adds_later_decides_too(make_host: MakeHost) -> None:
    app = make_host()
    Babel(app, locale_selector=lambda: "zh")

    assert "购买金币" in app.test_client().get("/coins/").text


def test_our_texts_leave_the_hosts_templates_alone(make_host: MakeHost) -> None:
    app = make_host()

    assert "gettext" not in app.jinja_env.globals
    assert "_" not in app.jinja_env.globals


def test_the_forms_pass_the_hosts_own_protection(make_host: MakeHost, sandbox: Sandbox) -> None:
    client = as_user(make_host(CSRFProtect), "ada")

    assert sandbox.pay(buy(client))["result"] == "paid"
    assert client.post("/coins/buy/chest", data={"currency": "usd"}).status_code == 400


def test_the_hosts_other_pages_are_its_own(make_host: MakeHost) -> None:
    answer = make_host().test_client().get("/nothing")

    assert answer.status_code == 404
    assert "Coinpurse" not in answer.text


@pytest.mark.parametrize("path", ["/coins/buy/chest", "/coins/payment/cancel"])
def test_a_form_that_is_too_large_is_refused_in_a_host_that_sets_no_limit(
    buyer: FlaskClient, path: str
) -> None:
    assert buyer.post(path, data={"currency": "x" * 2_000_000}).status_code == 413
