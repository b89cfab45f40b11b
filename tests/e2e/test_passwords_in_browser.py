"""A password that is changed, forgotten and chosen anew, as people do it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, expect

from tests.conftest import Store
from tests.e2e.conftest import PHONE
from tests.notifications.conftest import PostOffice, post_office  # noqa: F401  A fixture.

EMAIL = "ada@example.com"
FIRST, SECOND, THIRD = "correct horse", "battery staple", "a pocket of coins"


def test_a_password_is_changed_forgotten_and_chosen_anew_without_javascript(
    store: Store,
    chromium: Browser,
    post_office: PostOffice,  # noqa: F811
    eventually: Callable[..., Any],
) -> None:
    store.environment |= {
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(post_office.port),
        "MAIL_DEFAULT_SENDER": "shop@example.com",
    }
    store.start_web()
    store.start_worker()
    store.customer(EMAIL, FIRST)
    context = chromium.new_context(
        viewport=PHONE, locale="en-US", base_url=store.url, java_script_enabled=False
    )
    page = context.new_page()

    def log_in(password: str) -> None:
        page.get_by_label("E-mail address").fill(EMAIL)
        page.get_by_label("Password").fill(password)
        page.get_by_test_id("submit").click()
        expect(page.get_by_test_id("balance")).to_be_visible()

    page.goto("/login")
    log_in(FIRST)
    page.get_by_role("link", name="Account").click()
    page.get_by_label("Current password").fill(FIRST)
    page.get_by_label("New password", exact=True).fill(SECOND)
    page.get_by_test_id("change-password").click()
    expect(page.get_by_test_id("note")).to_contain_text("is changed")
    page.get_by_test_id("end-sessions").click()
    expect(page.get_by_test_id("note")).to_contain_text("logged out everywhere")

    page.get_by_test_id("forgot-link").click()
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("sent")).to_contain_text(EMAIL)
    eventually(lambda: post_office.mails)
    text = post_office.only().get_body(("plain",))
    assert text is not None
    (link,) = re.findall(r"http\S+/reset/\S+", text.get_content())
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(THIRD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("note")).to_contain_text("Log in with it")
    log_in(THIRD)
    context.close()
    token = link.rsplit("/", 1)[1]
    for name in ("serve", "worker"):
        assert token not in (store.directory / f"{name}.log").read_text()
