"""The wallet's page."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from coinpurse import Coinpurse, ledger
from coinpurse.ledger import NewGrant
from tests.conftest import Sandbox
from tests.web.conftest import Browser, text_of


def give(app: Flask, user_id: str, coins: int, key: str, description: str = "") -> None:
    purse: Coinpurse = app.extensions["coinpurse"]
    with purse.database.unit_of_work() as work:
        ledger.credit(
            work,
            user_id,
            [NewGrant("bonus", coins)],
            key=key,
            type_="promotion",
            source="promotion",
            description=description,
        )


def test_an_empty_wallet_says_what_will_be_here(ada: Browser) -> None:
    html = ada.get("/wallet").text

    assert text_of(html, "wallet-balance") == "0"
    assert "No coins have moved yet" in html


def test_a_purchase_shows_in_parts_and_in_the_history(ada: Browser, sandbox: Sandbox) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id)
    ada.get(f"/payment/success?session_id={session_id}")

    html = ada.get("/wallet").text

    assert text_of(html, "wallet-balance") == "1,200"
    assert (text_of(html, "wallet-paid"), text_of(html, "wallet-bonus")) == ("1,000", "200")
    row = text_of(html, "transaction")
    assert row.startswith("Purchase · $99.99")
    assert row.endswith("+1,200 Balance afterwards: 1,200")


def test_the_history_is_paged_without_gaps_or_repeats(ada: Browser, app: Flask) -> None:
    for number in range(45):
        give(app, ada.user_id, 1, key=f"gift:{number}")

    seen, path = [], "/wallet"
    while path:
        html = ada.get(path).text
        seen += re.findall(r"Balance afterwards:\s*</span>(\d+)", html)
        link = re.search(r'href="([^"]+)" rel="next"', html)
        path = link.group(1) if link else ""

    assert [int(balance) for balance in seen] == list(range(45, 0, -1))


def test_a_description_is_text_and_never_markup(ada: Browser, app: Flask) -> None:
    give(app, ada.user_id, 5, key="gift", description="<script>alert('x')</script>")

    html = ada.get("/wallet").text

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


@pytest.mark.parametrize("before", ["0", "-1", "x", "1e3", "9" * 30, "²"])
def test_a_wrong_page_number_is_told_in_words(ada: Browser, before: str) -> None:
    answer = ada.get(f"/wallet?before={before}")

    assert answer.status_code == 422
    assert "could not read this request" in answer.text


def test_a_wallet_is_its_owners_alone(ada: Browser, app: Flask, visitor: Browser) -> None:
    give(app, ada.user_id, 5, key="gift")

    assert visitor.get("/wallet").location == "/login?next=%2Fwallet"
    eve = Browser(app).register("eve@example.com")
    assert text_of(eve.get("/wallet").text, "wallet-balance") == "0"
    assert eve.get("/wallet").headers["Cache-Control"] == "no-store"


def test_a_chinese_reader_sees_chinese_words_and_dates(app: Flask) -> None:
    reader = Browser(app, "zh-CN").register()
    give(app, reader.user_id, 1234, key="gift")

    html = reader.get("/wallet").text

    assert "金币余额" in html
    assert "赠送" in text_of(html, "transaction")
    assert "月" in text_of(html, "transaction")
