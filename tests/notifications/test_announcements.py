"""Which of a payment's fortunes are announced: each once, whatever is repeated."""

from __future__ import annotations

import json
from collections import Counter

import psycopg
import pytest

from coinpurse import Coinpurse, Settings
from coinpurse.errors import LedgerInvariantBroken
from coinpurse.inbox.rules import BACK_OFF
from coinpurse.outbox import Message
from coinpurse.purchases import facts_of, fulfil, report_of_session
from tests.conftest import Sandbox
from tests.refunds.conftest import Shop


@pytest.fixture
def shop(purse: Coinpurse, settings: Settings, sandbox: Sandbox) -> Shop:
    return Shop(purse, sandbox, settings.require_stripe_key())


def told(shop: Shop) -> list[Message]:
    """What was announced, oldest first."""
    return [message for message, _ in reversed(shop.purse.notifications.latest())]


def types(shop: Shop) -> Counter[str]:
    return Counter(message.type for message in told(shop))


def test_a_dispute_is_told_of_when_it_opens_and_when_it_ends(shop: Shop) -> None:
    payment = shop.buy()
    dispute_id = shop.dispute(payment)
    for _ in range(2):
        shop.follow(payment)
    shop.decide(dispute_id, "win")
    for _ in range(2):
        shop.follow(payment)

    completed, opened, closed = told(shop)
    assert [each.type for each in (completed, opened, closed)] == [
        "payment.completed",
        "dispute.opened",
        "dispute.closed",
    ]
    assert opened.facts["dispute_id"] == closed.facts["dispute_id"] == dispute_id
    assert (opened.facts["disputed_minor"], closed.facts["dispute_status"]) == (9999, "won")
    assert completed.facts == facts_of(payment)


def test_a_refund_that_failed_and_is_made_anew_is_news(shop: Shop) -> None:
    payment = shop.buy()
    first = shop.refund_at_stripe(payment, 2000)
    shop.follow(payment)
    shop.sandbox.post(f"refunds/{first}/fail").raise_for_status()
    shop.follow(payment)
    shop.refund_at_stripe(payment, 2000)
    for _ in range(2):
        shop.follow(payment)

    refunds = [message for message in told(shop) if message.type == "payment.refunded"]
    assert [each.facts["refunded_minor"] for each in refunds] == [2000, 2000]
    assert [each.facts["coins_taken"] for each in refunds] == [240, 240]


def test_a_payment_that_needs_a_person_is_told_of_once(shop: Shop) -> None:
    started = shop.purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET amount_minor = 1")
    shop.sandbox.pay(started.session_id)
    session = shop.purse.services.gateway.get_checkout_session(started.session_id)

    for _ in range(3):
        with shop.purse.database.unit_of_work() as work:
            fulfil(work, report_of_session(session))

    (review,) = told(shop)
    assert review.type == "payment.in_review"
    assert "Stripe took 9999 usd" in review.facts["reason"]
    # Given all the same by a person, the buyer hears of it.
    assert review.payment_id is not None
    shop.purse.resolve_review(review.payment_id, "credit", reason="their mistake", actor="op")
    assert types(shop) == {"payment.in_review": 1, "payment.completed": 1}


def test_a_dead_event_and_broken_books_are_told_once_each(shop: Shop, database_url: str) -> None:
    payment = shop.buy()
    (event,) = (
        each
        for each in shop.sandbox.events()
        if each["type"] == "checkout.session.completed"
        and each["data"]["object"]["id"] == payment.session_id
    )
    gateway = shop.purse.services.gateway
    shop.purse.inbox.take(gateway.parse_event(json.dumps(event)))
    with psycopg.connect(database_url, autocommit=True) as connection:
        # The ledger has the purchase, with other content than the row has.
        connection.execute(
            "UPDATE coinpurse.payment_sessions SET coins = 999, transaction_id = NULL,"
            " completed_at = NULL, status = 'pending'"
        )
        connection.execute("UPDATE coinpurse.stripe_events SET state = 'received', attempts = 0")

    states = [shop.purse.inbox.process(event["id"]).state for _ in range(len(BACK_OFF) + 1)]

    assert states[-2:] == ["failed", "dead"]
    alerts = Counter(each.facts["event"] for each in told(shop) if each.type == "operator.alert")
    assert alerts == {"ledger.broken": 1, "event.dead": 1}
    assert LedgerInvariantBroken.__name__ in {str(each.facts.get("error")) for each in told(shop)}
