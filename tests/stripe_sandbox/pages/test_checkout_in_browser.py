"""The hosted checkout in a real Chromium, on a phone and on a desk, in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Merchant, Sandbox

pytestmark = pytest.mark.browser

WIDTHS = (390, 1280)
LANGUAGES = ("en-US", "zh-CN")
OpenBrowser = Callable[..., Any]

# Everything that a finger may want to hit, with its size.
SMALL_TARGETS = """
() => [...document.querySelectorAll("a, button, summary, input:not([type=radio]), .method > label")]
  .filter((each) => each.checkVisibility() && !each.closest(".alert"))
  .map((each) => [each.id || each.textContent.trim(), each.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)
"""


def type_card(page: Any, number: str = "4242424242424242") -> None:
    page.get_by_test_id("email").fill("ada@example.com")
    for name, typed in (("card_number", number), ("card_expiry", "1234")):
        page.get_by_test_id(name).fill("")
        page.get_by_test_id(name).press_sequentially(typed)
    page.get_by_test_id("card_cvc").fill("123")
    page.get_by_test_id("name").fill("Ada Buyer")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_card_pays(
    sandbox: Sandbox,
    merchant: Merchant,
    open_browser: OpenBrowser,
    width: int,
    language: str,
) -> None:
    session = sandbox.create_session()
    page = open_browser(width=width, language=language)
    page.goto(session["url"])
    words = "Pay $99.99" if language == "en-US" else "支付 US$99.99"
    assert page.get_by_test_id("pay").inner_text().strip() == words
    type_card(page)
    assert page.get_by_test_id("card_number").input_value() == "4242 4242 4242 4242"
    assert page.get_by_test_id("card_expiry").input_value() == "12 / 34"
    assert page.locator("#card-brand").inner_text() == "Visa"
    page.get_by_test_id("pay").click()
    page.wait_for_url(f"{merchant.url}/paid?session_id={session['id']}")
    assert merchant.heard(session["id"]) == ["checkout.session.completed"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_bank_asks_and_the_buyer_fails_then_passes(
    sandbox: Sandbox,
    merchant: Merchant,
    open_browser: OpenBrowser,
    width: int,
    language: str,
) -> None:
    session = sandbox.create_session()
    page = open_browser(width=width, language=language)
    page.goto(session["url"])
    type_card(page, "4000000000003220")
    page.get_by_test_id("pay").click()
    page.get_by_test_id("challenge-fail").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    failed = "The authentication failed." if language == "en-US" else "身份验证未通过。"
    assert failed in alert.inner_text()
    assert sandbox.session(session["id"])["status"] == "open"

    type_card(page, "4000000000003220")
    page.get_by_test_id("pay").click()
    page.get_by_test_id("challenge-complete").click()
    page.wait_for_url(f"{merchant.url}/paid?*")
    assert sandbox.session(session["id"])["payment_status"] == "paid"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_after_a_decline_the_buyer_pays_with_another_card(
    sandbox: Sandbox,
    merchant: Merchant,
    open_browser: OpenBrowser,
    width: int,
    language: str,
) -> None:
    session = sandbox.create_session()
    page = open_browser(width=width, language=language)
    page.goto(session["url"])
    type_card(page, "4000000000000002")
    page.get_by_test_id("pay").click()
    declined = page.get_by_test_id("alert")
    declined.wait_for()
    assert declined.evaluate("each => each === document.activeElement")
    assert page.get_by_test_id("email").input_value() == "ada@example.com"
    assert page.get_by_test_id("card_cvc").input_value() == ""
    type_card(page)
    page.get_by_test_id("pay").click()
    page.wait_for_url(f"{merchant.url}/paid?*")


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_direct_debit_is_accepted(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser, width: int, scripts: bool
) -> None:
    session = sandbox.create_session(currency="eur")
    page = open_browser(width=width, scripts=scripts)
    page.goto(session["url"])
    assert not page.get_by_test_id("iban").is_visible()
    page.locator("label[for=method-sepa_debit]").click()
    assert not page.get_by_test_id("card_number").is_visible()
    page.get_by_test_id("email").fill("ada@example.com")
    page.get_by_test_id("iban").press_sequentially("at611904300234573201")
    if scripts:
        assert page.get_by_test_id("iban").input_value() == "AT61 1904 3002 3457 3201"
    page.get_by_test_id("name").fill("Ada Buyer")
    page.get_by_test_id("name").press("Enter")
    page.wait_for_url(f"{merchant.url}/paid?*")
    assert sandbox.session(session["id"])["payment_status"] == "unpaid"


@pytest.mark.parametrize("width", WIDTHS)
def test_cancel_leads_back_to_the_shop(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser, width: int
) -> None:
    session = sandbox.create_session()
    page = open_browser(width=width)
    page.goto(session["url"])
    page.get_by_test_id("cancel").click()
    page.wait_for_url(f"{merchant.url}/cancelled")
    assert sandbox.session(session["id"])["status"] == "open"


def test_it_works_without_scripts(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser
) -> None:
    page = open_browser(width=390, scripts=False)
    page.goto(sandbox.create_session()["url"])
    page.locator("summary").click()
    page.get_by_test_id("fill-4000000000003220").click()
    assert page.get_by_test_id("card_number").input_value() == "4000 0000 0000 3220"
    page.get_by_test_id("pay").click()
    page.get_by_test_id("challenge-complete").click()
    page.wait_for_url(f"{merchant.url}/paid?*")


def test_a_test_card_fills_the_form_in_place(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser
) -> None:
    page = open_browser()
    page.goto(sandbox.create_session()["url"])
    page.locator("summary").click()
    page.get_by_test_id("fill-378282246310005").click()
    assert page.get_by_test_id("card_number").input_value() == "3782 822463 10005"
    assert page.get_by_test_id("card_cvc").input_value() == "1234"
    assert page.get_by_test_id("pay").evaluate("each => each === document.activeElement")
    page.get_by_test_id("pay").click()
    page.wait_for_url(f"{merchant.url}/paid?*")


def test_the_card_number_can_be_mended_in_its_middle(
    sandbox: Sandbox, open_browser: OpenBrowser
) -> None:
    page = open_browser()
    page.goto(sandbox.create_session()["url"])
    number = page.get_by_test_id("card_number")
    number.press_sequentially("424242424242424")
    for key in ["Home", *["ArrowRight"] * 6, "Backspace", "9"]:
        number.press(key)
    assert number.input_value() == "4242 9242 4242 424"
    number.press_sequentially("1")
    assert number.input_value() == "4242 9124 2424 2424"
    for _key in range(30):
        number.press("End")
        number.press("Backspace")
    assert number.input_value() == ""


def test_full_width_digits_are_taken(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser
) -> None:
    page = open_browser(language="zh-CN")
    page.goto(sandbox.create_session()["url"])
    type_card(page, "４２４２４２４２４２４２４２４２")
    assert page.get_by_test_id("card_number").input_value() == "4242 4242 4242 4242"
    page.get_by_test_id("pay").click()
    page.wait_for_url(f"{merchant.url}/paid?*")


def test_a_double_click_pays_once(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser
) -> None:
    session = sandbox.create_session()
    page = open_browser()
    page.goto(session["url"])
    type_card(page)
    page.get_by_test_id("pay").dblclick()
    page.wait_for_url(f"{merchant.url}/paid?*")
    assert merchant.heard(session["id"]) == ["checkout.session.completed"]


def test_everything_can_be_reached_and_chosen_by_keyboard(
    sandbox: Sandbox, merchant: Merchant, open_browser: OpenBrowser
) -> None:
    page = open_browser()
    page.goto(sandbox.create_session(currency="eur")["url"])
    reached = []
    for _key in range(9):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    expected = "cancel email method-card card_number card_expiry card_cvc name pay"
    assert reached[:8] == expected.split()
    page.locator("#method-card").focus()
    page.keyboard.press("ArrowDown")
    assert page.get_by_test_id("iban").is_visible()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_nothing_is_cut_off_and_fingers_find_their_targets(
    sandbox: Sandbox, open_browser: OpenBrowser, width: int, language: str
) -> None:
    page = open_browser(width=width, language=language)
    page.goto(sandbox.create_session(currency="eur")["url"])
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SMALL_TARGETS) == []
    page.get_by_test_id("pay").click()
    page.get_by_test_id("form-errors").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for link in page.get_by_test_id("form-errors").get_by_role("link").all():
        assert page.locator(link.get_attribute("href")).is_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_dashboard_works_by_hand(
    sandbox: Sandbox, open_browser: OpenBrowser, width: int
) -> None:
    page = open_browser(width=width)
    page.goto(sandbox.url)
    names = page.locator("nav[aria-label=Dashboard] a")
    for number in range(names.count()):
        names.nth(number).click()
        page.wait_for_load_state()
        assert page.locator("h1").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(SMALL_TARGETS.replace("a, button", "nav a, button")) == []
    page.goto(f"{sandbox.url}/dashboard/faults")
    page.get_by_test_id("fault-lose").get_by_role("button").click()
    assert re.search("in force", page.get_by_test_id("done").inner_text())
    page.get_by_test_id("clear-faults").click()
    assert page.get_by_test_id("no-faults").is_visible()
