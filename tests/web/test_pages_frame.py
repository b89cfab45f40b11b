"""What holds for every page: headers, size, no other host, and refusals in words."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask

from coinpurse.app import create_app
from coinpurse.settings import Settings
from tests.web.conftest import Browser

PAGES = [
    *("/", "/login", "/register", "/wallet", "/payment/cancel", "/nothing-here"),
    *("/account", "/forgot", "/reset/no-link-of-ours"),
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_forbids_framing_and_foreign_code(ada: Browser, path: str) -> None:
    headers = ada.get(path).headers

    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_code_or_asks_another_host(ada: Browser, path: str) -> None:
    html = ada.get(path).text

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', html):
        assert re.match(r"#|/(?!/)", address), address


def test_a_page_with_all_its_files_is_below_100_kilobytes(ada: Browser) -> None:
    html = ada.get("/").text
    files = re.findall(r'(?:src|href)="(/assets/[^"]+)"', html)

    size = len(html.encode()) + sum(len(ada.get(path).data) for path in files)

    assert files
    assert size < 100_000
    assert len(gzip.compress(html.encode())) < 10_000


def test_files_may_be_kept_for_good_because_their_address_changes(visitor: Browser) -> None:
    path = re.findall(r'href="(/assets/store.css[^"]+)"', visitor.get("/").text)[0]

    assert "immutable" in visitor.get(path).headers["Cache-Control"]
    assert "immutable" not in visitor.get("/assets/store.css").headers.get("Cache-Control", "")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nothing-here", 404, "There is nothing here"),
        ("POST", "/wallet", 405, "works differently"),
        ("GET", "/logout", 405, "works differently"),
        ("POST", "/login", 400, "open for too long"),
    ],
)
def test_a_refusal_is_a_page_in_words(
    visitor: Browser, method: str, path: str, status: int, words: str
) -> None:
    answer = visitor.http.open(path, method=method)

    assert answer.status_code == status
    assert words in answer.text


def test_a_refusal_keeps_its_headers(visitor: Browser) -> None:
    assert "GET" in visitor.http.post("/wallet").headers["Allow"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(visitor: Browser) -> None:
    large = {"email": "x" * 2_000_000}

    assert visitor.http.post("/login", data=large).status_code == 413
    answer = visitor.http.post("/api/auth/login", json=large)
    assert answer.status_code == 413
    assert answer.json["code"] == "too_large"


def test_an_unknown_address_of_the_api_answers_in_json(visitor: Browser) -> None:
    answer = visitor.get("/api/nothing")

    assert answer.status_code == 404
    assert set(answer.json) == {"error", "code"}


def test_an_error_of_ours_is_a_page_that_tells_no_details(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("secret detail")

    answer = Browser(app).get("/broken")

    assert answer.status_code == 500
    assert "broke on our side" in answer.text
    assert "secret" not in answer.text
    app.extensions["coinpurse"].database.close()


def test_a_database_that_is_gone_is_told_in_words(settings: Settings, app: Flask) -> None:
    purse = app.extensions["coinpurse"]
    ada = Browser(app).register()
    purse.database.close()
    purse.database.conninfo = "postgresql://127.0.0.1:1/none?connect_timeout=1"

    answer = ada.get("/wallet")

    assert answer.status_code == 503
    assert "The store is busy" in answer.text


def test_cookies_are_fit_for_https_where_the_store_is(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"base_url": "https://coins.example.com"}))

    answer = Browser(app).get("/?language=zh")

    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 2
    assert all(
        "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Lax" in cookie
        for cookie in cookies
    )
    assert any(cookie.startswith("__Host-") for cookie in cookies)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    app.extensions["coinpurse"].database.close()
