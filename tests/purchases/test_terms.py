"""Limits, the bonus of a first purchase and the one that expires: frozen when the checkout starts, whatever races."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import psycopg
import pytest
import requests

from coinpurse import Coinpurse
from coinpurse.errors import CheckoutFailed, PackLimitReached, PackUnavailable, PriceMismatch
from coinpurse.purchases import StartedCheckout, fulfil, report_of_session, store
from coinpurse.settings import Settings
from tests.conftest import Sandbox

SESSIONS = "/v1/checkout/sessions"
PACKS = """
[[packs]]
sku = "starter"
coins = 100
limit_per_user = 1
prices = { usd = "1.99" }

[[packs]]
sku = "trio"
coins = 200
limit_per_user = 3
prices = { usd = "2.99" }

[[packs]]
sku = "welcome"
coins = 1000
bonus = 200
first_purchase_bonus = 50
prices = { usd = "9.99" }

[[packs]]
sku = "hello"
coins = 500
first_purchase_bonus = 25
bonus_expires_days = 30
prices = { usd = "4.99" }

[[packs]]
sku = "plain"
coins = 10
prices = { usd = "0.99" }

[[packs]]
sku = "over"
coins = 11
available_until = 2026-01-01T00:00:00+08:00
prices = { usd = "0.99" }
"""


@pytest.fixture
def purse(settings: Settings, tmp_path: Path) -> Iterator[Coinpurse]:
    file = tmp_path / "shop.toml"
    file.write_text(PACKS)
    made = Coinpurse(settings=settings.model_copy(update={"catalog": file, "threads": 32}))
    yield made
    made.database.close()


def start(purse: Coinpurse, pack: str, **changes: Any) -> StartedCheckout:
    return purse.start_checkout(
        "ada",
        **{
            "pack": pack,
            "success_url": "http://127.0.0.1:5000/ok",
            "cancel_url": "http://127.0.0.1:5000/no",
            **changes,
        },
    )


def buy(purse: Coinpurse, sandbox: Sandbox, pack: str) -> int:
    """Pay for a pack and return the balance."""
    return settle(purse, sandbox, start(purse, pack))


def settle(purse: Coinpurse, sandbox: Sandbox, started: StartedCheckout) -> int:
    """Pay if it can still be paid, have every webhook's work done, and return the balance."""
    sandbox.pay(started.session_id)
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.payment_sessions SET checked_at = NULL")
    purse.payment_status(started.session_id, "ada")
    return purse.wallet("ada").balance


def all_at_once(purse: Coinpurse, packs: list[str]) -> list[StartedCheckout]:
    """Start a checkout for each in a thread of its own, and return those that were not refused."""
    barrier = Barrier(len(packs))

    def one(pack: str) -> StartedCheckout | None:
        barrier.wait()
        try:
            return start(purse, pack)
        except (PackLimitReached, CheckoutFailed):
            return None

    with ThreadPoolExecutor(len(packs)) as pool:
        return [found for found in pool.map(one, packs) if found is not None]


def is_open(purse: Coinpurse, sandbox: Sandbox, started: StartedCheckout) -> bool:
    session = requests.get(
        f"{sandbox.url}{SESSIONS}/{started.session_id}",
        auth=(purse.settings.require_stripe_key(), ""),
        timeout=30,
    ).json()
    return bool(session["status"] == "open")


@pytest.mark.parametrize(("pack", "limit", "coins"), [("starter", 1, 100), ("trio", 3, 200)])
def test_of_sixteen_checkouts_started_at_once_no_more_can_be_paid_than_the_limit(
    purse: Coinpurse, sandbox: Sandbox, pack: str, limit: int, coins: int
) -> None:
    started = all_at_once(purse, [pack] * 16)

    assert started
    assert sum(is_open(purse, sandbox, each) for each in started) <= limit
    for each in started:
        settle(purse, sandbox, each)
    while not purse.standing("ada").has_reached_limit(purse.catalog.by_sku(pack, "usd")):
        buy(purse, sandbox, pack)
    with pytest.raises(PackLimitReached) as refusal:
        start(purse, pack)
    assert refusal.value.facts == {"sku": pack, "limit": limit}
    assert purse.wallet("ada").balance == limit * coins


def test_a_refused_start_writes_no_row(purse: Coinpurse, sandbox: Sandbox) -> None:
    buy(purse, sandbox, "starter")

    with pytest.raises(PackLimitReached):
        start(purse, "starter")

    assert len(purse.payments("ada")) == 1
    assert purse.start_checkout(
        "bob",
        pack="starter",
        success_url="http://127.0.0.1:5000/ok",
        cancel_url="http://127.0.0.1:5000/no",
    )


def test_a_buyer_who_turned_back_may_start_anew_and_the_first_checkout_is_closed(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    first = start(purse, "starter")
    second = start(purse, "starter")

    assert first.session_id != second.session_id
    assert not is_open(purse, sandbox, first)
    assert settle(purse, sandbox, second) == 100
    assert [each.status for each in purse.payments("ada")] == ["completed", "cancelled"]


def test_a_checkout_that_was_paid_unseen_takes_the_place(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.pay(start(purse, "starter").session_id)

    with pytest.raises(PackLimitReached):
        start(purse, "starter")

    assert purse.wallet("ada").balance == 100


def test_the_same_key_is_the_same_checkout_of_a_limited_pack(purse: Coinpurse) -> None:
    assert start(purse, "starter", key="click") == start(purse, "starter", key="click")


def test_a_failed_checkout_does_not_take_the_place_and_its_repeat_asks_for_it_again(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    sandbox.post("faults", kind="server_error", method="POST", path=SESSIONS)
    with pytest.raises(CheckoutFailed):
        start(purse, "starter", key="first")
    sandbox.clear_faults()

    assert buy(purse, sandbox, "starter") == 100
    with pytest.raises(PackLimitReached):
        start(purse, "starter", key="first")


def test_the_first_purchase_bonus_comes_with_the_first_purchase_alone(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    assert buy(purse, sandbox, "welcome") == 1250
    assert buy(purse, sandbox, "welcome") == 1250 + 1200
    assert buy(purse, sandbox, "hello") == 1250 + 1200 + 500

    first = purse.payments("ada")[-1]
    assert (first.bonus, first.first_bonus) == (250, 50)
    (line,) = first.stripe_parameters["line_items"]
    described = line["price_data"]["product_data"]["description"]
    assert described == "Get 1000 coins + 250 bonus coins"
    assert first.stripe_parameters["metadata"]["total_coins"] == "1250"


def test_a_purchase_of_any_pack_is_the_first(purse: Coinpurse, sandbox: Sandbox) -> None:
    buy(purse, sandbox, "plain")

    assert buy(purse, sandbox, "welcome") == 10 + 1200


def test_of_sixteen_first_purchases_at_once_one_has_the_first_bonus(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    started = all_at_once(purse, ["welcome", "hello"] * 8)

    for each in started:
        settle(purse, sandbox, each)

    paid = [each for each in purse.payments("ada", 100) if each.is_credited]
    assert sum(each.first_bonus > 0 for each in paid) <= 1
    balance = purse.wallet("ada").balance
    assert balance == sum(each.total_coins for each in paid)
    assert purse.standing("ada").may_have_first_bonus is False


def test_a_new_checkout_takes_the_first_bonus_over_from_the_one_that_was_left(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    left = start(purse, "welcome")
    taken = start(purse, "hello")

    assert not is_open(purse, sandbox, left)
    assert settle(purse, sandbox, taken) == 525


def test_what_was_sold_stays_what_was_sold(
    purse: Coinpurse, sandbox: Sandbox, settings: Settings
) -> None:
    started = start(purse, "welcome")
    buy(purse, sandbox, "plain")

    assert settle(purse, sandbox, started) == 10 + 1250


def test_a_buyer_who_was_shown_more_than_is_due_is_not_sold_less(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    buy(purse, sandbox, "plain")

    with pytest.raises(PriceMismatch):
        start(purse, "welcome", shown_bonus=250)

    assert start(purse, "welcome", shown_bonus=200)


def test_the_bonus_expires_days_after_the_purchase_and_the_paid_coins_stay(
    purse: Coinpurse, sandbox: Sandbox, database_url: str
) -> None:
    started = start(purse, "hello")
    assert settle(purse, sandbox, started) == 525
    (payment,) = purse.payments("ada")
    assert payment.completed_at is not None
    assert payment.bonus_expires_at == payment.completed_at + timedelta(days=30)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT kind, expires_at = 'infinity' FROM coinpurse.grants ORDER BY kind"
        ).fetchall()
        assert rows == [("bonus", False), ("paid", True)]
        # A month later: the clock is the database's own.
        connection.execute(
            "UPDATE coinpurse.grants SET expires_at = expires_at - interval '30 days' WHERE kind = 'bonus'"
        )
        connection.execute("UPDATE coinpurse.wallets SET next_due_at = now()")

    assert purse.spend("ada", 1, key="one").balance_after == 499
    assert purse.wallet("ada").bonus == 0
    assert [problem for _, problems in purse.verify() for problem in problems] == []


def test_a_repeated_report_of_an_expiring_purchase_changes_nothing(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    started = start(purse, "hello")
    settle(purse, sandbox, started)

    (payment,) = purse.payments("ada")
    purse.reconcile()
    with purse.database.unit_of_work() as work:
        session = purse.services.gateway.get_checkout_session(started.session_id)
        again = fulfil(work, report_of_session(session))

    assert again.created is False
    assert again.transaction is not None
    assert again.transaction.id == payment.transaction_id


def test_purchases_of_test_mode_do_not_count_once_real_money_moves(
    purse: Coinpurse, sandbox: Sandbox
) -> None:
    buy(purse, sandbox, "starter")

    with purse.database.unit_of_work() as work:
        assert store.standing_of(work, "ada", livemode=False).bought == {"starter": 1}
        live = store.standing_of(work, "ada", livemode=True)

    assert (live.bought, live.may_have_first_bonus) == ({}, True)


def test_a_pack_is_sold_inside_its_window_alone(purse: Coinpurse) -> None:
    with pytest.raises(PackUnavailable):
        start(purse, "over")


def test_the_edges_of_a_window(purse: Coinpurse) -> None:
    pack = next(each for each in purse.catalog.packs if each.sku == "over")
    end = datetime(2025, 12, 31, 16, tzinfo=UTC)

    assert pack.is_on_sale(end - timedelta(microseconds=1))
    assert not pack.is_on_sale(end)
