"""The page of packs, and the click that buys one."""

from __future__ import annotations

import re

import pytest
import requests
from flask import Flask

from coinpurse import Coinpurse
from tests.conftest import Sandbox
from tests.web.conftest import Browser, hidden, session_of, text_of


def price_of(html: str, sku: str) -> str:
    return text_of(html, f"buy-{sku}").split("for ", 1)[1]


def test_a_pack_says_total_make_up_price_and_price_per_100(visitor: Browser) -> None:
    html = visitor.get("/").text

    card = text_of(html, "pack-chest")
    assert card == "1,200 coins 1,000 + 200 bonus $8.33 per 100 Buy 1,200 coins for $99.99"


def test_the_card_says_before_the_click_what_the_offer_is_bound_to(
    visitor: Browser, app: Flask
) -> None:
    stranger = text_of(visitor.get("/").text, "pack-starter")
    buyer = text_of(Browser(app).register("eve@example.com").get("/").text, "pack-starter")

    terms = "Once per account The bonus expires 90 days after the purchase"
    assert stranger == (
        "20 coins $9.95 per 100 30 more bonus coins on your first purchase "
        f"{terms} Buy 20 coins for $1.99"
    )
    assert buyer == (
        f"50 coins 20 + 30 for your first purchase $3.98 per 100 {terms} Buy 50 coins for $1.99"
    )


def test_a_pack_that_the_buyer_has_is_shown_as_such_and_refused_in_words(
    ada: Browser, sandbox: Sandbox
) -> None:
    session = ada.buy("starter")
    sandbox.pay(session)
    page = ada.get(f"/payment/success?session_id={session}").text
    assert "+50" in page
    assert "UTC" in text_of(page, "bonus-expires")

    html = ada.get("/").text

    assert text_of(html, "closed-starter") == "You have this pack"
    assert "buy-starter" not in html
    answer = ada.submit("/buy/starter", currency="usd")
    assert answer.status_code == 422
    assert "You have this pack already" in answer.text


def test_a_page_from_before_the_first_purchase_sells_nothing_for_less(
    ada: Browser, sandbox: Sandbox
) -> None:
    sandbox.pay(session := ada.buy("handful"))
    ada.get(f"/payment/success?session_id={session}")

    answer = ada.submit("/buy/starter", currency="usd", bonus="30")

    assert answer.status_code == 422
    assert "This offer has just changed" in answer.text
    assert session_of(ada.submit("/buy/starter", currency="usd", bonus="0"))


def test_exactly_one_pack_is_the_best_value(visitor: Browser) -> None:
    html = visitor.get("/").text

    assert html.count('data-testid="best-value"') == 1
    assert "Best value" in text_of(html, "pack-vault")


@pytest.mark.parametrize(
    ("language", "price"),
    [
        ("en-US,en;q=0.9", "$99.99"),
        ("en-GB", "£79.99"),
        ("de-DE,de;q=0.9,en;q=0.8", "93,99\N{NO-BREAK SPACE}€"),
        ("fr", "93,99\N{NO-BREAK SPACE}€"),
        ("ja-JP", "\N{FULLWIDTH YEN SIGN}14,800"),
        ("pt-BR", "US$\N{NO-BREAK SPACE}99,99"),
        ("xx,*;q=0.1", "$99.99"),
        ("en-US;q=nonsense,(((", "$99.99"),
    ],
)
def test_prices_come_in_the_visitors_currency_and_form(
    app: Flask, language: str, price: str
) -> None:
    html = Browser(app, language).get("/").text

    label = re.search(r'data-testid="buy-chest".*?class="label">([^<]*)', html, re.S)
    assert label is not None
    assert label.group(1) == price


def test_a_chinese_visitor_sees_chinese_words_and_yuan(app: Flask) -> None:
    html = Browser(app, "zh-CN,zh;q=0.9").get("/").text

    assert '<html lang="zh-Hans">' in html
    assert "购买金币" in html
    assert "¥698.00" in html


def test_a_picked_currency_stays(visitor: Browser) -> None:
    visitor.get("/?currency=gbp")

    assert price_of(visitor.get("/").text, "chest") == "£79.99"


def test_a_currency_that_is_not_on_sale_changes_nothing(visitor: Browser) -> None:
    visitor.get("/?currency=xau")

    assert price_of(visitor.get("/").text, "chest") == "$99.99"


def test_a_picked_language_stays_and_wins_over_the_browsers(visitor: Browser) -> None:
    visitor.get("/?language=zh")

    assert "购买金币" in visitor.get("/").text
    visitor.get("/?language=en")
    assert "Get coins" in visitor.get("/").text


def test_the_language_links_keep_the_rest_of_the_address(visitor: Browser) -> None:
    html = visitor.get("/?pack=chest&_external=1&endpoint=x&self=y&_scheme=javascript").text

    link = re.search(r'href="([^"]*language=zh)"', html)
    assert link is not None
    assert link.group(1).startswith("/?")
    assert "pack=chest" in link.group(1)


def test_buying_without_a_log_in_leads_there_and_back_to_the_pack(visitor: Browser) -> None:
    answer = visitor.submit("/buy/chest", currency="usd")

    assert answer.status_code == 302
    assert answer.location == "/login?next=%2Fbuy%2Fchest"
    back = visitor.register().get("/buy/chest")
    assert back.location == "/?pack=chest#chest"
    assert 'pack-wanted" id="chest"' in visitor.get(back.location).text


def test_a_click_leads_to_stripe_with_the_pack_and_our_own_pages(
    ada: Browser, sandbox: Sandbox, app: Flask
) -> None:
    answer = ada.submit("/buy/chest", currency="eur")

    assert answer.status_code == 303
    assert answer.location.startswith(sandbox.url)
    purse: Coinpurse = app.extensions["coinpurse"]
    session = requests.get(
        f"{sandbox.url}/v1/checkout/sessions/{session_of(answer)}",
        auth=(purse.settings.require_stripe_key(), ""),
        timeout=30,
    ).json()
    assert (session["amount_total"], session["currency"]) == (9399, "eur")
    assert session["client_reference_id"] == ada.user_id
    base = "http://127.0.0.1:5000/payment"
    assert session["success_url"] == base + "/success?session_id={CHECKOUT_SESSION_ID}"
    assert session["cancel_url"] == base + "/cancel"


def test_a_visit_by_link_buys_nothing(ada: Browser, app: Flask) -> None:
    answer = ada.get("/buy/chest")

    assert answer.status_code == 303
    assert app.extensions["coinpurse"].payments(ada.user_id) == []


def test_a_double_click_is_one_checkout(ada: Browser) -> None:
    nonce = hidden(ada.get("/").text, "nonce")

    first = ada.submit("/buy/chest", currency="usd", nonce=nonce)
    second = ada.submit("/buy/chest", currency="usd", nonce=nonce)

    assert session_of(first) == session_of(second)


def test_the_same_page_after_the_payment_buys_anew(ada: Browser, sandbox: Sandbox) -> None:
    nonce = hidden(ada.get("/").text, "nonce")
    first = session_of(ada.submit("/buy/chest", currency="usd", nonce=nonce))
    sandbox.pay(first)
    assert "+1,200" in ada.get(f"/payment/success?session_id={first}").text

    second = session_of(ada.submit("/buy/chest", currency="usd", nonce=nonce))

    assert second != first


@pytest.mark.parametrize("fields", [{}, {"csrf_token": "forged"}])
def test_a_form_that_is_not_ours_buys_nothing(
    ada: Browser, app: Flask, fields: dict[str, str]
) -> None:
    ada.get("/")

    answer = ada.http.post("/buy/chest", data={"currency": "usd", **fields})

    assert answer.status_code == 400
    assert "open for too long" in answer.text
    assert app.extensions["coinpurse"].payments(ada.user_id) == []


@pytest.mark.parametrize(
    ("sku", "currency"), [("nothing", "usd"), ("chest", "krw"), ("chest", ""), ("chest", "\x00")]
)
def test_a_pack_that_is_not_on_sale_is_refused_in_words(
    ada: Browser, sku: str, currency: str
) -> None:
    answer = ada.submit(f"/buy/{sku}", currency=currency)

    assert answer.status_code == 422
    assert "no longer on sale" in answer.text


def test_a_stripe_that_fails_is_told_in_words_and_charges_nothing(
    ada: Browser, sandbox: Sandbox
) -> None:
    sandbox.post("faults", kind="server_error", path="/v1/checkout/sessions")

    answer = ada.submit("/buy/chest", currency="usd")

    assert answer.status_code == 502
    assert "could not be opened" in answer.text
