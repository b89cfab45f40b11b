"""The wallet's page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from coinpurse import Coinpurse, ledger
from coinpurse.ledger import NewGrant
from coinpurse.web.transaction_words import WORDS
from tests.conftest import Sandbox
from tests.refunds.conftest import Shop
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


def shop_of(app: Flask, sandbox: Sandbox) -> Shop:
    """The shop behind the pages, with its bank and its Stripe."""
    purse: Coinpurse = app.extensions["coinpurse"]
    return Shop(purse, sandbox, purse.settings.require_stripe_key())


def test_a_debt_is_explained_and_its_purchase_is_marked(
    ada: Browser, app: Flask, sandbox: Sandbox
) -> None:
    shop = shop_of(app, sandbox)
    payment = shop.buy(ada.user_id)
    shop.purse.spend(ada.user_id, 900, key="hat")

    shop.purse.refund(payment.id)
    html = ada.get("/wallet").text

    assert 'data-testid="debt-notice"' in html
    assert "You owe 900 coins" in html
    assert "Your next purchase repays it first." in html
    assert text_of(html, "wallet-debt") == "900"
    assert text_of(html, "outcome") == "Refunded"
    assert text_of(html, "transaction").startswith("Refund Owed, as they were spent: 900")
    assert "Payment refunded" not in html
    shop.buy(ada.user_id)
    repaid = ada.get("/wallet").text
    assert "debt-notice" not in repaid
    assert "Off the debt: 900" in text_of(repaid, "transaction")


def test_part_of_a_refunded_purchase_is_marked_as_such(
    ada: Browser, app: Flask, sandbox: Sandbox
) -> None:
    shop = shop_of(app, sandbox)
    payment = shop.buy(ada.user_id)

    shop.purse.refund(payment.id, 3333)

    assert text_of(ada.get("/wallet").text, "outcome") == "Partly refunded"


def test_frozen_coins_are_explained_until_the_bank_has_decided(
    ada: Browser, app: Flask, sandbox: Sandbox
) -> None:
    shop = shop_of(app, sandbox)
    payment = shop.buy(ada.user_id)
    dispute = shop.dispute(payment)
    shop.follow(payment)

    html = ada.get("/wallet").text

    assert "1,200 coins are frozen" in html
    assert "cannot be spent until that is settled" in html
    assert text_of(html, "outcome") == "Disputed"
    assert text_of(html, "transaction").startswith("Dispute Frozen: 1,200")
    shop.decide(dispute, "win")
    shop.follow(payment)
    settled = ada.get("/wallet").text
    assert "frozen-notice" not in settled
    assert 'data-testid="outcome"' not in settled
    assert text_of(settled, "transaction").startswith("Coins restored No longer frozen: 1,200")


def test_a_blocked_wallet_says_what_still_works(ada: Browser, app: Flask) -> None:
    give(app, ada.user_id, 5, key="gift")
    assert 'data-testid="blocked"' not in ada.get("/wallet").text
    purse: Coinpurse = app.extensions["coinpurse"]
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET blocked = true")

    html = ada.get("/wallet").text

    assert 'data-testid="blocked"' in html
    assert "Spending is locked" in html
    assert "You can still get coins" in html
    purse.unblock(ada.user_id, key="u", reason="talked to her", actor="grace")
    unlocked = ada.get("/wallet").text
    assert text_of(unlocked, "transaction").startswith("Wallet unlocked")
    assert "talked to her" not in unlocked


def test_reserved_coins_are_told_in_words(ada: Browser, app: Flask) -> None:
    purse: Coinpurse = app.extensions["coinpurse"]
    give(app, ada.user_id, 50, key="gift")

    purse.hold(ada.user_id, 30, key="h", description="A picture")

    assert text_of(ada.get("/wallet").text, "transaction").startswith(
        "Coins reserved A picture Reserved: 30"
    )


def test_every_type_of_row_has_words_of_its_own(app: Flask) -> None:
    """The kernel's types, as its functions write them."""
    kernel = (Path(ledger.__file__).parent / "kernel.sql").read_text()
    written = set(re.findall(r"VALUES \(\w+(?:\.\w+)?, '(\w+)',", kernel))

    assert {"hold", "unblock"} <= written
    assert written | {"purchase", "grant", "usage", "refund", "dispute"} <= set(WORDS)


def test_a_chinese_reader_is_told_of_a_debt_in_chinese(app: Flask, sandbox: Sandbox) -> None:
    reader = Browser(app, "zh-CN").register()
    shop = shop_of(app, sandbox)
    payment = shop.buy(reader.user_id)
    shop.purse.spend(reader.user_id, 900, key="hat")
    shop.purse.refund(payment.id)

    html = reader.get("/wallet").text

    assert "待扣回 900 枚金币" in html
    assert text_of(html, "outcome") == "已退款"
    assert text_of(html, "transaction").startswith("退款 已用掉，待扣回 900")


def test_a_chinese_reader_sees_chinese_words_and_dates(app: Flask) -> None:
    reader = Browser(app, "zh-CN").register()
    give(app, reader.user_id, 1234, key="gift")

    html = reader.get("/wallet").text

    assert "金币余额" in html
    assert "赠送" in text_of(html, "transaction")
    assert "月" in text_of(html, "transaction")
