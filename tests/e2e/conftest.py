"""A real Chromium in front of a running store and sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.conftest import Store

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}

OpenPage = Callable[..., Page]


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
