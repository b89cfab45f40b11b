"""Checkout sessions from creation to the end, as buyers with test cards move them."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import stripe
from sandbox_process import Sandbox, cart, running, start

from stripe_sandbox.test_cards import CARDS


def test_an_open_session_has_no_payment_intent(sandbox: Sandbox) -> None:
    session = sandbox.session()

    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.payment_intent is None
    assert session.url == f"{sandbox.url}/c/pay/{session.id}"
    assert session.expires_at - session.created == 86_400


def test_paying_completes_the_session(sandbox: Sandbox) -> None:
    session = sandbox.session(
        customer_email="ada@example.com",
        payment_intent_data={"metadata": {"payment_id": "7"}, "description": "1000 Coins"},
    )
    result = sandbox.pay(session.id, email="grace@example.com")
    paid = sandbox.stripe.v1.checkout.sessions.retrieve(session.id)
    charge = sandbox.charge_of(paid)

    assert result["success_url"] == f"https://shop.example/done?session_id={session.id}"
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details is not None
    assert paid.customer_details.email == "grace@example.com"
    assert charge.metadata["payment_id"] == "7"
    assert charge.description == "1000 Coins"
    assert charge.id.removeprefix("ch_")[:15] == str(paid.payment_intent)[3:18]


@pytest.mark.parametrize("card", [card for card in CARDS if card.decline is None],
                         ids=lambda card: card.name)  # fmt: skip
def test_good_cards_pay(sandbox: Sandbox, card: Any) -> None:
    session = sandbox.session()
    result = sandbox.pay(session.id, card=card.number, challenge="pass")

    assert result["result"] == "paid"


@pytest.mark.parametrize("card", [card for card in CARDS if card.decline is not None],
                         ids=lambda card: card.name)  # fmt: skip
def test_bad_cards_leave_the_session_open(sandbox: Sandbox, card: Any) -> None:
    session = sandbox.session()
    result = sandbox.pay(session.id, card=card.number, challenge="pass")
    after = sandbox.stripe.v1.checkout.sessions.retrieve(session.id)

    assert (result["result"], result["code"]) == ("declined", card.decline.code)
    assert (after.status, after.payment_status) == ("open", "unpaid")
    assert sandbox.event_types(session.id) == []
    assert sandbox.pay(session.id)["result"] == "paid"


def test_a_card_that_is_no_test_card_is_declined(sandbox: Sandbox) -> None:
    result = sandbox.pay(sandbox.session().id, card="4111111111111111")

    assert result["decline_code"] == "test_mode_live_card"


def test_a_failed_challenge_leaves_the_session_open(sandbox: Sandbox) -> None:
    session = sandbox.session()
    first = sandbox.pay(session.id, card="4000000000003220", challenge="fail")
    second = sandbox.pay(session.id, card="4000000000003220")
    third = sandbox.control(
        "POST", f"/checkout/{session.id}/challenge", {"challenge": second["id"], "passed": True}
    )

    assert [first["result"], second["result"], third["result"]] == ["declined", "challenge", "paid"]


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"card": "4242"}, "card_number"),
        ({"card": "4242424242424241"}, "card_number"),
        ({"expiry": "01/20"}, "card_expiry"),
        ({"expiry": "13/40"}, "card_expiry"),
        ({"expiry": "1"}, "card_expiry"),
        ({"cvc": "12"}, "card_cvc"),
        ({"email": "nobody"}, "email"),
        ({"name": " "}, "name"),
        ({"method": "sepa_debit"}, "method"),
    ],
)
def test_forms_that_cannot_be_sent_are_refused_at_the_field(
    sandbox: Sandbox, details: dict[str, str], field: str
) -> None:
    session = sandbox.session()
    result = sandbox.pay(session.id, **details)

    assert (result["result"], result["field"]) == ("refused", field)
    assert sandbox.stripe.v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_a_bad_iban_is_refused_at_the_field(sandbox: Sandbox) -> None:
    result = sandbox.pay(sandbox.session(currency="eur").id, iban="AT611904300234573202")

    assert result["field"] == "iban"


@pytest.mark.parametrize(
    ("iban", "wait", "ending"),
    [
        ("AT611904300234573201", 6, "paid"),
        ("AT861904300235473202", 6, "unpaid"),
        ("AT321904300235473204", 200, "paid"),
        ("AT051904300235473205", 200, "unpaid"),
    ],
)
def test_debits_settle_later(fresh: Sandbox, iban: str, wait: int, ending: str) -> None:
    session = fresh.session(currency="eur")
    result = fresh.pay(session.id, iban=iban)
    started = fresh.stripe.v1.checkout.sessions.retrieve(session.id)
    if wait > 100:
        fresh.advance(170)
        unsettled = fresh.stripe.v1.checkout.sessions.retrieve(session.id)
        assert unsettled.payment_status == "unpaid"
    fresh.advance(wait)
    settled = fresh.stripe.v1.checkout.sessions.retrieve(session.id)

    assert result["result"] == "processing"
    assert (started.status, started.payment_status) == ("complete", "unpaid")
    assert settled.payment_status == ending
    word = "succeeded" if ending == "paid" else "failed"
    assert fresh.event_types(session.id) == [
        "checkout.session.completed",
        f"checkout.session.async_payment_{word}",
    ]


@pytest.mark.parametrize(("currency", "method"), [("cny", "alipay"), ("cny", "wechat_pay")])
def test_chinese_wallets_pay_at_once(sandbox: Sandbox, currency: str, method: str) -> None:
    session = sandbox.paid_session(currency=currency, method=method)

    assert session.payment_status == "paid"


def test_konbini_is_paid_later(fresh: Sandbox) -> None:
    session = fresh.paid_session(amount=5000, currency="jpy", method="konbini")
    fresh.advance(10)

    assert session.payment_status == "unpaid"
    again = fresh.stripe.v1.checkout.sessions.retrieve(session.id)
    assert again.payment_status == "paid"


def test_sessions_expire_by_the_clock(fresh: Sandbox) -> None:
    soon = fresh.session(expires_at=int(time.time()) + 1900)
    late = fresh.session()
    fresh.advance(2000)
    sessions = fresh.stripe.v1.checkout.sessions

    assert sessions.retrieve(soon.id).status == "expired"
    assert sessions.retrieve(late.id).status == "open"
    assert fresh.pay(soon.id)["field"] == "session"
    assert fresh.event_types(soon.id) == ["checkout.session.expired"]


def test_sessions_expire_by_call_once(sandbox: Sandbox) -> None:
    session = sandbox.session()
    sandbox.pay(session.id, card="4000000000000002")
    expired = sandbox.stripe.v1.checkout.sessions.expire(session.id)
    intent = sandbox.stripe.v1.payment_intents.retrieve(str(expired.payment_intent))

    assert (expired.status, expired.url, intent.status) == ("expired", None, "canceled")
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.stripe.v1.checkout.sessions.expire(session.id)


@pytest.mark.parametrize("offset", [60, 29 * 60, 25 * 3600])
def test_expiry_is_between_half_an_hour_and_a_day(sandbox: Sandbox, offset: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sandbox.session(expires_at=int(time.time()) + offset)

    assert refusal.value.param == "expires_at"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(49, "usd"), (49, "jpy"), (49, "eur"), (29, "gbp"), (17_499, "huf"), (399, "hkd")],
)
def test_tiny_amounts_are_refused(sandbox: Sandbox, amount: int, currency: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sandbox.session(amount, currency)

    assert refusal.value.code == "amount_too_small"


def test_a_free_session_needs_no_payment(sandbox: Sandbox) -> None:
    session = sandbox.session(0)
    sandbox.pay(session.id)
    done = sandbox.stripe.v1.checkout.sessions.retrieve(session.id)

    assert (done.payment_status, done.payment_intent) == ("no_payment_required", None)


def test_a_session_is_paid_once_by_many_buyers(fresh: Sandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    session = fresh.session()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: fresh.pay(session.id)["result"], range(8)))

    assert sorted(results) == ["paid"] + ["refused"] * 7
    assert len(fresh.stripe.v1.charges.list().data) == 1


def test_allowed_and_excluded_methods_filter_what_is_offered(sandbox: Sandbox) -> None:
    every = sandbox.session(currency="eur").payment_method_types
    allowed = sandbox.session(currency="eur", allowed_payment_method_types=["card"])
    excluded = sandbox.session(currency="eur", excluded_payment_method_types=["card"])

    assert {"card", "sepa_debit"} <= set(every)
    assert allowed.payment_method_types == ["card"]
    assert "card" not in excluded.payment_method_types


def test_line_items_and_prices(sandbox: Sandbox) -> None:
    client = sandbox.stripe
    product = client.v1.products.create(params={"name": "Coins"})
    price = client.v1.prices.create(
        params={"product": product.id, "currency": "usd", "unit_amount": 500}
    )
    params: Any = cart() | {"line_items": [{"price": price.id, "quantity": 3}]}
    session = client.v1.checkout.sessions.create(params=params)
    items = client.v1.checkout.sessions.line_items.list(session.id).data

    assert session.amount_total == 1500
    assert [(item.quantity, item.amount_total, item.description) for item in items] == [
        (3, 1500, "Coins")
    ]


def test_everything_survives_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "s.sqlite"
    first = start(state)
    open_session = first.session()
    debit = first.session(currency="eur")
    first.pay(debit.id, iban="AT321904300235473204")
    first.kill()
    assert first.process.stdout is not None
    first.process.stdout.close()

    with running(state) as second:
        second.advance(250)
        sessions = second.stripe.v1.checkout.sessions
        assert sessions.retrieve(debit.id).payment_status == "paid"
        assert second.pay(open_session.id)["result"] == "paid"
        second.advance(86_400)
    checked = sqlite3.connect(state)
    assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    checked.close()
