"""Buying coins as a buyer does: in a real browser, on the store's and the hosted payment page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.conftest import Sandbox, Store
from tests.e2e.conftest import DESKTOP, PHONE, OpenPage

pytestmark = pytest.mark.browser

WORKS = "4242 4242 4242 4242"
ASKS_FOR_3D_SECURE = "4000 0000 0000 3220"
HAS_NO_FUNDS = "4000 0000 0000 9995"
SETTLES_LATER = "AT321904300235473204"


def register(page: Page, email: str = "ada@example.com") -> None:
    page.goto("/register")
    page.get_by_label(re.compile("E-mail|邮箱")).fill(email)
    page.get_by_label(re.compile("Password|密码")).fill("correct horse")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("balance")).to_have_text("0")


def choose(page: Page, sku: str) -> None:
    page.get_by_test_id(f"buy-{sku}").click()
    page.wait_for_url("**/c/pay/**")


def pay_by_card(page: Page, number: str) -> None:
    page.locator("#email").fill("ada@example.com")
    page.locator("#card_number").fill(number)
    page.locator("#card_expiry").fill("12 / 34")
    page.locator("#card_cvc").fill("123")
    page.locator("#name").fill("Ada Buyer")
    page.get_by_test_id("pay").click()


def expect_coins(page: Page, total: str) -> None:
    page.wait_for_url("**/payment/success?session_id=cs_**")
    expect(page.get_by_test_id("coins-added")).to_have_text(f"+{total}")
    expect(page.get_by_test_id("new-balance")).to_have_text(total)
    expect(page.get_by_test_id("balance")).to_have_text(total)


def expect_no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_register_buy_pay_and_see_the_coins(open_page: OpenPage, viewport: dict[str, int]) -> None:
    page = open_page(viewport)
    page.goto("/")
    expect_no_sideways_scrolling(page)
    # A visitor picks a pack first and is led through the account back to it.
    page.get_by_test_id("buy-chest").click()
    page.get_by_test_id("register-link").click()
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("pack-chest")).to_be_in_viewport()

    choose(page, "chest")
    expect(page.get_by_text("1000 Coins").first).to_be_visible()
    pay_by_card(page, WORKS)

    expect_coins(page, "1,200")
    expect_no_sideways_scrolling(page)
    page.get_by_test_id("to-wallet").click()
    expect(page.get_by_test_id("wallet-balance")).to_have_text("1,200")
    expect(page.get_by_test_id("wallet-paid")).to_have_text("1,000")
    expect(page.get_by_test_id("wallet-bonus")).to_have_text("200")
    expect(page.get_by_test_id("transaction")).to_contain_text("Purchase · $99.99")
    expect_no_sideways_scrolling(page)


def test_3d_secure_is_passed_on_the_way(open_page: OpenPage) -> None:
    page = open_page()
    register(page)
    choose(page, "pouch")
    pay_by_card(page, ASKS_FOR_3D_SECURE)

    page.get_by_test_id("challenge-complete").click()

    expect_coins(page, "100")


def test_a_declined_card_is_followed_by_another_in_the_same_checkout(
    open_page: OpenPage, eventually: Callable[..., Any]
) -> None:
    page = open_page()
    register(page)
    choose(page, "pouch")
    checkout = page.url
    pay_by_card(page, HAS_NO_FUNDS)
    expect(page.get_by_test_id("alert")).to_be_visible()

    # The buyer goes back to the store, reads why, and takes the open order up again.
    def reads_why() -> bool:
        page.goto("/payment/cancel")
        return page.get_by_test_id("why-declined").is_visible()

    eventually(reads_why)
    expect(page.get_by_test_id("why-declined")).to_contain_text("enough money")
    page.get_by_test_id("resume").click()
    assert page.url == checkout
    pay_by_card(page, WORKS)

    expect_coins(page, "100")


def test_a_bank_debit_that_settles_later_reaches_the_open_page(
    open_page: OpenPage, sandbox: Sandbox, running_store: Store
) -> None:
    page = open_page(locale="de-DE")
    register(page)
    choose(page, "chest")
    session_id = page.url.split("?")[0].rsplit("/", 1)[1]
    sandbox.post("clock/freeze")
    try:
        page.locator("label[for=method-sepa_debit]").click()
        page.locator("#email").fill("ada@example.com")
        page.locator("#iban").fill(SETTLES_LATER)
        page.locator("#name").fill("Ada Buyer")
        page.get_by_test_id("pay").click()
        expect(page.get_by_test_id("stage-title")).to_have_text("Your payment is on its way")
        expect(page.get_by_test_id("balance")).to_have_text("0")

        sandbox.post(f"payment_intents/{intent_of(running_store, sandbox, session_id)}/settle")

        # Nobody reloads: the page itself asks.
        expect(page.get_by_test_id("stage-title")).to_have_text("Your coins are here")
        expect(page.get_by_test_id("balance")).to_have_text("1.200")
    finally:
        sandbox.post("clock/run")


def intent_of(store: Store, sandbox: Sandbox, session_id: str) -> str:
    found = requests.get(
        f"{sandbox.url}/v1/checkout/sessions/{session_id}",
        auth=(store.settings.require_stripe_key(), ""),
        timeout=30,
    )
    return str(found.json()["payment_intent"])


def test_the_page_follows_a_payment_made_in_another_tab(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    page = open_page()
    register(page)
    choose(page, "purse")
    session_id = page.url.split("?")[0].rsplit("/", 1)[1]
    page.goto(f"/payment/success?session_id={session_id}")
    expect(page.get_by_test_id("stage-title")).to_have_text("Confirming your payment")

    sandbox.pay(session_id)

    expect(page.get_by_test_id("coins-added")).to_have_text("+275")
    # Screen readers hear the new words from a region that was there before.
    expect(page.get_by_role("status")).to_contain_text("Your coins are here")
    expect(page.get_by_test_id("balance")).to_have_text("275")


def test_buying_in_chinese(open_page: OpenPage) -> None:
    page = open_page(locale="zh-CN")
    register(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("购买金币")
    expect(page.get_by_test_id("buy-chest")).to_contain_text("¥698.00")
    choose(page, "chest")
    expect(page.locator("html")).to_have_attribute("lang", re.compile("zh"))
    pay_by_card(page, WORKS)

    page.wait_for_url("**/payment/success?session_id=cs_**")
    expect(page.get_by_test_id("stage-title")).to_have_text("金币已到账")
    expect(page.get_by_test_id("coins-added")).to_have_text("+1,200")


def test_buying_without_javascript(open_page: OpenPage) -> None:
    page = open_page(java_script_enabled=False)
    register(page)
    page.get_by_test_id("currency-menu").locator("summary").click()
    page.get_by_test_id("currency-gbp").click()
    expect(page.get_by_test_id("buy-pouch")).to_contain_text("£7.99")
    choose(page, "pouch")
    pay_by_card(page, WORKS)

    page.wait_for_url("**/payment/success?session_id=cs_**")
    expect(page.get_by_test_id("coins-added")).to_have_text("+100")


def test_the_keyboard_alone_buys(open_page: OpenPage) -> None:
    page = open_page(DESKTOP)
    register(page)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # The currencies.
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("currency-eur")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("currency-eur")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("buy-starter")).to_be_focused()

    page.keyboard.press("Enter")

    page.wait_for_url("**/c/pay/**")


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN", "ja-JP"])
def test_no_page_scrolls_sideways_and_targets_are_large_enough(
    open_page: OpenPage, width: int, locale: str
) -> None:
    page = open_page({"width": width, "height": 800}, locale)
    register(page)

    for path in ("/", "/wallet", "/account", "/forgot", "/payment/cancel", "/nothing"):
        page.goto(path)
        expect_no_sideways_scrolling(page)
        small = page.evaluate(
            """[...document.querySelectorAll('main a, main button, header a, header button, footer a')]
                 .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44)
                 .map((each) => each.outerHTML)"""
        )
        assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_page: OpenPage, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    register(page)

    for path in ("/", "/wallet", "/payment/cancel"):
        page.goto(path)
        assert page.evaluate(FAINT_TEXTS) == []


# Texts below the contrast that WCAG 2.2 AA asks of their size, with their ratio.
FAINT_TEXTS = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = numbers(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('noscript, .hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(numbers(style.color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5)) faint.push(`${element.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
