"""The page of one's own account, and what a visitor without a mail server finds."""

from __future__ import annotations

from flask import Flask

from tests.web.conftest import ORIGIN, Browser, text_of

ADA = {"email": "ada@example.com", "password": "correct horse"}
NEW = "battery staple"


def log_in(app: Flask) -> Browser:
    browser = Browser(app)
    assert browser.http.post("/api/auth/login", json=ADA).status_code == 200
    return browser


def register(visitor: Browser) -> Browser:
    assert visitor.http.post("/api/auth/register", json=ADA).status_code == 201
    return visitor


def is_logged_in(browser: Browser) -> bool:
    return browser.get("/api/auth/me").status_code == 200


def cookie_of(browser: Browser) -> str:
    found = browser.http.get_cookie("coinpurse_session", domain="localhost")
    assert found is not None
    return found.value


def stolen(app: Flask, cookie: str) -> Browser:
    """Somebody else's browser with a copy of the cookie."""
    thief = Browser(app)
    thief.http.set_cookie("coinpurse_session", cookie, domain="localhost")
    return thief


def test_a_changed_password_ends_copied_cookies_and_keeps_this_session(
    visitor: Browser, app: Flask
) -> None:
    register(visitor)
    elsewhere = log_in(app)
    thief = stolen(app, cookie_of(visitor))
    assert is_logged_in(elsewhere)
    assert is_logged_in(thief)

    answer = visitor.submit("/account", page="/account", current=ADA["password"], password=NEW)

    assert (answer.status_code, answer.location) == (303, "/account")
    shown = visitor.get("/account").text
    assert text_of(shown, "account-email") == ADA["email"]
    assert "is changed" in text_of(shown, "note")
    assert 'data-testid="note"' not in visitor.get("/account").text
    assert not is_logged_in(elsewhere)
    assert not is_logged_in(thief)
    old = Browser(app).http.post("/api/auth/login", json=ADA)
    new = Browser(app).http.post("/api/auth/login", json={**ADA, "password": NEW})
    assert (old.status_code, new.status_code) == (401, 200)


def test_logging_out_everywhere_ends_every_session(visitor: Browser, app: Flask) -> None:
    register(visitor)
    elsewhere = log_in(app)

    answer = visitor.submit("/account/sessions", page="/account")

    assert (answer.status_code, answer.location) == (303, "/login")
    assert "logged out everywhere" in text_of(visitor.get("/login").text, "note")
    assert not is_logged_in(visitor)
    assert not is_logged_in(elsewhere)
    assert is_logged_in(log_in(app))


def test_a_cookie_from_before_there_were_versions_is_good_until_sessions_are_ended(
    visitor: Browser,
) -> None:
    register(visitor)
    with visitor.http.session_transaction(base_url=ORIGIN) as session:
        session.clear()
    visitor.http.post("/api/auth/login", json=ADA, base_url=ORIGIN)
    with visitor.http.session_transaction(base_url=ORIGIN) as session:
        del session["coinpurse.session_version"]

    def status() -> int:
        return visitor.http.get("/api/auth/me", base_url=ORIGIN).status_code

    assert status() == 200
    with visitor.http.application.extensions["coinpurse"].database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.users SET session_version = session_version + 1")
    assert status() == 401


def test_mistakes_are_shown_at_their_fields_and_change_nothing(
    visitor: Browser, app: Flask
) -> None:
    register(visitor)

    wrong = visitor.submit("/account", page="/account", current="wrong horse", password=NEW)
    short = visitor.submit("/account", page="/account", current=ADA["password"], password="short")

    assert wrong.status_code == 401
    assert "not your current password" in text_of(wrong.text, "current-error")
    assert short.status_code == 422
    assert "8 characters or more" in text_of(short.text, "password-error")
    assert is_logged_in(visitor)
    assert is_logged_in(log_in(app))


def test_wrong_current_passwords_count_as_guesses_at_the_account(
    visitor: Browser, app: Flask
) -> None:
    register(visitor)

    for number in range(30):
        visitor.http.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        answer = visitor.submit("/account", page="/account", current="guess", password=NEW)
        assert answer.status_code == 401
    visitor.http.environ_base["REMOTE_ADDR"] = "198.51.100.99"
    answer = visitor.submit("/account", page="/account", current="guess", password=NEW)

    assert answer.status_code == 429
    elsewhere = Browser(app).http.post("/api/auth/login", json=ADA)
    assert elsewhere.status_code == 429


def test_strangers_and_forms_of_elsewhere_change_nothing(visitor: Browser, app: Flask) -> None:
    assert visitor.get("/account").location.startswith("/login?next=%2Faccount")
    answer = visitor.submit("/account", page="/login", current=ADA["password"], password=NEW)
    assert (answer.status_code, answer.location) == (303, "/login?next=/account")
    register(visitor)

    for path, form in (
        ("/account", {"current": ADA["password"], "password": NEW}),
        ("/account/sessions", {}),
    ):
        forged = visitor.http.post(path, data={**form, "csrf_token": "forged"})
        assert forged.status_code == 400
    assert is_logged_in(visitor)
    assert is_logged_in(log_in(app))


def test_without_a_mail_server_it_is_said_who_can_help(visitor: Browser, app: Flask) -> None:
    assert "/forgot" not in visitor.get("/login").text

    asked = visitor.submit("/forgot", page="/login", email=ADA["email"])

    for answer in (visitor.get("/forgot"), asked):
        assert answer.status_code == 200
        assert "Ask the people who run Coinpurse" in text_of(answer.text, "no-mail")
        assert 'name="email"' not in answer.text
    with app.extensions["coinpurse"].database.unit_of_work() as work:
        assert work.rows("SELECT FROM coinpurse.messages") == []
