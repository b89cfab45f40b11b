"""Processes that are killed in the middle: after a restart the coins are there, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import requests

from tests.conftest import Sandbox, Store

PACK = {"pack": "chest", "currency": "usd"}


def balance(customer: requests.Session, store: Store) -> int:
    found: dict[str, Any] = customer.get(f"{store.url}/api/wallet", timeout=30).json()
    coins: int = found["balance"]
    return coins


def start_checkout(customer: requests.Session, store: Store) -> requests.Response:
    return customer.post(f"{store.url}/api/payment/create-checkout-session", json=PACK, timeout=60)


def test_a_purchase_from_the_click_to_the_coins(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    customer = store.customer()

    session_id = start_checkout(customer, store).json()["session_id"]
    sandbox.pay(session_id)

    eventually(lambda: balance(customer, store) == 1200)


def test_a_crash_between_stripe_s_answer_and_our_commit_loses_nothing(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web()
    customer = store.customer()
    sandbox.post(
        "faults",
        kind="timeout",
        when="after",
        count=1,
        method="POST",
        path="/v1/checkout/sessions",
    )

    def click() -> None:
        with suppress(requests.ConnectionError):  # The store is killed under it.
            start_checkout(customer, store)

    clicking = threading.Thread(target=click)
    clicking.start()
    with psycopg.connect(database_url, autocommit=True) as connection:
        find = "SELECT id, session_id FROM coinpurse.payment_sessions"
        row = eventually(lambda: connection.execute(find).fetchone())
        opened = eventually(
            lambda: [
                session["id"]
                for session in requests.get(
                    f"{sandbox.url}/v1/checkout/sessions",
                    params={"limit": "100"},
                    auth=(store.settings.require_stripe_key(), ""),
                    timeout=30,
                ).json()["data"]
                if session["metadata"].get("payment_id") == str(row[0])
            ]
        )
        store.kill_web()
        clicking.join()
        assert connection.execute(find).fetchall() == [(row[0], None)]

    sandbox.clear_faults()
    store.start_web()
    sandbox.pay(opened[0])

    eventually(lambda: balance(customer, store) == 1200)
    assert customer.get(f"{store.url}/api/payment/status/{opened[0]}", timeout=30).json() == {
        "status": "completed",
        "session_id": opened[0],
        "coins_added": 1200,
        "new_balance": 1200,
    }


def test_a_crash_between_the_inbox_and_the_effect_loses_nothing(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web()
    customer = store.customer()
    session_id = start_checkout(customer, store).json()["session_id"]

    with (
        psycopg.connect(database_url) as blocker,
        psycopg.connect(database_url, autocommit=True) as watcher,
    ):
        # The effect cannot get past this lock; the inbox can.
        blocker.execute("SELECT 1 FROM coinpurse.payment_sessions FOR UPDATE")
        sandbox.pay(session_id)
        eventually(
            lambda: watcher.execute(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%payment_sessions%'"
            ).fetchone()
        )
        store.kill_web()
        blocker.rollback()
        assert watcher.execute("SELECT count(*) FROM coinpurse.transactions").fetchone() == (0,)

    store.start_web()
    sandbox.post("deliveries/flush", retries=True)

    eventually(lambda: balance(customer, store) == 1200)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM coinpurse.transactions").fetchone() == (1,)


def test_the_worker_retries_a_failed_event(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web()
    store.start_worker()
    customer = store.customer()
    session_id = start_checkout(customer, store).json()["session_id"]

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE coinpurse.grants RENAME TO grants_elsewhere")
        sandbox.pay(session_id)
        failed = "SELECT 1 FROM coinpurse.stripe_events WHERE state = 'failed'"
        eventually(lambda: connection.execute(failed).fetchone())
        connection.execute("ALTER TABLE coinpurse.grants_elsewhere RENAME TO grants")

        eventually(lambda: balance(customer, store) == 1200)
        eventually(lambda: connection.execute(failed).fetchone() is None)
        assert connection.execute("SELECT count(*) FROM coinpurse.transactions").fetchone() == (1,)


def test_the_store_ends_in_order_when_it_is_told_to(
    store: Store, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web()
    store.start_worker()
    with psycopg.connect(database_url, autocommit=True) as connection:
        working = "SELECT 1 FROM coinpurse.procrastinate_workers"
        eventually(lambda: connection.execute(working).fetchone())
    web, worker = store.web, store.worker
    assert web is not None
    assert worker is not None

    store.stop()

    assert (web.returncode, worker.returncode) == (0, 0)
