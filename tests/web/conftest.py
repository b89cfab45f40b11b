"""The standalone store in this process, and browsers for it that keep cookies."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from coinpurse.app import create_app
from coinpurse.settings import Settings

ORIGIN = "http://127.0.0.1:5000"


class Browser:
    """A visitor of the standalone store who clicks what the pages offer."""

    def __init__(self, app: Flask, language: str = "en-US") -> None:
        self.http: FlaskClient = app.test_client()
        self.http.environ_base["HTTP_ORIGIN"] = ORIGIN
        self.http.environ_base["HTTP_ACCEPT_LANGUAGE"] = language
        self.user_id = ""

    def get(self, path: str) -> TestResponse:
        """Open an address; redirects are not followed."""
        return self.http.get(path, buffered=True)

    def register(self, email: str = "ada@example.com") -> Browser:
        """Make an account by the API, which logs in."""
        body = {"email": email, "password": secrets.token_hex(8)}
        answer = self.http.post("/api/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        self.user_id = answer.json["user_id"]
        return self

    def submit(self, path: str, page: str = "/", **fields: str) -> TestResponse:
        """Send a form as it stands on a page of ours, with that page's token."""
        token = hidden(self.get(page).text, "csrf_token")
        return self.http.post(path, data={"csrf_token": token, **fields})

    def buy(self, sku: str = "chest", currency: str = "usd") -> str:
        """Click on a pack and return the checkout session that it leads to."""
        answer = self.submit(f"/buy/{sku}", currency=currency)
        assert answer.status_code == 303, answer.text
        return session_of(answer)


def hidden(html: str, name: str) -> str:
    """The value of a page's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, f"no field {name}"
    return found.group(1)


def session_of(answer: TestResponse) -> str:
    """The checkout session that a redirect leads to."""
    return re.split("[?#]", answer.location)[0].rsplit("/", 1)[1]


def text_of(html: str, hook: str) -> str:
    """What stands in the element with this test hook, without its tags."""
    found = re.search(rf'<(\w+)[^>]*data-testid="{hook}"[^>]*>(.*?)</\1>', html, re.S)
    assert found is not None, f"nothing has the hook {hook}"
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(2)).split())


def stage_shown(html: str) -> str:
    """The stage that the payment's page shows."""
    found = re.search(r'data-stage="(\w+)"', html)
    assert found is not None, "this is not a payment's page"
    return found.group(1)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The standalone store."""
    made = create_app(settings)
    yield made
    made.extensions["coinpurse"].database.close()


@pytest.fixture
def visitor(app: Flask) -> Browser:
    """Somebody without an account."""
    return Browser(app)


@pytest.fixture
def ada(app: Flask) -> Browser:
    """Somebody who is logged in."""
    return Browser(app).register()
