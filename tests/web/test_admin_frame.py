"""The frame of the back office: who gets in, what strangers learn, and where it can stand."""

from __future__ import annotations

import flask_admin
from flask import Flask, request

from coinpurse import Coinpurse
from coinpurse.settings import Settings
from coinpurse.web.admin import add_views
from tests.conftest import as_user
from tests.web.conftest import Browser


def staff(app: Flask, browser: Browser, role: str = "owner") -> Browser:
    app.extensions["coinpurse"].back_office.grant_role(browser.user_id, role, actor="cli:test")
    return browser


def test_a_visitor_is_led_to_the_log_in_and_back(visitor: Browser) -> None:
    answer = visitor.get("/admin/")

    assert (answer.status_code, answer.location) == (302, "/login?next=%2Fadmin%2F")


def test_a_buyer_learns_nothing_from_the_refusal(ada: Browser) -> None:
    unknown = ada.get("/admin-that-is-not-there/")

    for answer in (ada.get("/admin/"), ada.http.post("/admin/")):
        assert answer.status_code in (404, 405)
    refused = ada.get("/admin/")
    assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)


def test_a_member_of_the_staff_sees_the_frame_in_both_languages(app: Flask, ada: Browser) -> None:
    staff(app, ada, "viewer")

    english = ada.get("/admin/")
    assert english.status_code == 200
    assert "ada@example.com" in english.text
    assert "style=" not in english.text
    assert english.headers["Cache-Control"] == "no-store"
    assert '<html lang="zh-Hans">' in ada.get("/admin/?language=zh").text


def test_the_pages_stand_in_a_hosts_own_flask_admin(settings: Settings) -> None:
    app = Flask("host")
    app.secret_key = "x" * 32
    # The buyers' pages are left out: templates and files must come along all the same.
    purse = Coinpurse(
        app,
        settings=settings,
        user_id=lambda: request.headers.get("X-User"),
        pages_prefix=None,
    )
    admin = flask_admin.Admin(app, name="Host", url="/backstage")
    add_views(admin)
    purse.back_office.grant_role("ada", "owner", actor="cli:test")

    payments = as_user(app, "ada").get("/backstage/coinpurse/payments/").text
    assert 'href="/backstage/coinpurse/wallets/"' in payments
    # The host's own pages stand in the same menu.
    assert 'href="/backstage/"' in payments
    html = as_user(app, "ada").get("/backstage/coinpurse/overview/").text

    assert 'href="/backstage/coinpurse/overview/"' in html
    assert as_user(app, "bob").get("/backstage/coinpurse/overview/").status_code == 404
    link = html.split('rel="stylesheet" href="')[1].split('"')[0]
    asset = app.test_client().get(link, buffered=True)
    assert (asset.status_code, asset.mimetype) == (200, "text/css")
    purse.database.close()


def test_a_host_says_itself_who_is_staff(settings: Settings) -> None:
    app = Flask("host")
    app.secret_key = "x" * 32
    purse = Coinpurse(
        app,
        settings=settings,
        user_id=lambda: request.headers.get("X-User"),
        staff_role=lambda: {"ada": "viewer", "eve": "emperor"}.get(request.headers["X-User"]),
    )
    add_views(flask_admin.Admin(app, url="/backstage"))
    # Our own table has no say then.
    purse.back_office.grant_role("bob", "owner", actor="cli:test")

    answers = {
        user: as_user(app, user).get("/backstage/coinpurse/payments/").status_code
        for user in ("ada", "bob", "eve")
    }

    assert answers == {"ada": 200, "bob": 404, "eve": 404}
    assert as_user(app, "ada").get("/backstage/coinpurse/catalog/").status_code == 403
    purse.database.close()
