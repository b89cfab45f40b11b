"""Every address of the back office with the least role that it answers: none is left out, and none answers less."""

from __future__ import annotations

import re

import flask_admin
import pytest
from flask import Flask, request
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from coinpurse import Coinpurse
from coinpurse.back_office import ROLES
from coinpurse.settings import Settings
from coinpurse.web.admin import add_views
from tests.conftest import as_user
from tests.web.conftest import Browser, hidden

NOBODY = "00000000-0000-0000-0000-000000000000"
# Page and method to the least role of each address, below `/admin/`; `show` and `export.csv` are as their list.
LEAST = {
    "GET": {
        "": "viewer",
        "adjustments/": "viewer",
        "adjustments/<uuid:adjustment_id>": "viewer",
        "adjustments/new": "support",
        "api_keys/": "owner",
        "api_keys/new": "owner",
        "api_keys/of": "owner",
        "audit/": "viewer",
        "catalog/": "owner",
        "catalog/history": "owner",
        "catalog/history/<int:version_id>": "owner",
        "catalog/pack": "owner",
        "catalog/stripe": "owner",
        "deliveries/": "owner",
        "deliveries/<uuid:delivery_id>/": "owner",
        "disputes/": "viewer",
        "events/": "viewer",
        "events/<event_id>/": "viewer",
        "findings/": "viewer",
        "payments/": "viewer",
        "payments/<uuid:payment_id>/": "viewer",
        "payments/<uuid:payment_id>/cancel": "support",
        "payments/<uuid:payment_id>/refund": "finance",
        "payments/<uuid:payment_id>/review": "finance",
        "reconciliations/": "viewer",
        "refund_requests/": "viewer",
        "refunds/": "viewer",
        "staff/": "owner",
        "staff/new": "owner",
        "staff/of": "owner",
        "users/": "viewer",
        "wallets/": "viewer",
        "wallets/of": "viewer",
        "wallets/unblock": "finance",
        "webhooks/": "owner",
        "webhooks/<uuid:endpoint_id>/": "owner",
        "webhooks/<uuid:endpoint_id>/disable": "owner",
        "webhooks/<uuid:endpoint_id>/edit": "owner",
        "webhooks/<uuid:endpoint_id>/rotate": "owner",
        "webhooks/new": "owner",
    },
    "POST": {
        "adjustments/<uuid:adjustment_id>": "finance",
        "adjustments/new": "support",
        "api_keys/new": "owner",
        "api_keys/revoke": "owner",
        "catalog/history/<int:version_id>": "owner",
        "catalog/pack": "owner",
        "catalog/source": "owner",
        "catalog/stripe": "owner",
        "deliveries/<uuid:delivery_id>/replay": "owner",
        "events/<event_id>/replay": "support",
        "payments/<uuid:payment_id>/cancel": "support",
        "payments/<uuid:payment_id>/refund": "finance",
        "payments/<uuid:payment_id>/review": "finance",
        "staff/give": "owner",
        "staff/remove": "owner",
        "wallets/unblock": "finance",
        "webhooks/<uuid:endpoint_id>/disable": "owner",
        "webhooks/<uuid:endpoint_id>/edit": "owner",
        "webhooks/<uuid:endpoint_id>/enable": "owner",
        "webhooks/<uuid:endpoint_id>/rotate": "owner",
        "webhooks/<uuid:endpoint_id>/test": "owner",
        "webhooks/new": "owner",
    },
}


def rules_of(app: Flask) -> list[tuple[str, str]]:
    """Method and rule of every address of the back office but its files."""
    return [
        (method, rule.rule.removeprefix("/admin/"))
        for rule in app.url_map.iter_rules()
        if is_office(rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]


def is_office(rule: Rule) -> bool:
    return rule.rule.startswith("/admin/") and not rule.endpoint.endswith(".static")


def least_of(method: str, rule: str) -> str:
    return LEAST[method][rule.removesuffix("export.csv")]


def ask(
    browser: Browser, method: str, rule: str, *, adjustment: str = NOBODY, **fields: str
) -> TestResponse:
    path = rule.replace("<uuid:adjustment_id>", adjustment)
    path = re.sub("<uuid:[^>]*>", NOBODY, path)
    path = re.sub("<[^>]*>", "1", path)
    return browser.http.open(f"/admin/{path}", method=method, data=fields, buffered=True)


def waiting_adjustment(app: Flask, user_id: str) -> str:
    office = app.extensions["coinpurse"].back_office
    made = office.request_adjustment(user_id, 20_000, reason="r", actor="cli:test", key="k")
    return str(made.id)


def test_every_address_is_in_the_table(app: Flask) -> None:
    in_table = {(method, rule) for method, rules in LEAST.items() for rule in rules}
    found = {(method, rule.removesuffix("export.csv")) for method, rule in rules_of(app)}

    assert found == in_table


def test_each_address_asks_for_its_least_role_at_each_request(app: Flask, ada: Browser) -> None:
    office = app.extensions["coinpurse"].back_office
    adjustment = waiting_adjustment(app, ada.user_id)
    # Somebody must stay an owner; nobody logs in anew when a role changes.
    office.grant_role("olga", "owner", actor="cli:test")
    for role in ROLES:
        office.grant_role(ada.user_id, role, actor="cli:test")
        form = {"csrf_token": hidden(ada.get("/admin/").text, "csrf_token"), "decision": "approve"}
        for method, rule in rules_of(app):
            if (method, rule) == ("POST", "catalog/stripe") and role == "owner":
                continue  # It would ask Stripe.
            answer = ask(ada, method, rule, adjustment=adjustment, **form)
            may = ROLES.index(role) >= ROLES.index(least_of(method, rule))
            assert (answer.status_code != 403) == may, (role, method, rule, answer.status_code)
            assert answer.status_code < 500, (role, method, rule)
    office.revoke_role(ada.user_id, actor="cli:test")
    assert ada.get("/admin/").status_code == 404


def test_strangers_and_buyers_get_nothing_from_any_address(
    app: Flask, ada: Browser, visitor: Browser
) -> None:
    unknown = ada.get("/nothing-is-here").text
    adjustment = waiting_adjustment(app, ada.user_id)
    form = {"csrf_token": hidden(ada.get("/").text, "csrf_token")}

    for method, rule in rules_of(app):
        refused = ask(ada, method, rule, adjustment=adjustment, **form)
        assert (refused.status_code, refused.text) == (404, unknown), (method, rule)
        led = ask(visitor, method, rule, adjustment=adjustment)
        assert (led.status_code, led.location.split("?")[0]) == (302, "/login"), (method, rule)


def test_no_change_is_made_by_a_form_of_elsewhere(app: Flask, ada: Browser) -> None:
    office = app.extensions["coinpurse"].back_office
    adjustment = waiting_adjustment(app, ada.user_id)
    office.grant_role(ada.user_id, "owner", actor="cli:test")
    other = Browser(app).register("eve@example.com")
    of_another_session = hidden(other.get("/").text, "csrf_token")

    for form in ({}, {"csrf_token": of_another_session}):
        for method, rule in rules_of(app):
            if method == "POST":
                answer = ask(ada, method, rule, adjustment=adjustment, **form)
                assert answer.status_code == 400, rule


@pytest.mark.parametrize(
    "path", ["payments/", "payments/export.csv", "events/x/", "audit/?older=x"]
)
def test_pages_and_files_are_neither_framed_nor_kept(app: Flask, ada: Browser, path: str) -> None:
    app.extensions["coinpurse"].back_office.grant_role(ada.user_id, "viewer", actor="cli:test")

    headers = ada.get(f"/admin/{path}").headers

    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "no-store" in headers["Cache-Control"]


def test_a_host_says_itself_who_is_on_its_staff(settings: Settings) -> None:
    app = Flask("host")
    app.secret_key = "x" * 32
    roles = {"ada": "finance", "bob": "king"}
    purse = Coinpurse(
        app,
        settings=settings,
        user_id=lambda: request.headers.get("X-User"),
        staff_role=lambda: roles.get(request.headers.get("X-User", "")),
    )
    add_views(flask_admin.Admin(app, name="Host", url="/backstage"))
    # The host's word holds, and not what our own table says.
    purse.back_office.grant_role("eve", "owner", actor="cli:test")
    home, staff = "/backstage/coinpurse/overview/", "/backstage/coinpurse/staff/"

    seen = as_user(app, "ada").get(home)
    assert (seen.status_code, seen.headers["X-Frame-Options"]) == (200, "DENY")
    assert as_user(app, "ada").get(staff).status_code == 403
    for stranger in ("eve", "bob", "zoe"):
        assert as_user(app, stranger).get(home).status_code == 404, stranger
    del roles["ada"]
    assert as_user(app, "ada").get(home).status_code == 404
    purse.database.close()
