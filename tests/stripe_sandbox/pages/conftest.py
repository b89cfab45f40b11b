"""The sandbox as its own process, a merchant that hears its webhooks, and two kinds of buyers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

VOID_ELEMENTS = frozenset(("br", "hr", "img", "input", "link", "meta", "path", "rect", "circle"))


class Merchant:
    """A shop on a free port: takes webhooks and shows the pages that buyers come back to."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        events = self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b'{"status": "success"}')

            def do_GET(self) -> None:
                self._answer(f"<title>Shop</title><h1>{self.path}</h1>".encode())

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def heard(self, session_id: str) -> list[str]:
        """The types of the events about one session, in order of arrival."""
        return [
            event["type"]
            for event in list(self.events)
            if event["data"]["object"]["id"] == session_id
        ]


@dataclass
class Sandbox:
    """The running sandbox, driven over its API."""

    url: str
    shop_url: str
    http: requests.Session

    def create_session(self, **given: str) -> dict[str, Any]:
        fields = {
            "mode": "payment",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": given.pop("currency", "usd"),
            "line_items[0][price_data][unit_amount]": given.pop("amount_minor", "9999"),
            "line_items[0][price_data][product_data][name]": "1000 Coins",
            "line_items[0][price_data][product_data][description]": (
                "Get 1000 coins + 200 bonus coins"
            ),
            "success_url": f"{self.shop_url}/paid?session_id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self.shop_url}/cancelled",
            **given,
        }
        return self.post("/v1/checkout/sessions", **fields)

    def session(self, session_id: str) -> dict[str, Any]:
        return self.get(f"/v1/checkout/sessions/{session_id}")

    def get(self, path: str, **query: str) -> dict[str, Any]:
        response = self.http.get(self.url + path, params=query, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **fields: str) -> dict[str, Any]:
        response = self.http.post(self.url + path, data=fields, timeout=30)
        assert response.status_code == 200, response.text
        return response.json()


@dataclass
class Element:
    """One HTML element with its text."""

    tag: str
    attributes: dict[str, str]
    form: str = ""
    text: str = ""


class HtmlPage(HTMLParser):
    """A page as a browser without scripts sees it: elements, their text, and forms."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__()
        self.status = response.status_code
        self.url = response.url
        self.headers = response.headers
        self.html = response.text
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._form = ""
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = attributes.get("data-testid") or attributes.get("id") or "form"
        element = Element(tag, attributes, attributes.get("form", self._form))
        self.elements.append(element)
        if tag not in VOID_ELEMENTS:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Self-closing elements are parts of drawings."""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def find(self, name: str) -> Element | None:
        """The element with this data-testid, id or name."""
        for key in ("data-testid", "id", "name"):
            for element in self.elements:
                if element.attributes.get(key) == name:
                    return element
        return None

    def __getitem__(self, name: str) -> Element:
        found = self.find(name)
        assert found is not None, f"no {name} on {self.url}:\n{self.html}"
        return found

    def value(self, name: str) -> str:
        return self[name].attributes.get("value", "")

    def text(self, name: str) -> str:
        return " ".join(self[name].text.split())

    def form_values(self, form: str) -> dict[str, str]:
        """What a browser would send of the form as it stands, without any button."""
        values = {}
        for element in self.elements:
            attributes = element.attributes
            if element.form != form or element.tag != "input" or "name" not in attributes:
                continue
            if attributes.get("type") == "radio" and "checked" not in attributes:
                continue
            values[attributes["name"]] = attributes.get("value", "")
        return values


@dataclass
class Buyer:
    """A person whose browser runs no scripts."""

    language: str = "en"
    http: requests.Session = field(default_factory=requests.Session)

    def open(self, url: str) -> HtmlPage:
        return HtmlPage(self.http.get(url, headers={"Accept-Language": self.language}, timeout=30))

    def submit(self, page: HtmlPage, form: str, button: str, **typed: str) -> HtmlPage:
        """Press a button of a form after typing into some of its fields."""
        pressed = page[button].attributes
        values = page.form_values(form) | typed
        if "name" in pressed:
            values[pressed["name"]] = pressed.get("value", "")
        action = next(
            element.attributes.get("action", "")
            for element in page.elements
            if element.tag == "form"
            and form in (element.attributes.get("id"), element.attributes.get("data-testid"))
        )
        response = self.http.post(
            urljoin(page.url, action),
            data=values,
            headers={"Accept-Language": self.language},
            timeout=30,
        )
        return HtmlPage(response)


CARD = {
    "email": "ada@example.com",
    "card_number": "4242 4242 4242 4242",
    "card_expiry": "12 / 34",
    "card_cvc": "123",
    "name": "Ada Buyer",
}


@pytest.fixture
def card() -> dict[str, str]:
    """What a buyer types for a card that pays."""
    return dict(CARD)


@pytest.fixture(scope="session")
def merchant() -> Iterator[Merchant]:
    shop = Merchant()
    yield shop
    shop.stop()


@pytest.fixture(scope="session")
def sandbox(merchant: Merchant) -> Iterator[Sandbox]:
    command = "from stripe_sandbox.cli import main; main()"
    process = subprocess.Popen(
        [
            sys.executable, "-c", command, "serve", "--port", "0", "--state", ":memory:",
            "--webhook-url", f"{merchant.url}/webhook", "--settle-seconds", "3600",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().rsplit(" ", maxsplit=1)[-1].strip()
    with requests.Session() as http:
        http.trust_env = False
        http.headers["Authorization"] = "Bearer sk_test_pages"
        yield Sandbox(url, merchant.url, http)
    process.terminate()
    process.wait(timeout=10)
    process.stdout.close()


@pytest.fixture
def buyer() -> Iterator[Buyer]:
    someone = Buyer()
    someone.http.trust_env = False
    yield someone
    someone.http.close()


@pytest.fixture
def developer(buyer: Buyer) -> Buyer:
    """Whoever looks at the dashboard, without scripts too."""
    return buyer


@pytest.fixture
def open_browser(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page; scripts that fail or are refused fail the test."""
    contexts = []
    complaints: list[str] = []

    def open_page(*, width: int = 1280, language: str = "en-US", scripts: bool = True) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": 844},
            locale=language,
            java_script_enabled=scripts,
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
