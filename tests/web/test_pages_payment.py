"""The pages that Stripe leads back to: they say what is, not what the address claims."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask

from coinpurse import Coinpurse
from coinpurse.purchases import fulfil, report_of_intent, report_of_session, store
from coinpurse.refunds import Decision
from tests.conftest import Sandbox
from tests.web.conftest import Browser, stage_shown, text_of

DECLINED_FOR_FUNDS = "4000000000009995"


def success_page(browser: Browser, session_id: str) -> str:
    answer = browser.get(f"/payment/success?session_id={session_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


def purse_of(app: Flask) -> Coinpurse:
    purse: Coinpurse = app.extensions["coinpurse"]
    return purse


def report_decline(app: Flask, session_id: str) -> None:
    """Do what the event of the declined payment does."""
    purse = purse_of(app)
    gateway = purse.services.gateway
    intent_id = gateway.get_checkout_session(session_id).payment_intent_id
    assert intent_id is not None
    report = report_of_intent(gateway.get_payment_intent(intent_id))
    with purse.database.unit_of_work() as work:
        fulfil(work, report)


def test_a_paid_checkout_shows_the_coins_and_the_new_balance(
    ada: Browser, sandbox: Sandbox
) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id)

    html = success_page(ada, session_id)

    assert stage_shown(html) == "completed"
    assert text_of(html, "coins-added") == "+1,200"
    assert text_of(html, "new-balance") == "1,200"
    assert text_of(html, "balance") == "1,200"


def test_an_address_alone_claims_nothing(ada: Browser) -> None:
    html = success_page(ada, ada.buy())

    assert stage_shown(html) == "checking"
    assert "data-moving" in html
    assert '<noscript><meta http-equiv="refresh"' in html
    assert "+1,200" not in html


def test_a_delayed_payment_says_what_to_expect(ada: Browser, sandbox: Sandbox) -> None:
    session_id = ada.buy(currency="eur")
    sandbox.post("clock/freeze")
    try:
        sandbox.pay(session_id, iban="AT321904300235473204")
        html = success_page(ada, session_id)
    finally:
        sandbox.post("clock/run")

    assert stage_shown(html) == "settling"
    assert "working days" in html
    assert "on-its-way" in ada.get("/wallet").text


def test_a_decline_says_why_and_leads_back_to_the_same_checkout(
    ada: Browser, sandbox: Sandbox, app: Flask
) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id, card=DECLINED_FOR_FUNDS)
    report_decline(app, session_id)

    html = success_page(ada, session_id)

    assert stage_shown(html) == "declined"
    assert "does not have enough money" in html
    link = re.search(r'href="([^"]*)"[^>]*data-testid="resume"', html)
    assert link is not None
    assert requests.get(link.group(1), timeout=30).ok


def test_a_suspicion_of_fraud_is_not_told_to_the_buyer(
    ada: Browser, sandbox: Sandbox, app: Flask
) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id, card="4100000000000019")
    report_decline(app, session_id)

    html = success_page(ada, session_id)

    assert "fraud" not in html.lower()
    assert "The bank gave no reason" in html


def test_the_wallet_lists_a_payment_that_a_person_looks_at(
    ada: Browser, sandbox: Sandbox, app: Flask
) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id)
    purse = purse_of(app)
    report = report_of_session(purse.services.gateway.get_checkout_session(session_id))
    with purse.database.unit_of_work() as work:
        fulfil(work, replace(report, amount_minor=1))

    assert "a person is looking at it" in ada.get("/wallet").text


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"status": "failed"}, "failed"),
        ({"status": "expired"}, "expired"),
        ({"status": "refunded"}, "refunded"),
        ({"status": "partially_refunded"}, "partially_refunded"),
        ({"status": "disputed"}, "disputed"),
        ({"status": "expired", "review_reason": "paid after all"}, "review"),
        ({"status": "pending", "review_reason": "another amount"}, "review"),
    ],
)
def test_every_state_has_a_page_of_its_own(
    ada: Browser, app: Flask, changes: dict[str, Any], stage: str
) -> None:
    session_id = ada.buy()
    with purse_of(app).database.unit_of_work() as work:
        payment = store.find_by_session(work, session_id)
        assert payment is not None
        store.save(work, replace(payment, **changes))

    html = success_page(ada, session_id)

    assert stage_shown(html) == stage
    assert "data-moving" not in html


@pytest.mark.parametrize(("decision", "stage"), [("refund", "refunded"), ("dismiss", "settled")])
def test_a_payment_that_a_person_settled_without_coins_is_not_waited_for(
    ada: Browser, app: Flask, sandbox: Sandbox, decision: Decision, stage: str
) -> None:
    session_id = ada.buy()
    purse = purse_of(app)
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET amount_minor = 10099")
    sandbox.pay(session_id)
    assert stage_shown(success_page(ada, session_id)) == "review"
    (payment,) = purse.payments(ada.user_id)

    purse.resolve_review(payment.id, decision, reason="wrong price", actor="grace")

    html = success_page(ada, session_id)
    assert stage_shown(html) == stage
    assert "data-moving" not in html


def test_the_page_is_kept_from_caches_and_its_address_from_other_sites(ada: Browser) -> None:
    answer = ada.get(f"/payment/success?session_id={ada.buy()}")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_strangers_payment_is_refused_in_words(ada: Browser, app: Flask) -> None:
    session_id = ada.buy()
    eve = Browser(app).register("eve@example.com")

    answer = eve.get(f"/payment/success?session_id={session_id}")

    assert answer.status_code == 403
    assert "not yours to see" in answer.text


@pytest.mark.parametrize(
    "session_id", ["", "cs_test_unknown", "{CHECKOUT_SESSION_ID}", "%00", "%ff", "x" * 3000, "'--"]
)
def test_an_unknown_payment_is_told_in_words(ada: Browser, session_id: str) -> None:
    answer = ada.get(f"/payment/success?session_id={session_id}")

    assert answer.status_code == 404
    assert "do not know this payment" in answer.text


def test_without_a_log_in_the_way_leads_there_and_back(visitor: Browser) -> None:
    answer = visitor.get("/payment/success?session_id=cs_test_1")

    assert answer.status_code == 302
    assert answer.location == "/login?next=%2Fpayment%2Fsuccess%3Fsession_id%3Dcs_test_1"


def test_going_back_offers_the_open_checkout_and_cancels_nothing(
    ada: Browser, sandbox: Sandbox
) -> None:
    session_id = ada.buy()

    html = ada.get("/payment/cancel").text

    assert session_id in html
    assert "Continue to pay $99.99" in html
    assert sandbox.pay(session_id)["result"] == "paid"


def test_going_back_after_a_decline_repeats_why(ada: Browser, sandbox: Sandbox, app: Flask) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id, card=DECLINED_FOR_FUNDS)
    report_decline(app, session_id)

    assert "does not have enough money" in text_of(ada.get("/payment/cancel").text, "why-declined")


def test_going_back_with_nothing_open_offers_the_packs(ada: Browser, sandbox: Sandbox) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id)
    success_page(ada, session_id)

    assert 'data-testid="no-order"' in ada.get("/payment/cancel").text


def test_a_visitor_may_go_back_too(visitor: Browser) -> None:
    assert 'data-testid="no-order"' in visitor.get("/payment/cancel").text


def test_the_buyer_can_close_an_open_checkout(ada: Browser, sandbox: Sandbox) -> None:
    session_id = ada.buy()

    answer = ada.submit("/payment/cancel", page="/payment/cancel", session_id=session_id)

    assert stage_shown(ada.get(answer.location).text) == "cancelled"
    assert sandbox.pay(session_id)["result"] == "refused"


def test_closing_a_checkout_that_was_paid_first_shows_the_coins(
    ada: Browser, sandbox: Sandbox
) -> None:
    session_id = ada.buy()
    sandbox.pay(session_id)

    answer = ada.submit("/payment/cancel", session_id=session_id)

    assert stage_shown(ada.get(answer.location).text) == "completed"


def test_nobody_closes_a_strangers_checkout(ada: Browser, app: Flask, sandbox: Sandbox) -> None:
    session_id = ada.buy()
    eve = Browser(app).register("eve@example.com")

    assert eve.submit("/payment/cancel", session_id=session_id).status_code == 403
    assert sandbox.pay(session_id)["result"] == "paid"
