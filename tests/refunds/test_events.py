"""What Stripe's events about refunds, disputes and warnings lead to, over HTTP, in any order and number."""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
import stripe
from flask import Flask

from coinpurse import Coinpurse
from coinpurse.inbox import StoredEvent
from coinpurse.purchases import Payment
from tests.conftest import Sandbox
from tests.refunds.conftest import Shop

Event = dict[str, Any]
SEEDS = range(4)


class Post:
    """Stripe's deliveries to our webhook."""

    def __init__(self, host: Flask, shop: Shop, secret: str) -> None:
        self.host = host
        self.shop = shop
        self.secret = secret

    def events(self, payment_intent_id: str | None) -> list[Event]:
        """Stripe's own events about a payment, oldest first."""
        return [
            event
            for event in reversed(self.shop.sandbox.events())
            if payment_intent_id
            in (event["data"]["object"].get("payment_intent"), event["data"]["object"]["id"])
        ]

    def after_sale(self, payment: Payment) -> list[Event]:
        """The events about what came after a sale, oldest first."""
        kinds = ("refund.", "charge.refunded", "charge.dispute.", "radar.")
        return [
            event
            for event in self.events(payment.payment_intent_id)
            if event["type"].startswith(kinds)
        ]

    def send(self, event: Event) -> StoredEvent:
        """Deliver an event, which must be acknowledged; it as it was stored."""
        body = json.dumps(event)
        header = stripe.WebhookSignature.generate_signature_header(
            body, self.secret, timestamp=int(time.time())
        )
        answer = self.host.test_client().post(
            "/api/payment/webhook",
            data=body,
            headers={"Stripe-Signature": header, "Content-Type": "application/json"},
        )
        assert (answer.status_code, answer.json) == (200, {"status": "success"}), answer.text
        stored = self.shop.purse.inbox.find(event["id"])
        assert stored is not None
        return stored

    def send_all(self, events: Iterable[Event]) -> list[str]:
        """Deliver events one after another; the state of each."""
        return [self.send(event).state for event in events]


@pytest.fixture
def shop(purse: Coinpurse, sandbox: Sandbox) -> Shop:
    """The shop whose webhook the host has."""
    return Shop(purse, sandbox, purse.settings.require_stripe_key())


@pytest.fixture
def post(host: Flask, shop: Shop, webhook_secret: str) -> Post:
    return Post(host, shop, webhook_secret)


def rows_of(shop: Shop) -> list[tuple[str, int, int, int]]:
    """The ledger of the buyer, oldest first."""
    rows = shop.purse.transactions("ada")
    return [(row.type, row.coins, row.frozen, row.debt) for row in reversed(rows)]


def shuffled(events: list[Event], seed: int) -> list[Event]:
    """Every event twice, in an order of the seed's own."""
    twice = [*events, *events]
    random.Random(seed).shuffle(twice)
    return twice


def test_a_refund_in_the_dashboard_takes_its_coins_by_webhook_alone(post: Post, shop: Shop) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    events = post.after_sale(payment)
    assert {"refund.created", "charge.refunded"} <= {event["type"] for event in events}

    assert set(post.send_all(events)) == {"processed"}

    assert shop.payment(payment).status == "partially_refunded"
    assert rows_of(shop) == [("purchase", 1200, 0, 0), ("refund", -400, 0, 0)]


@pytest.mark.parametrize("seed", SEEDS)
def test_trap_18_a_cumulative_amount_is_subtracted_once_in_any_order(
    post: Post, shop: Shop, seed: int
) -> None:
    payment = shop.buy()
    for amount in (3333, 3333, 1000):
        shop.refund_at_stripe(payment, amount)

    post.send_all(shuffled(post.after_sale(payment), seed))

    assert shop.payment(payment).refunded_minor == 7666
    assert shop.figures() == (1200 - 1200 * 7666 // 9999, 0, 0)


def test_trap_18_a_second_partial_refund_is_not_dropped(post: Post, shop: Shop) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    post.send_all(post.after_sale(payment))
    heard = len(post.after_sale(payment))
    shop.refund_at_stripe(payment, 3333)

    post.send_all(post.after_sale(payment)[heard:])

    assert rows_of(shop)[1:] == [("refund", -400, 0, 0), ("refund", -400, 0, 0)]


def test_trap_19_the_shortfall_is_remembered_and_repaid_by_the_next_purchase(
    post: Post, shop: Shop
) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    shop.refund_at_stripe(payment)

    post.send_all(post.after_sale(payment))
    assert shop.figures() == (-900, 0, 900)
    shop.buy()

    assert shop.figures() == (300, 0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_trap_20_a_refund_that_fails_later_is_given_back_in_any_order(
    post: Post, shop: Shop, seed: int
) -> None:
    payment = shop.buy()
    refund = shop.refund_at_stripe(payment)
    post.send_all(post.after_sale(payment))
    assert shop.figures() == (0, 0, 0)
    shop.sandbox.post(f"refunds/{refund}/fail").raise_for_status()
    events = post.after_sale(payment)
    assert "refund.failed" in {event["type"] for event in events}

    post.send_all(shuffled(events, seed))

    assert shop.figures() == (1200, 0, 0)
    assert shop.payment(payment).status == "completed"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("verdict", "figures", "status"),
    [("win", (300, 0, 0), "completed"), ("lose", (-900, 0, 900), "disputed")],
)
def test_trap_21_winners_get_back_exactly_and_losers_stay_in_debt(
    post: Post, shop: Shop, seed: int, verdict: str, figures: tuple[int, int, int], status: str
) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    dispute = shop.dispute(payment)
    post.send_all(post.after_sale(payment))
    assert shop.figures() == (-600, 300, 900)
    shop.decide(dispute, verdict)
    events = post.after_sale(payment)
    assert {"charge.dispute.created", "charge.dispute.closed"} <= {each["type"] for each in events}

    post.send_all(shuffled(events, seed))

    assert shop.figures() == figures
    assert shop.payment(payment).status == status


def test_trap_21_an_inquiry_is_not_treated_as_a_loss_and_ends_without_a_trace(
    post: Post, shop: Shop
) -> None:
    payment = shop.buy()
    dispute = shop.dispute(payment, inquiry=True)
    post.send_all(post.after_sale(payment))
    assert shop.figures() == (1200, 1200, 0)
    assert shop.payment(payment).status == "completed"
    shop.stripe("POST", f"disputes/{dispute}/close")

    post.send_all(post.after_sale(payment))

    assert shop.figures() == (1200, 0, 0)


def test_a_warning_flags_the_payment_and_moves_nothing(post: Post, shop: Shop) -> None:
    payment = shop.buy()
    shop.sandbox.post(f"charges/{payment.payment_intent_id}/warning").raise_for_status()
    events = post.after_sale(payment)
    assert [event["type"] for event in events] == ["radar.early_fraud_warning.created"]

    assert post.send_all(events) == ["processed"]

    assert shop.payment(payment).fraud_warning_at is not None
    assert rows_of(shop) == [("purchase", 1200, 0, 0)]


def test_twenty_deliveries_at_once_have_one_result(post: Post, shop: Shop) -> None:
    payment = shop.buy()
    shop.purse.spend("ada", 900, key="hat")
    shop.refund_at_stripe(payment, 3333)
    shop.dispute(payment, amount=3333)
    told = post.after_sale(payment)
    # Repeats of the same events, and others about the same things.
    events = [
        event if number % 2 else {**event, "id": f"evt_{secrets.token_hex(8)}"}
        for number, event in enumerate((told * 20)[:20])
    ]
    start = Barrier(len(events))

    def deliver(event: Event) -> str:
        start.wait(60)
        return post.send(event).state

    with ThreadPoolExecutor(len(events)) as pool:
        assert set(pool.map(deliver, events)) == {"processed"}

    # 400 are asked for by the refund and 400 by the dispute; 300 were there.
    assert shop.figures() == (-500, 0, 500)
    rows = rows_of(shop)
    assert shop.follow(payment).status == "disputed"
    assert rows_of(shop) == rows


def test_thin_events_lead_to_the_same(post: Post, shop: Shop) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    shop.dispute(payment, amount=3333)
    shop.sandbox.post(f"charges/{payment.payment_intent_id}/warning").raise_for_status()

    states = post.send_all(thin(event) for event in post.after_sale(payment))

    assert set(states) == {"processed"}
    assert shop.figures() == (800, 400, 0)
    assert shop.payment(payment).fraud_warning_at is not None


def test_what_another_application_sold_and_gave_back_is_foreign(post: Post, shop: Shop) -> None:
    shop.buy()
    sold = shop.stripe(
        "POST",
        "payment_intents",
        data={
            "amount": "9999",
            "currency": "usd",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "automatic_payment_methods[enabled]": "true",
            "automatic_payment_methods[allow_redirects]": "never",
            "metadata[order]": "another-shop-7",
        },
    )["id"]
    shop.stripe("POST", "refunds", data={"payment_intent": sold, "amount": "100"})
    shop.sandbox.post(f"charges/{sold}/dispute").raise_for_status()
    shop.sandbox.post(f"charges/{sold}/warning").raise_for_status()
    events = post.events(sold)
    assert len(events) >= 5

    for event in events:
        for delivered in (event, thin(event)):
            assert post.send(delivered).state in ("foreign", "ignored"), event["type"]

    assert shop.figures() == (1200, 0, 0)


def test_a_refund_that_is_heard_of_before_its_sale_credits_first_and_then_takes_back(
    post: Post, shop: Shop
) -> None:
    session_id, payment_intent_id = sell_unheard(shop)
    refund = shop.stripe(
        "POST", "refunds", data={"payment_intent": payment_intent_id, "amount": "3333"}
    )
    events = post.events(payment_intent_id)
    first = next(event for event in events if event["data"]["object"]["id"] == refund["id"])

    assert post.send(first).state == "processed"

    assert rows_of(shop) == [("purchase", 1200, 0, 0), ("refund", -400, 0, 0)]
    # The sale's own events change nothing any more.
    assert set(post.send_all(events)) <= {"processed", "ignored"}
    assert shop.purse.payment_status(session_id, "ada").payment.status == "partially_refunded"
    assert shop.figures() == (800, 0, 0)


def test_a_whole_refund_before_its_sale_was_heard_of_leaves_nothing(post: Post, shop: Shop) -> None:
    _, payment_intent_id = sell_unheard(shop)
    shop.stripe("POST", "refunds", data={"payment_intent": payment_intent_id})

    post.send_all(reversed(post.events(payment_intent_id)))

    assert shop.figures() == (0, 0, 0)


@pytest.mark.parametrize("kind", ["rate_limit", "server_error"])
def test_an_event_while_stripe_is_away_is_kept_and_right_after_a_retry(
    post: Post, shop: Shop, database_url: str, kind: str
) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    event = post.after_sale(payment)[0]
    shop.sandbox.post("faults", kind=kind, probability=1.0).raise_for_status()

    stored = post.send(event)

    assert (stored.state, stored.attempts) == ("failed", 1)
    assert stored.next_attempt_at is not None
    assert "GatewayError" in (stored.error or "")
    assert shop.figures() == (1200, 0, 0)
    shop.sandbox.clear_faults()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE coinpurse.stripe_events SET next_attempt_at = now()")
    assert shop.purse.inbox.process_due() == 1
    assert shop.figures() == (800, 0, 0)
    after = shop.purse.inbox.find(event["id"])
    assert after is not None
    assert (after.state, after.error) == ("processed", None)


def test_an_event_about_a_payment_that_the_database_has_lost_is_retried_and_then_foreign(
    post: Post, shop: Shop
) -> None:
    _, payment_intent_id = sell_unheard(shop)
    shop.stripe("POST", "refunds", data={"payment_intent": payment_intent_id})
    (event, *_) = (
        each for each in post.events(payment_intent_id) if each["type"] == "refund.created"
    )
    with shop.purse.database.unit_of_work() as work:
        work.execute("DELETE FROM coinpurse.payment_sessions")

    states = post.send_all([event] * 6)

    assert states == ["failed"] * 5 + ["foreign"]


def without(name: str) -> Callable[[dict[str, Any]], None]:
    """Make a change that takes a field away."""

    def change(about: dict[str, Any]) -> None:
        about.pop(name, None)

    change.__name__ = f"without {name}"
    return change


def surprising(about: dict[str, Any]) -> None:
    """Fields that nobody announced, and values of other kinds."""
    about.update(amount="a lot", currency=None, status=7, surprise={"deep": [1, 2, {"er": None}]})


@pytest.mark.parametrize(
    "change",
    [*map(without, ("amount", "currency", "status", "created", "payment_intent", "metadata")), surprising],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_what_an_event_says_of_amounts_is_not_believed_and_what_it_lacks_is_fetched(
    post: Post, shop: Shop, change: Callable[[dict[str, Any]], None]
) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    event = next(each for each in post.after_sale(payment) if each["type"] == "refund.created")
    altered = json.loads(json.dumps(event))
    change(altered["data"]["object"])

    assert post.send(altered).state in ("processed", "foreign")

    # Whatever became of this delivery, the next one finds the wallet right.
    post.send({**event, "id": "evt_next"})
    assert rows_of(shop) == [("purchase", 1200, 0, 0), ("refund", -400, 0, 0)]


def test_a_larger_amount_in_a_signed_event_takes_no_more_than_stripe_has_given_back(
    post: Post, shop: Shop
) -> None:
    payment = shop.buy()
    shop.refund_at_stripe(payment, 3333)
    for event in post.after_sale(payment):
        altered = json.loads(json.dumps(event))
        altered["data"]["object"].update(amount=9999, amount_refunded=9999, refunded=True)
        post.send(altered)

    assert shop.figures() == (800, 0, 0)


def sell_unheard(shop: Shop) -> tuple[str, str]:
    """A purchase that was paid and that we have not heard of; the session and its payment intent."""
    started = shop.purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/s",
        cancel_url="http://127.0.0.1:5000/c",
    )
    shop.sandbox.pay(started.session_id)
    session = shop.stripe("GET", f"checkout/sessions/{started.session_id}")
    return started.session_id, session["payment_intent"]


def thin(event: Event) -> Event:
    """The same news as a thin event."""
    about = event["data"]["object"]
    return {
        "id": f"evt_thin_{event['id']}",
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": "2026-11-01T10:00:00.000Z",
        "livemode": event["livemode"],
        "related_object": {"id": about["id"], "type": about["object"]},
    }
