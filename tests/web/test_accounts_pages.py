"""The pages to log in, register and log out."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.web.conftest import Browser, text_of

ADA = {"email": "ada@example.com", "password": "correct horse"}


def test_registering_leads_back_to_where_the_visitor_was(visitor: Browser) -> None:
    answer = visitor.submit("/register", page="/register", next="/buy/chest", **ADA)

    assert (answer.status_code, answer.location) == (303, "/buy/chest")
    assert text_of(visitor.get("/").text, "balance") == "0"


def test_logging_in_and_out(visitor: Browser, app: Flask) -> None:
    visitor.submit("/register", page="/register", **ADA)
    browser = Browser(app)

    assert browser.submit("/login", page="/login", **ADA).location == "/"
    assert 'data-testid="log-out"' in browser.get("/").text
    assert browser.submit("/logout").location == "/"
    assert 'data-testid="log-in-link"' in browser.get("/").text


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_a_log_in_never_leads_to_another_site(visitor: Browser, target: str) -> None:
    answer = visitor.submit("/register", page="/register", next=target, **ADA)

    assert answer.location == "/"


@pytest.mark.parametrize(
    ("fields", "status", "hook", "words"),
    [
        ({"email": "ada"}, 422, "email-error", "such as name@example.com"),
        ({"password": "short"}, 422, "password-error", "8 characters or more"),
        ({"email": "taken@example.com"}, 409, "email-error", "Log in instead"),
    ],
)
def test_a_mistake_is_shown_at_its_field_and_the_rest_is_kept(
    visitor: Browser, app: Flask, fields: dict[str, str], status: int, hook: str, words: str
) -> None:
    Browser(app).register("taken@example.com")
    sent = {**ADA, **fields}

    answer = visitor.submit("/register", page="/register", next="/wallet", **sent)

    assert answer.status_code == status
    assert words in text_of(answer.text, hook)
    assert f'value="{sent["email"]}"' in answer.text
    assert sent["password"] not in answer.text
    assert 'name="next" value="/wallet"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "<title>Error: " in answer.text


def test_a_wrong_password_is_told_above_the_form(visitor: Browser) -> None:
    answer = visitor.submit("/login", page="/login", **ADA)

    assert answer.status_code == 401
    assert "or the password is wrong" in text_of(answer.text, "form-error")


def test_those_who_are_logged_in_are_not_asked_again(ada: Browser) -> None:
    assert ada.get("/login?next=/wallet").location == "/wallet"
    assert ada.get("/register").location == "/"


def test_a_form_of_another_session_is_refused(visitor: Browser, app: Flask) -> None:
    visitor.get("/register")
    other = Browser(app)
    other.get("/register")

    answer = other.http.post("/register", data={**ADA, "csrf_token": "forged"})

    assert answer.status_code == 400


def test_what_the_visitor_typed_is_text_and_never_markup(visitor: Browser) -> None:
    answer = visitor.submit(
        "/login", page="/login", email='"><script>', password="x", next='/"><script>'
    )

    assert "<script>" not in answer.text
