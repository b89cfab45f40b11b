"""From a forgotten password to a new one, by a real mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from coinpurse import Settings
from coinpurse.app import create_app
from coinpurse.outbox import Message
from tests.notifications.conftest import PostOffice
from tests.notifications.test_mail import parts
from tests.web.conftest import Browser, text_of

ADA = {"email": "ada@example.com", "password": "correct horse"}
NEW = "battery staple"


@pytest.fixture
def app(mail_settings: Settings) -> Iterator[Flask]:
    """The standalone store, which sends mail."""
    made = create_app(mail_settings)
    yield made
    made.extensions["coinpurse"].database.close()


def register(app: Flask, language: str = "en-US") -> Browser:
    browser = Browser(app, language)
    assert browser.http.post("/api/auth/register", json=ADA).status_code == 201
    return browser


def ask(browser: Browser, email: str = "ADA@example.com") -> str:
    answer = browser.submit("/forgot", page="/forgot", email=email)
    assert answer.status_code == 200
    return answer.text


def deliver(app: Flask) -> None:
    app.extensions["coinpurse"].notifications.deliver_due()


def messages(app: Flask) -> list[Message]:
    found = app.extensions["coinpurse"].notifications.latest(type_="password.reset_asked")
    return [message for message, _deliveries in found]


def path_in(text: str) -> str:
    """The path of the link in a mail."""
    (path,) = re.findall(r"http://127\.0\.0\.1:5000(/reset/\S+)", text)
    return str(path)


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en-US", "Choose a new password for Ada & Söhne", "Was this not you?"),
        ("zh-CN", "为你的 Ada & Söhne 账户设置新密码", "不是你本人操作？"),
    ],
)
def test_a_mail_leads_to_a_new_password_in_the_buyers_language(
    app: Flask, post_office: PostOffice, language: str, subject: str, words: str
) -> None:
    logged_in = register(app, language)
    stranger = Browser(app)
    assert 'href="/forgot"' in stranger.get("/login").text
    ask(stranger)
    assert post_office.mails == [], "nothing is sent while somebody waits for an answer"

    deliver(app)

    mail = post_office.only()
    assert (mail["To"], mail["Subject"]) == (ADA["email"], subject)
    text, html = parts(mail)
    assert words in text
    assert words in html
    path = path_in(text)
    assert f'href="http://127.0.0.1:5000{path}"' in html
    page = stranger.get(path)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert stranger.submit(path, page=path, password="short").status_code == 422

    answer = stranger.submit(path, page=path, password=NEW)

    assert (answer.status_code, answer.location) == (303, "/login")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Log in with it" in text_of(stranger.get("/login").text, "note")
    for browser in (stranger, logged_in):
        assert browser.get("/api/auth/me").status_code == 401
    entered = stranger.http.post("/api/auth/login", json={**ADA, "password": NEW})
    assert entered.status_code == 200
    used = Browser(app).get(path)
    assert used.status_code == 410
    assert "does not work any more" in text_of(used.text, "dead-link")


def test_the_token_stands_in_no_table(app: Flask, post_office: PostOffice) -> None:
    register(app)
    ask(Browser(app))
    deliver(app)
    token = path_in(parts(post_office.only())[0]).removeprefix("/reset/")

    with app.extensions["coinpurse"].database.unit_of_work() as work:
        rows = [
            str(row)
            for table in ("messages", "deliveries", "delivery_attempts", "users")
            for row in work.rows(f"TABLE coinpurse.{table}")
        ]

    assert len(rows) == 4
    for part in (token, token.split(".")[-1]):
        assert not any(part in row for row in rows)


def test_the_answer_and_the_work_are_the_same_with_and_without_an_account(
    app: Flask, post_office: PostOffice
) -> None:
    register(app)

    known, unknown = (
        ask(Browser(app), email).replace(email, "…") for email in (ADA["email"], "eve@example.com")
    )

    token = re.compile(r'name="csrf_token" value="[^"]*"')
    assert token.sub("", known) == token.sub("", unknown)
    # The same statements, and a commit to wait for in both cases.
    assert len(messages(app)) == 2
    deliver(app)
    assert [mail["To"] for mail in post_office.mails] == [ADA["email"]]


def test_a_mail_goes_to_the_account_and_never_to_where_a_payment_came_from(
    app: Flask, post_office: PostOffice
) -> None:
    ada = register(app)
    session_id = ada.buy()
    purse = app.extensions["coinpurse"]
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET buyer_email = 'payer@example.com'")
    assert session_id
    ask(Browser(app))

    deliver(app)

    assert post_office.only()["To"] == ADA["email"]


def test_no_endpoint_hears_of_it(app: Flask) -> None:
    register(app)
    purse = app.extensions["coinpurse"]
    with purse.database.unit_of_work() as work:
        purse.services.webhook_endpoints.add(work, "https://hooks.example.com/all")
    ask(Browser(app))

    purse.notifications.fan_out()

    ((_message, deliveries),) = purse.notifications.latest(type_="password.reset_asked")
    assert [each.channel for each in deliveries] == ["mail"]


def test_a_mail_that_was_held_up_for_longer_than_its_link_would_work_is_not_sent(
    app: Flask, post_office: PostOffice
) -> None:
    register(app)
    ask(Browser(app))
    with app.extensions["coinpurse"].database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.messages SET created_at = now() - %(age)s", age=timedelta(minutes=61)
        )

    deliver(app)

    assert post_office.mails == []
    ((_message, (delivery,)),) = app.extensions["coinpurse"].notifications.latest(
        type_="password.reset_asked"
    )
    assert (delivery.state, delivery.last_error) == ("dead", "it was asked for too long ago")


def test_asking_is_limited_for_each_account_whether_there_is_one_or_not(app: Flask) -> None:
    register(app)

    for email in (ADA["email"], "eve@example.com"):
        statuses = []
        for number in range(6):
            browser = Browser(app)
            browser.http.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
            asked = browser.submit("/forgot", page="/forgot", email=email)
            statuses.append(asked.status_code)
        assert statuses == [200] * 5 + [429]
    assert len(messages(app)) == 10


def test_what_is_no_address_is_told_at_the_field(app: Flask) -> None:
    answer = Browser(app).submit("/forgot", page="/forgot", email="ada")

    assert answer.status_code == 422
    assert "such as name@example.com" in text_of(answer.text, "email-error")
