"""The back office as its people use it: each job of an operator, in a real browser, on a phone and a desktop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from coinpurse import Coinpurse
from coinpurse.purchases import Payment
from tests.conftest import Sandbox, Store
from tests.e2e.conftest import DESKTOP, PHONE, OpenPage
from tests.e2e.test_purchase_in_browser import FAINT_TEXTS, expect_no_sideways_scrolling

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
# What axe-core calls so keeps somebody from using the page.
BARRIERS = ("serious", "critical")
EMAIL, PASSWORD = "olga@store.example", "correct horse battery"
SIZES = pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])


@dataclass
class Office:
    """A store with a sale, and what its operator's tests look at. The buyer has spent 400 of 1200 coins.

    stranger: somebody who was given a few coins, with long words.
    """

    purse: Coinpurse
    payment: Payment
    stranger: str

    @property
    def buyer(self) -> str:
        """The buyer's user id."""
        return self.payment.user_id


@pytest.fixture
def axe() -> str:
    """The accessibility checker's code."""
    if not AXE.exists():
        pytest.skip("no axe-core: make axe")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def office(running_store: Store, sandbox: Sandbox) -> Iterator[Office]:
    """The store after a purchase, with an owner who can log in and an event that was given up."""
    ada = running_store.customer("ada@example.com")
    order = {"pack": "chest", "currency": "usd"}
    started = ada.post(
        f"{running_store.url}/api/payment/create-checkout-session", json=order, timeout=30
    )
    started.raise_for_status()
    purse = Coinpurse(settings=running_store.settings)
    with purse.database.unit_of_work() as work:
        row = work.row("SELECT session_id, user_id FROM coinpurse.payment_sessions")
    assert row is not None
    sandbox.pay(row.session_id)
    payment = purse.payment_status(row.session_id, row.user_id).payment
    purse.spend(payment.user_id, 400, key="sword", description="Sword of dawn")
    # What others type may be long, without a place to break it.
    stranger = running_store.customer(f"{'w' * 60}@{'long.' * 10}example")
    long_id = stranger.get(f"{running_store.url}/api/auth/me", timeout=30).json()["user_id"]
    purse.back_office.request_adjustment(long_id, 5, reason="w" * 300, actor="cli:test", key="long")
    owner = running_store.customer(EMAIL, PASSWORD)
    user_id = owner.get(f"{running_store.url}/api/auth/me", timeout=30).json()["user_id"]
    purse.back_office.grant_role(user_id, "owner", actor="cli:test")
    with purse.database.unit_of_work() as work:
        work.execute(
            "INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, error)"
            " VALUES ('evt_dead', 'customer.created', 'cus_1', false, now(), %(payload)s, 'dead', 'Traceback')",
            payload='{"id": "evt_dead", "object": "event", "type": "customer.created",'
            ' "api_version": "2025-01-01", "created": 1700000000, "livemode": false,'
            ' "data": {"object": {"id": "cus_1", "object": "customer"}}}',
        )
    yield Office(purse, payment, long_id)
    purse.database.close()


def log_in(page: Page, path: str = "/admin/") -> None:
    page.goto(path)
    page.get_by_label(re.compile("E-mail|邮箱")).fill(EMAIL)
    page.get_by_label(re.compile("Password|密码")).fill(PASSWORD)
    page.get_by_test_id("submit").click()
    page.wait_for_url(f"**{path}")


def open_by_menu(page: Page, name: str) -> None:
    """Go to a page as a person does; on a phone the menu is opened first."""
    if page.get_by_test_id("menu-link").is_visible():
        page.get_by_test_id("menu-link").click()
    page.get_by_role("navigation", name="Back office").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect_no_sideways_scrolling(page)


@SIZES
def test_the_sales_are_seen_and_a_payment_is_found(
    open_page: OpenPage, office: Office, viewport: dict[str, int]
) -> None:
    page = open_page(viewport)
    log_in(page)
    expect(page.get_by_test_id("measure-revenue-usd")).to_contain_text("$99.99")
    expect(page.get_by_test_id("measure-sold")).to_contain_text("1,200")
    expect(page.get_by_test_id("chart-coins")).to_contain_text("1,200 sold, 400 spent")
    expect_no_sideways_scrolling(page)

    open_by_menu(page, "Payments")
    page.get_by_label("Search", exact=True).fill("ada@example.com")
    page.get_by_test_id("show").click()
    page.get_by_test_id("row").get_by_role("link").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Payment of $99.99")
    expect(page.get_by_test_id("timeline")).to_contain_text("+1,200 coins, balance 1,200")
    expect_no_sideways_scrolling(page)


@SIZES
def test_a_buyer_is_helped(open_page: OpenPage, office: Office, viewport: dict[str, int]) -> None:
    page = open_page(viewport)
    log_in(page)
    open_by_menu(page, "Wallets")
    page.get_by_test_id("row").get_by_role("link", name="ada@example.com").click()
    expect(page.get_by_test_id("wallet-balance")).to_have_text("800")
    expect(page.get_by_test_id("history")).to_contain_text("Sword of dawn")
    page.get_by_label("At this moment").fill("2099-01-01T12:00")
    page.get_by_test_id("explain").click()
    expect(page.get_by_test_id("explanation")).to_contain_text("800 coins on")
    expect_no_sideways_scrolling(page)

    page.get_by_test_id("adjust").click()
    page.get_by_role("textbox", name="Coins").fill("50")
    page.get_by_label("Reason").fill("The sword broke.")
    page.get_by_test_id("preview").click()
    expect(page.get_by_test_id("confirm")).to_be_visible()
    expect_no_sideways_scrolling(page)
    page.get_by_test_id("confirm").click()
    expect(page.get_by_role("status")).to_be_visible()

    assert office.purse.wallet(office.buyer).balance == 850


@SIZES
def test_money_is_given_back_after_its_effect_was_shown(
    open_page: OpenPage, office: Office, viewport: dict[str, int]
) -> None:
    page = open_page(viewport)
    log_in(page, f"/admin/payments/{office.payment.id}/")
    page.get_by_test_id("refund").click()
    page.get_by_label("Reason", exact=True).fill("A child bought it.")
    page.get_by_test_id("preview").click()
    expect(page.get_by_test_id("effect")).to_have_text(
        "Takes back 800 of 1,200 coins; 400 were spent and become debt."
    )
    expect_no_sideways_scrolling(page)

    page.get_by_test_id("confirm").click()

    expect(page.get_by_test_id("notice")).to_have_text("$99.99 is on its way back.")
    expect(page.get_by_test_id("badge").first).to_have_text("Refunded")
    assert office.purse.wallet(office.buyer).debt == 400


@SIZES
def test_a_failed_event_is_noticed_and_replayed(
    open_page: OpenPage, office: Office, viewport: dict[str, int]
) -> None:
    page = open_page(viewport)
    log_in(page)
    page.get_by_test_id("task-dead_events").click()
    page.get_by_test_id("row").get_by_role("link").first.click()
    expect(page.get_by_test_id("error")).to_have_text("Traceback")
    expect_no_sideways_scrolling(page)

    page.get_by_test_id("replay").click()

    expect(page.get_by_test_id("state")).to_have_text("Ignored")
    open_by_menu(page, "Overview")
    expect(page.get_by_test_id("nothing-waits")).to_be_visible()


def test_the_back_office_works_without_javascript(open_page: OpenPage, office: Office) -> None:
    page = open_page(PHONE, java_script_enabled=False)
    log_in(page)
    page.get_by_test_id("menu-link").click()
    page.get_by_role("link", name="Payments", exact=True).click()
    page.get_by_test_id("row").get_by_role("link").first.click()
    page.get_by_test_id("refund").click()
    page.get_by_test_id("part-some").check()
    page.get_by_label("Amount of the part").fill("10")
    page.get_by_label("Reason", exact=True).fill("Half a sword.")
    page.get_by_test_id("preview").click()
    page.get_by_test_id("confirm").click()

    expect(page.get_by_test_id("notice")).to_have_text("$10.00 is on its way back.")


@pytest.mark.parametrize(
    ("viewport", "locale", "scheme"),
    [
        (PHONE, "en-US", "light"),
        (PHONE, "zh-CN", "dark"),
        (DESKTOP, "zh-CN", "light"),
        (DESKTOP, "en-US", "dark"),
    ],
    ids=["phone", "phone-chinese-dark", "desktop-chinese", "desktop-dark"],
)
def test_no_page_of_the_back_office_has_a_barrier(
    open_page: OpenPage,
    office: Office,
    axe: str,
    viewport: dict[str, int],
    locale: str,
    scheme: str,
) -> None:
    page = open_page(viewport, locale, color_scheme=scheme)
    log_in(page)
    menu = page.locator("#menu nav a").evaluate_all(
        "all => all.map((each) => each.getAttribute('href'))"
    )
    assert len(menu) >= 9

    own = f"/admin/payments/{office.payment.id}"
    for path in (
        *[each for each in menu if each.startswith("/admin/")],
        f"{own}/",
        f"{own}/refund",
        f"/admin/wallets/of?user={office.buyer}&at=2099-01-01T12:00",
        f"/admin/adjustments/new?user={office.buyer}",
        f"/admin/wallets/of?user={office.stranger}",
        "/admin/events/evt_dead/",
        "/admin/payments/?status=nonsense",
        "/admin/payments/?q=nobody",
        "/admin/payments/1/",
    ):
        page.goto(path)
        expect_no_barrier(page, axe)
        expect_no_sideways_scrolling(page)


@pytest.mark.parametrize(
    ("locale", "scheme"), [("en-US", "light"), ("zh-CN", "dark")], ids=["light", "chinese-dark"]
)
def test_no_page_of_the_buyers_has_a_barrier(
    open_page: OpenPage, office: Office, axe: str, locale: str, scheme: str
) -> None:
    page = open_page(PHONE, locale, color_scheme=scheme)
    for path in ("/", "/login", "/register", "/forgot", "/reset/none", "/nothing"):
        page.goto(path)
        expect_no_barrier(page, axe)
    log_in(page)
    for path in ("/", "/wallet", "/account", "/payment/cancel", "/payment/success?session_id=none"):
        page.goto(path)
        expect_no_barrier(page, axe)


def expect_no_barrier(page: Page, axe: str) -> None:
    """Run axe-core on the page, and our own look at contrast, which knows more grounds than axe does."""
    page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
    )
    barriers = [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in BARRIERS
    ]
    assert (page.url, barriers) == (page.url, [])
    assert (page.url, page.evaluate(FAINT_TEXTS)) == (page.url, [])
