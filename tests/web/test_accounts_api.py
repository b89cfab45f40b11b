"""Accounts over the JSON API."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from coinpurse.app import create_app
from coinpurse.settings import Settings
from tests.web.conftest import ORIGIN, Browser, hidden

ADA = {"email": "Ada@Example.com", "password": "correct horse"}


def test_registering_logs_in(visitor: Browser) -> None:
    answer = visitor.http.post("/api/auth/register", json=ADA)

    assert answer.status_code == 201
    assert answer.json["email"] == "Ada@example.com"
    assert visitor.get("/api/auth/me").json["user_id"] == answer.json["user_id"]
    assert "password" not in answer.text


def test_logging_out_ends_the_session(visitor: Browser) -> None:
    visitor.http.post("/api/auth/register", json=ADA)

    assert visitor.http.post("/api/auth/logout", json={}).status_code == 200
    answer = visitor.get("/api/auth/me")
    assert answer.status_code == 401
    assert answer.json["code"] == "login_required"


def test_logging_in_ignores_the_case_of_the_address(visitor: Browser, app: Flask) -> None:
    visitor.http.post("/api/auth/register", json=ADA)

    answer = Browser(app).http.post(
        "/api/auth/login", json={"email": " aDA@EXAMPLE.COM ", "password": ADA["password"]}
    )

    assert answer.status_code == 200
    assert answer.json["email"] == "Ada@example.com"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"email": "nobody"}, 422, "invalid_email"),
        ({"email": "a@localhost"}, 422, "invalid_email"),
        ({"email": "a\x00@example.com"}, 422, "invalid_email"),
        ({"password": "1234567"}, 422, "password_too_short"),
        ({"password": "x" * 1025}, 422, "password_too_long"),
        ({"password": "ADA@example.com"}, 422, "password_is_email"),
        ({"password": "Password123!"}, 422, "password_too_common"),
        ({"password": "87654321"}, 422, "password_too_common"),
        ({"password": "aaaaaaaaaa"}, 422, "password_too_common"),
        ({"password": "surrogate\ud800half"}, 422, "password_unreadable"),
        ({"password": None}, 422, "invalid_request"),
        ({"password": 12345678}, 422, "invalid_request"),
        ({"email": ["a@example.com"]}, 422, "invalid_request"),
    ],
)
def test_a_registration_that_is_wrong_says_what_is(
    visitor: Browser, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = visitor.http.post("/api/auth/register", json={**ADA, **changes})

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert "%" not in answer.json["error"]
    assert visitor.get("/api/auth/me").status_code == 401


def test_an_address_is_taken_once_in_whatever_case(visitor: Browser, app: Flask) -> None:
    visitor.http.post("/api/auth/register", json=ADA)

    answer = Browser(app).http.post("/api/auth/register", json={**ADA, "email": "ADA@example.COM"})

    assert (answer.status_code, answer.json["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    "credentials",
    [
        {"email": "Ada@Example.com", "password": "wrong horse"},
        {"email": "eve@example.com", "password": "correct horse"},
        {"email": "no address", "password": "correct horse"},
        {"email": "ada@example.com", "password": "\ud800"},
        {"email": "ada@example.com", "password": "x" * 5000},
        {"email": "ada@example.com", "password": ""},
    ],
)
def test_a_refused_log_in_never_says_what_was_wrong(
    visitor: Browser, app: Flask, credentials: dict[str, str]
) -> None:
    visitor.http.post("/api/auth/register", json=ADA)

    answer = Browser(app).http.post("/api/auth/login", json=credentials)

    assert answer.status_code == 401
    assert answer.json == {
        "error": "The e-mail address or the password is wrong.",
        "code": "wrong_credentials",
    }


def test_refusals_come_in_the_readers_language(app: Flask) -> None:
    answer = Browser(app, "zh-CN").http.post("/api/auth/login", json=ADA)

    assert answer.json["error"] == "邮箱或密码不正确。"


@pytest.mark.parametrize("path", ["register", "login", "logout"])
def test_another_site_cannot_use_the_api(visitor: Browser, path: str) -> None:
    url = f"/api/auth/{path}"

    foreign = visitor.http.post(url, json=ADA, headers={"Origin": "https://evil.example"})
    by_form = visitor.http.post(url, data=ADA)

    assert foreign.status_code == 403
    assert by_form.status_code == 415


def test_guessing_is_slowed_down_and_says_when_to_come_back(visitor: Browser) -> None:
    answers = [visitor.http.post("/api/auth/login", json=ADA) for _try in range(11)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert answers[-1].json["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 61


def test_guesses_at_one_account_from_many_addresses_are_slowed_down_too(
    visitor: Browser, app: Flask
) -> None:
    visitor.http.post("/api/auth/register", json=ADA)
    spellings = ("ada@example.com", "ADA@EXAMPLE.COM", " Ada@example.com ")

    def guess(number: int) -> int:
        somebody = Browser(app)
        somebody.http.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        guessed = {"email": spellings[number % 3], "password": f"guess {number}"}
        if number % 2:
            return somebody.http.post("/api/auth/login", json=guessed).status_code
        return somebody.submit("/login", page="/login", **guessed).status_code

    assert [guess(number) for number in range(31)] == [401] * 30 + [429]
    other = Browser(app)
    other.http.environ_base["REMOTE_ADDR"] = "198.51.100.99"
    eve = {"email": "eve@example.com", "password": "x"}
    assert other.http.post("/api/auth/login", json=eve).status_code == 401


@pytest.mark.parametrize(
    "address", ["2001:db8:1:2::{}", "198.51.100.9:{}", "::ffff:198.51.100.9", "[2001:db8::1]:{}"]
)
def test_other_ports_and_addresses_of_one_visitor_do_not_make_many(
    app: Flask, address: str
) -> None:
    def guess(number: int) -> int:
        somebody = Browser(app)
        somebody.http.environ_base["REMOTE_ADDR"] = address.format(number)
        guessed = {"email": f"user{number}@example.com", "password": "x"}
        return somebody.http.post("/api/auth/login", json=guessed).status_code

    assert [guess(number) for number in range(1, 12)] == [401] * 10 + [429]


@pytest.mark.parametrize("path", ["/api/auth/login", "/login"])
def test_a_proxy_s_address_that_cannot_be_read_is_refused_like_others_and_counted(
    settings: Settings, path: str
) -> None:
    app = create_app(settings.model_copy(update={"trusted_proxies": 1}))
    spoilt = [
        "unknown",
        "[",
        "[::1",
        "1.2.3.4.5:80",
        "999.1.1.1",
        "::1%",
        "é\x7f",
        "x" * 5000,
        "{}",
        "a b",
    ]

    def guess(number: int) -> int:
        somebody = Browser(app)
        somebody.http.environ_base["HTTP_X_FORWARDED_FOR"] = spoilt[number % len(spoilt)]
        guessed = {"email": f"user{number}@example.com", "password": "x"}
        if path == "/login":
            return somebody.submit(path, page=path, **guessed).status_code
        return somebody.http.post(path, json=guessed).status_code

    assert [guess(number) for number in range(11)] == [401] * 10 + [429]
    app.extensions["coinpurse"].database.close()


def test_registrations_on_the_page_are_slowed_down(visitor: Browser) -> None:
    answers = [
        visitor.submit("/register", page="/register", email="no address", password="x")
        for _try in range(11)
    ]

    assert answers[9].status_code != 429
    assert answers[10].status_code == 429


def test_those_who_know_their_password_are_not_slowed_down(visitor: Browser, app: Flask) -> None:
    visitor.http.post("/api/auth/register", json=ADA)

    for _time in range(15):
        assert Browser(app).http.post("/api/auth/login", json=ADA).status_code == 200


def test_the_page_and_the_api_count_guesses_together(visitor: Browser) -> None:
    for _try in range(10):
        visitor.http.post("/api/auth/login", json=ADA)

    answer = visitor.submit("/login", page="/login", **ADA)

    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    assert "Retry-After" in answer.headers


def test_a_session_planted_before_the_log_in_is_worth_nothing_after(
    visitor: Browser, app: Flask
) -> None:
    visitor.http.post("/api/auth/register", json=ADA)
    victim = Browser(app)
    with victim.http.session_transaction(base_url=ORIGIN) as session:
        session["planted"] = True
        session["csrf_token"] = "known to somebody else"

    victim.http.post("/api/auth/login", json=ADA, base_url=ORIGIN)

    with victim.http.session_transaction(base_url=ORIGIN) as session:
        assert "planted" not in session
        assert session.get("csrf_token") != "known to somebody else"


def test_a_deleted_account_is_logged_out(visitor: Browser, app: Flask) -> None:
    visitor.http.post("/api/auth/register", json=ADA)
    with app.extensions["coinpurse"].database.unit_of_work() as work:
        work.execute("DELETE FROM coinpurse.users")

    assert visitor.get("/api/auth/me").status_code == 401
    assert visitor.get("/wallet").status_code == 302


def test_a_session_ends_a_month_after_the_log_in_however_much_it_is_used(
    visitor: Browser,
) -> None:
    visitor.http.post("/api/auth/register", json=ADA, base_url=ORIGIN)
    assert visitor.http.get("/api/auth/me", base_url=ORIGIN).status_code == 200
    with visitor.http.session_transaction(base_url=ORIGIN) as session:
        session["coinpurse.entered_at"] -= 31 * 24 * 3600

    assert visitor.http.get("/api/auth/me", base_url=ORIGIN).status_code == 401


def test_a_log_in_makes_a_new_session_and_a_log_out_leaves_nothing_of_it(
    visitor: Browser, app: Flask
) -> None:
    visitor.http.post("/api/auth/register", json=ADA)
    browser = Browser(app)
    before = hidden(browser.get("/login").text, "csrf_token")
    browser.http.post("/api/auth/login", json=ADA)
    within = hidden(browser.get("/").text, "csrf_token")

    def refused(token: str) -> bool:
        form = {"csrf_token": token, "currency": "usd"}
        return browser.http.post("/payment/cancel", data=form).status_code == 400

    # The token of a form is bound to its session.
    assert refused(before)
    assert not refused(within)
    browser.http.post("/api/auth/logout", json={})
    assert refused(within)
