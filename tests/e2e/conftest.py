"""A real Chromium in front of a running store and sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import Store

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, one for each worker."""
    if not Path(CHROMIUM).exists() and shutil.which(CHROMIUM) is None:
        pytest.skip(f"no Chromium at {CHROMIUM}; name one with CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def running_store(store: Store) -> Store:
    """The store, started."""
    store.start_web()
    return store


@pytest.fixture
def open_page(chromium: Browser, running_store: Store) -> Iterator[OpenPage]:
    """Opens a tab on the store; anything that a page's own code complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_tab(viewport: dict[str, int] = PHONE, locale: str = "en-US", **options: Any) -> Page:
        context = chromium.new_context(
            viewport=viewport,
            locale=locale,
            base_url=running_store.url,
            **options,
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: complaints.append(message.text) if _is_ours(message.text) else None,
        )
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert complaints == []


def _is_ours(text: str) -> bool:
    # The browser reports every answer above 399 in the console; refusals are answers like others.
    return not text.startswith("Failed to load resource: the server responded with a status of 4")
