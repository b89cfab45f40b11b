"""What keeps one visitor's things from others: caches, frames, hosts' pages, paths, methods, forms of odd shapes."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from coinpurse import Coinpurse
from coinpurse.app import create_app
from coinpurse.settings import Settings
from tests.web.conftest import Browser, hidden

HEADERS = (
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "Referrer-Policy",
)
# Where a page, a file or an answer is the same for everybody.
SHARED = ("/api/docs", "/api/openapi.json")


def addresses(app: Flask) -> list[str]:
    """One address of every route that can be read."""
    return [
        re.sub("<[^>]*>", "x", rule.rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
    ]


def test_every_answer_has_the_headers_and_is_kept_by_nobody(app: Flask, ada: Browser) -> None:
    office = app.extensions["coinpurse"].back_office
    office.grant_role(ada.user_id, "owner", actor="cli:test")

    for path in [*addresses(app), "/nothing", "/api/nothing", "/wallet?before=x"]:
        for browser in (ada, Browser(app)):
            answer = browser.get(path)
            missing = [name for name in HEADERS if name not in answer.headers]
            assert not missing, (path, answer.status_code)
            kept = answer.headers["Cache-Control"]
            if not path.startswith(SHARED) and answer.status_code < 300 and browser is ada:
                assert "no-store" in kept, path
            # A cache that many share keeps nothing that carries somebody's session.
            assert "public" not in kept or "Set-Cookie" not in answer.headers, path


def test_a_file_is_shared_only_where_it_carries_no_session(ada: Browser, visitor: Browser) -> None:
    path = re.findall(r'href="(/assets/store.css[^"]+)"', ada.get("/").text)[0]

    of_ada, of_nobody = ada.get(path), Browser(visitor.http.application).get(path)

    assert of_ada.headers["Cache-Control"].startswith("private, ")
    assert of_nobody.headers["Cache-Control"].startswith("public, ")
    assert "Set-Cookie" not in of_nobody.headers


def test_pages_and_wallets_are_protected_in_a_host_too(buyer: FlaskClient) -> None:
    page = buyer.get("/coins/wallet").headers
    wallet = buyer.get("/api/wallet").headers
    history = buyer.get("/api/payment/history").headers

    assert (page["X-Frame-Options"], page["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert {page["Cache-Control"], wallet["Cache-Control"], history["Cache-Control"]} == {
        "no-store"
    }


@pytest.mark.parametrize("root", ["/assets/", "/admin/assets/"])
@pytest.mark.parametrize(
    "name",
    [
        "../templates/coinpurse/packs.html",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "..%5capp.py",
        "....//app.py",
        "/etc/passwd",
        "%00store.css",
        "store.css%00.txt",
        "x" * 5000,
    ],
)
def test_no_file_outside_of_ours_is_served(ada: Browser, root: str, name: str) -> None:
    answer = ada.get(root + name)

    # An address that is written with two slashes leads to the same with one.
    assert answer.status_code in (404, 308), answer.status_code
    assert "import" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"X-HTTP-Method-Override": "POST"}, {"X-HTTP-Method": "POST"}, {"X-Method-Override": "POST"}],
)
def test_no_header_and_no_field_changes_the_method(ada: Browser, headers: dict[str, str]) -> None:
    token = hidden(ada.get("/").text, "csrf_token")

    ada.http.get(f"/logout?_method=POST&csrf_token={token}", headers=headers)

    assert ada.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:5000", "127.0.0.1@evil.example"])
def test_the_host_header_gets_into_no_address_and_no_page(ada: Browser, host: str) -> None:
    for path in ("/", "/login?next=/wallet", "/buy/chest", "/nothing", "/api/docs", "/wallet"):
        answer = Browser(ada.http.application).http.get(path, headers={"Host": host}, buffered=True)
        assert "evil" not in answer.headers.get("Location", ""), path
        assert "evil" not in answer.text, path
    token = hidden(ada.get("/").text, "csrf_token")
    bought = ada.http.post(
        "/buy/chest",
        data={"csrf_token": token, "currency": "usd"},
        headers={"X-Forwarded-Host": "evil.example"},
    )
    purse = ada.http.application.extensions["coinpurse"]
    (payment,) = purse.payments(ada.user_id)
    assert bought.status_code == 303
    assert "evil" not in bought.location
    assert "evil" not in payment.checkout_url


def test_forms_of_odd_shapes_are_refused_and_never_an_error_of_ours(ada: Browser) -> None:
    token = hidden(ada.get("/").text, "csrf_token")
    many = "&".join(f"f{number}=1" for number in range(2000))
    part = 'Content-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    bodies = [
        ("multipart/form-data; boundary=b", "--b\r\n" + "--b\r\n".join([part] * 2000) + "--b--"),
        ("multipart/form-data; boundary=b", "--b\r\n" + 'Content-Disposition: form-data; name="a'),
        ("multipart/form-data", "--b\r\n"),
        ("multipart/form-data; boundary=b", f"--b\r\n{part[:-3]}{'x' * 600_000}\r\n--b--"),
        ("application/x-www-form-urlencoded", many),
        ("application/x-www-form-urlencoded", "csrf_token=%ff%fe&email=%00&password=%"),
        ("application/x-www-form-urlencoded; charset=utf-7", "email=+AD4-"),
        ("text/plain", f"csrf_token={token}"),
    ]

    for path in (
        "/login",
        "/register",
        "/account",
        "/forgot",
        "/reset/x",
        "/buy/chest",
        "/payment/cancel",
        "/logout",
    ):
        for mime, body in bodies:
            answer = ada.http.post(path, data=body, content_type=mime)
            assert 400 <= answer.status_code < 500, (path, mime, body[:60])
    assert ada.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize(
    "number",
    [
        "１２",
        "1e3",
        "1_0",
        "+1",
        " 1",
        "0x1",
        "1.0",
        "-1",
        "9" * 20,
        "9" * 5000,
        "NaN",
        "٣",
        "1\n",
        "",
    ],
)
def test_a_number_in_an_address_is_plain_digits(ada: Browser, number: str) -> None:
    for path in ("/api/wallet/transactions", "/api/payment/history"):
        answer = ada.http.get(path, query_string={"limit": number})
        assert answer.status_code == (200 if number == "" else 422), path


@pytest.mark.parametrize(
    "figures",
    [
        '"price_usd": NaN',
        '"price_usd": Infinity',
        '"price_usd": -0.01',
        '"price_usd": "99.99"',
        '"price_usd": 1e400',
        '"price_usd": 1e999999999999',
        '"price_usd": 99.990000000000000000001',
        '"price_usd": true',
        '"coins": 1000.0, "price_usd": 99.99',
        f'"coins": {"9" * 5000}, "price_usd": 99.99',
        '"coins": 99999999999999999999, "price_usd": 99.99',
        '"coins": "１０００", "price_usd": 99.99',
        '"coins": 1000, "coins": 1, "price_usd": 99.99',
        '"x": ' + "[" * 100_000 + "]" * 100_000,
        '"x": ' + '{"a":' * 50_000,
    ],
)
def test_odd_figures_are_refused_and_open_nothing(ada: Browser, figures: str) -> None:
    body = f'{{"coins": 1000, "bonus": 200, {figures}}}'
    if figures.startswith('"coins"'):
        body = f'{{"bonus": 200, {figures}}}'

    answer = ada.http.post(
        "/api/payment/create-checkout-session", data=body, content_type="application/json"
    )

    assert answer.status_code in (400, 422), answer.text
    assert ada.get("/api/payment/history").json["payments"] == []


def test_a_name_that_looks_like_another_is_another(purse: Coinpurse) -> None:
    composed, decomposed = "z\u00e9", "ze\u0301"
    purse.credit(composed, 5, kind="bonus", source="test", key="k")

    assert (purse.wallet(composed).balance, purse.wallet(decomposed).balance) == (5, 0)


def test_a_page_never_shows_what_it_broke_over(settings: Settings) -> None:
    app = create_app(settings)
    app.config["TESTING"] = False
    secret = settings.require_stripe_key()

    @app.get("/api/broken")
    def broken() -> str:
        raise RuntimeError(secret)

    answer = Browser(app).get("/api/broken")

    assert (app.debug, answer.status_code) == (False, 500)
    assert secret not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    app.extensions["coinpurse"].database.close()


def test_the_store_lets_no_statement_run_for_ever(app: Flask, purse: Coinpurse) -> None:
    def limits(of: Coinpurse) -> list[str]:
        with of.database.connection() as connection:
            return [
                connection.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
                for name in ("statement_timeout", "lock_timeout")
            ]

    assert limits(app.extensions["coinpurse"]) == ["1min", "15s"]
    # Commands verify whole ledgers.
    assert limits(purse) == ["0", "15s"]
