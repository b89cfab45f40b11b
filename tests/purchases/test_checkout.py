"""Opening a checkout at Stripe: once, whatever crashes, collides or comes late."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import psycopg
import pytest
import requests

from coinpurse import Coinpurse
from coinpurse.db.installation import get_installation
from coinpurse.errors import (
    CheckoutFailed,
    Forbidden,
    GatewayError,
    IdempotencyConflict,
    NotFound,
)
from coinpurse.purchases import Payment, StartedCheckout
from tests.conftest import Sandbox

SESSIONS = "/v1/checkout/sessions"


def start(purse: Coinpurse, **changes: Any) -> StartedCheckout:
    return purse.start_checkout(
        "ada",
        **{
            "pack": "chest",
            "success_url": "http://127.0.0.1:5000/ok?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:5000/no",
            **changes,
        },
    )


def only_payment(purse: Coinpurse) -> Payment:
    (payment,) = purse.payments("ada")
    return payment


def sessions_at_stripe(purse: Coinpurse, sandbox: Sandbox) -> list[str]:
    """The ids of this store's sessions; each test has a payment, and so metadata, of its own."""
    found = requests.get(
        f"{sandbox.url}{SESSIONS}",
        params={"limit": "100"},
        auth=("sk_test_any_key", ""),
        timeout=30,
    ).json()["data"]
    ours = {str(payment.id) for payment in purse.payments("ada")}
    return [session["id"] for session in found if session["metadata"].get("payment_id") in ours]


def has_struck(sandbox: Sandbox) -> bool:
    """Whether the first of the faults that were asked for has happened."""
    rules = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=30).json()["rules"]
    return bool(rules[0]["remaining"] == 0)


def test_the_row_is_written_with_the_exact_parameters(purse: Coinpurse, sandbox: Sandbox) -> None:
    started = start(purse, locale="zh", key="click-1")

    payment = only_payment(purse)
    assert (payment.id, payment.session_id) == (started.payment_id, started.session_id)
    assert (payment.status, payment.checkout_url) == ("pending", started.checkout_url)
    metadata = {
        "user_id": "ada",
        "coins": "1000",
        "bonus": "200",
        "total_coins": "1200",
        "payment_id": str(payment.id),
    }
    with purse.database.unit_of_work() as work:
        installation = get_installation(work)
    assert installation.startswith("coinpurse_")
    assert payment.stripe_parameters == {
        "integration_identifier": installation,
        "mode": "payment",
        "line_items": [
            {
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 9999,
                    "product_data": {
                        "name": "1000 Coins",
                        "description": "Get 1000 coins + 200 bonus coins",
                    },
                },
                "quantity": 1,
            }
        ],
        "success_url": "http://127.0.0.1:5000/ok?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1:5000/no",
        "client_reference_id": "ada",
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
        "locale": "zh",
    }


def test_trap_22_yen_are_charged_as_yen(purse: Coinpurse, sandbox: Sandbox) -> None:
    started = start(purse, currency="jpy")

    found = requests.get(
        f"{sandbox.url}{SESSIONS}/{started.session_id}", auth=("sk_test_any_key", ""), timeout=30
    ).json()
    assert (found["amount_total"], found["currency"]) == (14800, "jpy")


def test_the_same_key_gives_the_same_session(purse: Coinpurse, sandbox: Sandbox) -> None:
    assert start(purse, key="click-1") == start(purse, key="click-1")

    assert start(purse, key="click-2") != start(purse, key="click-1")
    assert start(purse) != start(purse)


@pytest.mark.parametrize(
    "change",
    [{"pack": "pouch"}, {"currency": "eur"}, {"success_url": "http://127.0.0.1:5000/other"}],
    ids=["pack", "currency", "address"],
)
def test_the_same_key_for_another_order_is_a_conflict(
    purse: Coinpurse, change: dict[str, str]
) -> None:
    start(purse, key="click-1")

    with pytest.raises(IdempotencyConflict):
        start(purse, key="click-1", **change)

    assert len(purse.payments("ada")) == 1


def test_clicks_at_the_same_moment_open_one_session(purse: Coinpurse, sandbox: Sandbox) -> None:
    together = Barrier(6)

    def click(_: int) -> str | None:
        together.wait(30)
        try:
            return start(purse, key="click-1").session_id
        except CheckoutFailed:
            return None  # Its twin was under way for longer than it was ready to wait.

    with ThreadPoolExecutor(6) as pool:
        found = {session_id for session_id in pool.map(click, range(6)) if session_id}

    assert len(found) == 1
    assert sessions_at_stripe(purse, sandbox) == list(found)
    assert only_payment(purse).status == "pending"


def test_trap_7_a_crash_between_stripe_s_answer_and_our_note_is_mended_by_the_repeat(
    purse: Coinpurse, sandbox: Sandbox, database_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE coinpurse.payment_sessions ADD CONSTRAINT crash CHECK (session_id IS NULL)"
        )
        with pytest.raises(Exception, match="crash"):
            start(purse, key="click-1")
        connection.execute("ALTER TABLE coinpurse.payment_sessions DROP CONSTRAINT crash")
    (made,) = sessions_at_stripe(purse, sandbox)
    assert (only_payment(purse).status, only_payment(purse).session_id) == ("pending", None)

    again = start(purse, key="click-1")

    assert again.session_id == made == only_payment(purse).session_id
    assert sessions_at_stripe(purse, sandbox) == [made]


def test_a_409_for_a_twin_under_way_does_not_fail_the_row(
    purse: Coinpurse, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    # The first request hangs at Stripe, holding its key, until the twin has given up.
    sandbox.post("faults", kind="timeout", count=1, method="POST", path=SESSIONS, seconds=4.0)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(start, purse, key="click-1")
        eventually(lambda: has_struck(sandbox))

        with pytest.raises(CheckoutFailed) as refusal:
            start(purse, key="click-1")

        assert isinstance(refusal.value.__cause__, GatewayError)
        assert refusal.value.__cause__.status == 409
        assert only_payment(purse).status == "pending"
        assert only_payment(purse).failure_reason is None
        started = first.result(30)

    assert only_payment(purse).session_id == started.session_id
    assert start(purse, key="click-1") == started


def test_a_twin_s_late_success_reopens_the_row_that_another_failed(
    purse: Coinpurse, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    # Stripe makes the session and its answer hangs; meanwhile every try of the twin is refused.
    sandbox.post(
        "faults", kind="timeout", when="after", count=1, method="POST", path=SESSIONS, seconds=4.0
    )
    sandbox.post("faults", kind="server_error", count=3, method="POST", path=SESSIONS)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(start, purse, key="click-1")
        eventually(lambda: has_struck(sandbox))

        with pytest.raises(CheckoutFailed):
            start(purse, key="click-1")
        failed = only_payment(purse)
        started = first.result(30)

    assert (failed.status, failed.session_id) == ("failed", None)
    assert failed.failure_reason
    reopened = only_payment(purse)
    assert (reopened.status, reopened.session_id) == ("pending", started.session_id)
    assert reopened.failure_reason is None
    assert sandbox.pay(started.session_id)["result"] == "paid"
    assert purse.payment_status(started.session_id, "ada").new_balance == 1200


def test_a_repeat_of_a_failed_checkout_opens_the_one_session_once_stripe_is_back(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.post("faults", kind="server_error", method="POST", path=SESSIONS)
    with pytest.raises(CheckoutFailed) as first:
        start(purse, key="click-1")
    sandbox.clear_faults()

    again = start(purse, key="click-1")

    assert first.value.facts == {"payment_id": str(again.payment_id)}
    assert only_payment(purse).status == "pending"
    assert len(sessions_at_stripe(purse, sandbox)) == 1


def test_the_balance_follows_the_completed_payment_alone(
    purse: Coinpurse, sandbox: Sandbox, database_url: str
) -> None:
    started = start(purse)
    assert purse.payment_status(started.session_id, "ada").new_balance is None
    sandbox.pay(started.session_id)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE coinpurse.payment_sessions SET checked_at = checked_at - interval '3 seconds'"
        )

    status = purse.payment_status(started.session_id, "ada")

    assert (status.payment.status, status.new_balance) == ("completed", 1200)


def test_a_settling_payment_cannot_be_cancelled_and_stays_under_way(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    started = start(purse, currency="eur")
    assert sandbox.pay(started.session_id, iban="AT321904300235473204")["result"] == "processing"

    status = purse.cancel_checkout(started.session_id, "ada")

    assert status.payment.status == "pending"
    assert status.payment.settling_at is not None


def test_only_the_buyer_asks_and_cancels(purse: Coinpurse) -> None:
    started = start(purse)

    for act in (purse.payment_status, purse.cancel_checkout):
        with pytest.raises(Forbidden):
            act(started.session_id, "eve")
        with pytest.raises(NotFound):
            act("cs_test_nothing", "ada")


def test_the_picture_of_a_pack_is_on_stripe_s_page(purse: Coinpurse) -> None:
    pack = replace(
        purse.catalog.by_sku("handful", "usd"), image="https://img.example.com/pouch.png"
    )

    purse.services.purchases.start(
        "ada",
        pack,
        "usd",
        success_url="http://127.0.0.1:5000/",
        cancel_url="http://127.0.0.1:5000/",
    )

    (line,) = only_payment(purse).stripe_parameters["line_items"]
    assert line["price_data"]["product_data"] == {
        "name": "50 Coins",
        "description": "Get 50 coins",
        "images": ["https://img.example.com/pouch.png"],
    }


def test_while_stripe_is_away_the_status_is_the_last_known_and_nothing_is_cancelled(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    started = start(purse)
    sandbox.post("faults", kind="server_error")

    assert purse.payment_status(started.session_id, "ada").payment.status == "pending"
    with pytest.raises(GatewayError):
        purse.cancel_checkout(started.session_id, "ada")
    assert only_payment(purse).status == "pending"

    sandbox.clear_faults()
    for _ in range(2):
        status = purse.cancel_checkout(started.session_id, "ada")
        assert (status.payment.status, status.new_balance) == ("cancelled", None)
