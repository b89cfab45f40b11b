"""Staff, keys, accounts, adjustments and the audit log, as members of the staff click through them."""

from __future__ import annotations

import re
from html import escape

import flask_admin
import pytest
from flask import Flask, request

from coinpurse import Coinpurse
from coinpurse.settings import Settings
from coinpurse.web.admin import add_views
from tests.conftest import as_user
from tests.web.conftest import Browser, hidden
from tests.web.test_admin_frame import staff

CHANGES = (
    ("viewer", "/admin/adjustments/new"),
    ("support", "/admin/staff/give"),
    ("finance", "/admin/staff/remove"),
    ("finance", "/admin/api_keys/new"),
    ("finance", "/admin/api_keys/revoke"),
)


def purse_of(app: Flask) -> Coinpurse:
    purse: Coinpurse = app.extensions["coinpurse"]
    return purse


def member(app: Flask, role: str, email: str) -> Browser:
    return staff(app, Browser(app).register(email), role)


def send(browser: Browser, path: str, page: str, **fields: str | list[str]) -> str:
    """Send a form with the token of a page, and return the answer's text, or where it leads."""
    token = hidden(browser.get(page).text, "csrf_token")
    answer = browser.http.post(path, data={"csrf_token": token, **fields})
    return answer.location or answer.text


def correct(browser: Browser, **fields: str) -> str:
    """Ask for an adjustment, through the confirmation."""
    page = "/admin/adjustments/new"
    wish = {"way": "give", "reason": "Lost in the move", **fields}
    shown = send(browser, page, page, **wish)
    assert 'data-testid="effect"' in shown, shown
    kept = {
        name: hidden(shown, name) for name in ("user", "way", "coins", "reason", "balance", "nonce")
    }
    return send(browser, page, page, confirmed="1", **kept)


@pytest.mark.parametrize(("role", "path"), CHANGES)
def test_a_role_that_is_too_low_changes_nothing(app: Flask, role: str, path: str) -> None:
    browser = member(app, role, "vic@example.com")
    token = hidden(browser.get("/admin/").text, "csrf_token")

    assert browser.http.post(path, data={"csrf_token": token}).status_code == 403


def test_a_form_of_elsewhere_changes_nothing(app: Flask) -> None:
    olga = member(app, "owner", "olga@example.com")

    answer = olga.http.post("/admin/staff/give", data={"user": olga.user_id, "role": "viewer"})

    assert answer.status_code == 400
    assert purse_of(app).back_office.role_of(olga.user_id) == "owner"


def test_a_role_is_given_after_it_was_shown_and_taken_again(app: Flask) -> None:
    olga, sue = member(app, "owner", "olga@example.com"), Browser(app).register("sue@example.com")
    new = "/admin/staff/new"

    shown = send(olga, "/admin/staff/give", new, user="Sue@example.com", role="support")
    assert "sue@example.com will be Support" in shown
    assert purse_of(app).back_office.role_of(sue.user_id) is None
    given = send(olga, "/admin/staff/give", new, user=sue.user_id, role="support", confirmed="1")
    assert given == "/admin/staff/"
    assert "sue@example.com" in olga.get("/admin/staff/").text
    assert "No account has this" in send(
        olga, "/admin/staff/give", new, user="x@y.example", role="owner"
    )
    assert "role-error" in send(olga, "/admin/staff/give", new, user=sue.user_id, role="root")

    assert olga.get(f"/admin/staff/of?user={sue.user_id}").status_code == 200
    send(olga, "/admin/staff/remove", new, user=sue.user_id, confirmed="1")
    assert purse_of(app).back_office.role_of(sue.user_id) is None


def test_why_an_owner_did_something_is_kept_with_it(app: Flask, ada: Browser) -> None:
    olga = member(app, "owner", "olga@example.com")
    wish, why = {"user": ada.user_id, "role": "support"}, "=Takes over<b>" + "w" * 200
    shown = send(olga, "/admin/staff/give", "/admin/staff/new", **wish)
    assert 'name="reason"' in shown

    send(olga, "/admin/staff/give", "/admin/", confirmed="1", reason=why, **wish)
    long = send(
        olga, "/admin/staff/remove", "/admin/", confirmed="1", user=ada.user_id, reason="x" * 1001
    )

    assert "1000 characters" in long
    (entry,) = purse_of(app).back_office.audit_about("staff", ada.user_id)
    assert (entry.action, entry.reason) == ("staff.granted", why)
    assert escape(why) in olga.get("/admin/audit/").text


def test_the_last_owner_is_told_to_stay(app: Flask) -> None:
    olga = member(app, "owner", "olga@example.com")

    for path, more in (("/admin/staff/remove", {}), ("/admin/staff/give", {"role": "viewer"})):
        told = send(olga, path, "/admin/staff/new", user=olga.user_id, confirmed="1", **more)
        assert "Somebody must stay an owner." in told


def test_a_key_is_shown_once_and_made_once(app: Flask) -> None:
    olga = member(app, "owner", "olga@example.com")
    page = "/admin/api_keys/new"
    nonce = hidden(olga.get(page).text, "nonce")
    form: dict[str, str | list[str]] = {
        "name": "<b>game</b>",
        "scopes": ["read", "spend"],
        "nonce": nonce,
    }

    made = send(olga, page, page, **form)
    (text,) = re.findall(r"cpk_[0-9a-f]{8}_[0-9a-f]{40}", made)
    assert "&lt;b&gt;game" in made
    assert send(olga, page, page, **form) == "/admin/api_keys/"
    (key,) = purse_of(app).api_keys.list_all()
    assert purse_of(app).api_keys.find_valid(text) == key
    audit = olga.get("/admin/audit/").text
    assert text not in olga.get("/admin/api_keys/").text + audit
    assert "May: read, spend" in audit

    prefix = key.prefix
    assert "within 5 seconds" in send(olga, "/admin/api_keys/revoke", page, prefix=prefix)
    send(olga, "/admin/api_keys/revoke", page, prefix=prefix, confirmed="1")
    assert purse_of(app).api_keys.find_valid(text) is None
    assert [e.action for e in purse_of(app).back_office.audit_about("api_key", prefix)] == [
        "api_key.create",
        "api_key.revoke",
    ]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"name": "", "scopes": "read"}, "name-error"),
        ({"name": "x"}, "scopes-error"),
        ({"name": "x", "scopes": "root"}, "scopes-error"),
    ],
)
def test_a_key_without_a_name_or_with_unknown_scopes_is_refused(
    app: Flask, form: dict[str, str | list[str]], problem: str
) -> None:
    olga = member(app, "owner", "olga@example.com")
    page = "/admin/api_keys/new"

    assert problem in send(olga, page, page, nonce="n" * 24, **form)
    assert purse_of(app).api_keys.list_all() == []


def test_a_small_adjustment_is_shown_and_then_applied_once(app: Flask, ada: Browser) -> None:
    sue = member(app, "support", "sue@example.com")
    page = "/admin/adjustments/new"
    shown = send(
        sue, page, page, user="ada@example.com", way="give", coins="1,000", reason="=Sorry<i>"
    )
    assert "no wallet yet: one is made, with 1,000 coins" in shown
    kept = {name: hidden(shown, name) for name in ("user", "way", "coins", "balance", "nonce")}

    first = send(sue, page, page, confirmed="1", reason="=Sorry<i>", **kept)
    assert send(sue, page, page, confirmed="1", reason="=Sorry<i>", **kept) == first
    assert purse_of(app).wallet(ada.user_id).balance == 1000
    assert "=Sorry&lt;i&gt;" in sue.get(first).text
    exported = sue.get("/admin/adjustments/export.csv").text
    assert exported.startswith("\ufeffcreated_at,")
    assert "'=Sorry<i>" in exported


def test_the_same_adjustment_in_two_tabs_is_shown_again_before_it_is_made_twice(
    app: Flask, ada: Browser
) -> None:
    sue, page = member(app, "support", "sue@example.com"), "/admin/adjustments/new"
    wish = {"user": ada.user_id, "way": "give", "coins": "500", "reason": "Lost"}
    tabs = [send(sue, page, page, **wish) for _ in range(2)]
    names = ("user", "way", "coins", "reason", "balance", "nonce")
    kept = [{name: hidden(shown, name) for name in names} for shown in tabs]

    answers = [send(sue, page, page, confirmed="1", **fields) for fields in kept]

    assert 'data-testid="changed"' in answers[1]
    assert "The balance goes from 500 to 1,000." in answers[1]
    assert purse_of(app).wallet(ada.user_id).balance == 500


def test_the_page_says_first_that_parts_of_a_large_one_count_together(
    app: Flask, ada: Browser
) -> None:
    sue, page = member(app, "support", "sue@example.com"), "/admin/adjustments/new"
    correct(sue, user=ada.user_id, coins="6000")

    shown = send(sue, page, page, user=ada.user_id, way="take", coins="4001", reason="Back")

    assert "because with this you have adjusted 10,001 coins in 24 hours" in shown
    assert "Ask for it" in shown
    own = send(sue, page, page, user=sue.user_id, way="give", coins="1", reason="For me")
    assert "because the wallet is your own" in own


def test_a_large_one_is_decided_by_somebody_else(app: Flask, ada: Browser) -> None:
    finn, olga = (
        member(app, "finance", "finn@example.com"),
        member(app, "owner", "olga@example.com"),
    )
    page = correct(finn, user=ada.user_id, coins="10001")
    wallet = purse_of(app).wallet

    assert "Somebody else must agree" in finn.get(page).text
    assert "Somebody other than who asked" in send(finn, page, page, decision="approve")
    assert "Choose one" in send(olga, page, page, decision="shred")
    assert wallet(ada.user_id).balance == 0
    assert send(olga, page, page, decision="approve") == page
    assert wallet(ada.user_id).balance == 10_001
    assert "does not wait" in send(olga, page, "/admin/", decision="refuse")

    told = olga.get("/admin/audit/").text
    assert "Applied an adjustment" in told
    assert "finn@example.com" in told


def test_support_asks_and_does_not_decide(app: Flask, ada: Browser) -> None:
    finn, sue = (
        member(app, "finance", "finn@example.com"),
        member(app, "support", "sue@example.com"),
    )
    page = correct(finn, user=ada.user_id, coins="20000")
    token = hidden(sue.get("/admin/").text, "csrf_token")

    assert 'value="approve"' not in sue.get(page).text
    answer = sue.http.post(page, data={"csrf_token": token, "decision": "approve"})
    assert answer.status_code == 403
    assert send(finn, page, page, decision="withdraw") == page
    assert purse_of(app).wallet(ada.user_id).balance == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"user": "nobody@example.com"}, "user-error"),
        ({"user": "' OR 1=1"}, "user-error"),
        ({"user": "\x00"}, "user-error"),
        ({"coins": "0"}, "coins-error"),
        ({"coins": "-5"}, "coins-error"),
        ({"coins": "1.5"}, "coins-error"),
        ({"coins": "1,000.5"}, "coins-error"),
        ({"coins": "9" * 17}, "coins-error"),
        ({"coins": "²"}, "coins-error"),
        ({"way": "steal"}, "way-error"),
        ({"way": "take"}, "user-error"),
        ({"reason": " "}, "reason-error"),
    ],
)
def test_a_wrong_field_is_refused_where_it_stands(
    app: Flask, ada: Browser, change: dict[str, str], problem: str
) -> None:
    sue = member(app, "support", "sue@example.com")
    page = "/admin/adjustments/new"
    form = {"user": ada.user_id, "way": "give", "coins": "5", "reason": "r", **change}

    assert f'data-testid="{problem}"' in send(sue, page, page, **form)


def test_unknown_adjustments_keys_and_members_are_not_there(app: Flask) -> None:
    olga = member(app, "owner", "olga@example.com")

    for path in (
        "/admin/adjustments/00000000-0000-0000-0000-000000000000",
        "/admin/adjustments/x",
        "/admin/api_keys/of?prefix=cpk_",
        "/admin/staff/of?user=%00",
    ):
        assert olga.get(path).status_code == 404, path


def test_the_pages_of_the_team_open_in_both_languages(app: Flask) -> None:
    olga = member(app, "owner", "olga@example.com")

    for page in ("staff/", "staff/new", "users/", "audit/", "api_keys/", "api_keys/new",
                 "adjustments/", "adjustments/new"):  # fmt: skip
        for language in ("en", "zh"):
            answer = olga.get(f"/admin/{page}?language={language}")
            assert (page, answer.status_code) == (page, 200)
            assert "style=" not in answer.text
    assert "olga@example.com" in olga.get("/admin/users/?q=OLGA").text
    assert olga.get("/admin/users/?q=olga%25").text.count('data-testid="row"') == 0


def test_a_host_keeps_its_own_accounts(settings: Settings) -> None:
    app = Flask("host")
    app.secret_key = "x" * 32
    purse = Coinpurse(app, settings=settings, user_id=lambda: request.headers.get("X-User"))
    add_views(flask_admin.Admin(app, name="Host", url="/backstage"))
    purse.back_office.grant_role("ada", "owner", actor="cli:test")
    client = as_user(app, "ada")

    assert client.get("/backstage/coinpurse/users/").status_code == 404
    page = client.get("/backstage/coinpurse/adjustments/")
    assert page.status_code == 200
    assert "/backstage/coinpurse/users/" not in page.text
    purse.database.close()
