"""Which requests may change something."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from stripe_sandbox.pages.order_view import web_address
from stripe_sandbox.pages.security import comes_from_our_page, is_local_host


def request_with(host: str = "127.0.0.1:12111", **headers: str) -> Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(base_url=f"http://{host}/", headers=names).get_environ())


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1:12111"}, True),
        ({"Origin": "http://127.0.0.1:5000"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec_Fetch_Site": "same-origin"}, True),
        ({"Sec_Fetch_Site": "none"}, True),
        ({"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:5000"}, False),
        ({"Sec_Fetch_Site": "cross-site"}, False),
    ],
)
def test_only_our_own_pages_and_programs_may_change_things(
    headers: dict[str, str], ours: bool
) -> None:
    assert comes_from_our_page(request_with(**headers)) is ours


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1:12111", True),
        ("[::1]:12111", True),
        ("localhost:12111", True),
        ("stripe-sandbox:12111", True),
        ("sandbox.localhost", True),
        ("rebound.evil.example:12111", False),
    ],
)
def test_a_public_name_is_not_this_machine(host: str, local: bool) -> None:
    assert is_local_host(request_with(host)) is local


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "/paid", None])
def test_only_web_addresses_are_followed(address: str | None) -> None:
    assert web_address(address) is None
    assert web_address("https://shop.example/paid") == "https://shop.example/paid"
