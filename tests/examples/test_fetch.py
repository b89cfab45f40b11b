"""The example front end in a real browser: nothing but the JSON API, under a strict policy."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from coinpurse.testing import StripeSandbox
from tests.examples.conftest import load_example

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(coinpurse_config: dict[str, object]) -> Iterator[tuple[Flask, str]]:
    """The example, served on a free port."""
    server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)
    url = f"http://127.0.0.1:{server.server_port}"
    app = load_example("fetch").create_app({**coinpurse_config, "COINPURSE_BASE_URL": url})
    server.app = app
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield app, url
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["coinpurse"].database.close()


@pytest.fixture
def page(chromium: Browser, shop: tuple[Flask, str]) -> Iterator[Page]:
    """A phone on the shop; what the browser complains about, the policy above all, fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(
        base_url=shop[1], viewport={"width": 390, "height": 844}, locale="en-US"
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    assert complaints == []


def test_buying_follows_the_payment_until_the_coins_are_there(
    shop: tuple[Flask, str], page: Page, stripe_sandbox: StripeSandbox
) -> None:
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    expect(page.locator(".best:visible")).to_have_count(1)
    page.get_by_label("Pay in").select_option("jpy")
    expect(page.locator("[data-sku=chest]")).to_contain_text("¥")
    page.get_by_label("Pay in").select_option("usd")

    page.locator("[data-sku=chest]").click()
    page.wait_for_url("**/c/pay/**")
    for field, value in {
        "email": "ada@example.com",
        "card_number": "4242 4242 4242 4242",
        "card_expiry": "12 / 34",
        "card_cvc": "123",
        "name": "Ada Buyer",
    }.items():
        page.locator(f"#{field}").fill(value)
    page.get_by_test_id("pay").click()
    page.wait_for_url(re.compile(r"/\?session_id=cs_"))
    stripe_sandbox.deliver(shop[0])

    expect(page.locator("#notice")).to_have_text("1,200 coins have arrived.")
    expect(page.locator("#balance")).to_have_text("1,200")
    expect(page.locator("#history li")).to_contain_text("Bought")


def test_turning_back_at_stripe_is_told_plainly(page: Page) -> None:
    page.goto("/?cancelled=1")

    expect(page.locator("#notice")).to_contain_text("Nothing was charged")
    expect(page.locator("#balance")).to_have_text("0")
