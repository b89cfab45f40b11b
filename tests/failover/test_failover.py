"""The primary dies under load, the standby takes over, and everything acknowledged is there, once."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from coinpurse import Coinpurse, Settings, jobs
from tests.conftest import Sandbox, Store
from tests.failover import cluster, load
from tests.failover.cluster import Cluster
from tests.failover.load import Load, Operation

FUNDS = 1_000_000
CHEST = 1200
LOAD_SECONDS = 2.0
# How long nobody takes writes before the standby is promoted: pools begin to wait longer between two tries.
DETECTION_SECONDS = 3.0
# Buyers who stand at Stripe's page when the primary dies, and pay while no server takes writes.
WAITING_BUYERS = 4
SPENDS_AFTERWARDS = 50
LONGEST_RECOVERY_SECONDS = 20.0


@pytest.fixture
def servers() -> Iterator[Cluster]:
    with cluster.started() as running:
        yield running


@pytest.fixture
def store(servers: Cluster, sandbox: Sandbox, tmp_path: Path) -> Iterator[Store]:
    """The store of both hosts, as processes: server and worker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = f"sk_test_{secrets.token_hex(12)}"
    endpoint = requests.post(
        f"{sandbox.url}/v1/webhook_endpoints",
        data={"url": f"http://127.0.0.1:{port}/api/payment/webhook", "enabled_events[]": "*"},
        auth=(key, ""),
        timeout=30,
    ).json()
    settings = Settings(
        stripe_secret_key=key,
        stripe_webhook_secret=endpoint["secret"],
        stripe_api_base=sandbox.url,
        database_url=servers.url,
        secret_key=secrets.token_hex(32),
        threads=16,
    )
    made = Store(settings, port, tmp_path)
    try:
        assert made.run("db", "upgrade").returncode == 0
        made.start_web()
        made.start_worker()
        yield made
    finally:
        made.stop()
        requests.delete(
            f"{sandbox.url}/v1/webhook_endpoints/{endpoint['id']}", auth=(key, ""), timeout=30
        )


def purse_of(store: Store, stack: ExitStack, *, group_commit: bool) -> Coinpurse:
    purse = Coinpurse(settings=store.settings.model_copy(update={"group_commit": group_commit}))
    stack.callback(purse.database.close)
    return purse


def start_spending(clients: Load, store: Store, stack: ExitStack) -> dict[str, int]:
    """Start the clients that spend; returns what each wallet has at first."""
    made = store.run("keys", "create", "--name", "load", "--scope", "spend", "--json")
    api_key = json.loads(made.stdout)["key"]
    plain = purse_of(store, stack, group_commit=False)
    grouped = purse_of(store, stack, group_commit=True)
    acts = [
        load.spend_over_http(clients, store, api_key, user) for user in ("web", "web", "shared")
    ]
    acts += [load.spend_in_python(clients, plain, user) for user in ("host", "shared")]
    acts += [load.spend_in_python(clients, grouped, "grouped") for _ in range(2)]
    wallets = ("web", "shared", "host", "grouped")
    for user in wallets:
        plain.credit(user, FUNDS, key="funds")
    stack.callback(clients.finish)
    for number, act in enumerate(acts):
        clients.repeat(f"spender{number}", act)
    return dict.fromkeys(wallets, FUNDS)


def test_failover_loses_and_doubles_nothing_that_was_acknowledged(
    servers: Cluster, store: Store, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    clients = Load()
    waiting: list[str] = []
    with ExitStack() as stack:
        funds = start_spending(clients, store, stack)
        customer = store.customer()
        open_and_wait = load.open_checkouts(clients, store, customer, waiting.append)
        for number in range(WAITING_BUYERS):
            open_and_wait(f"waiting-{number}")
        open_and_pay = load.open_checkouts(
            clients, store, customer, lambda session_id: load.pay(clients, sandbox, session_id)
        )
        clients.repeat("buyer", open_and_pay)
        eventually(lambda: clients.paid)
        time.sleep(LOAD_SECONDS)

        killed = kill_under_a_spend(servers, eventually)
        for session_id in waiting:
            load.pay(clients, sandbox, session_id)
        time.sleep(max(0.0, killed + DETECTION_SECONDS - time.monotonic()))
        promoted = time.monotonic()
        servers.promote()
        eventually(
            lambda: (
                clients.unexpected
                or (
                    len(clients.acknowledged_since(promoted, "spend")) >= SPENDS_AFTERWARDS
                    and clients.acknowledged_since(promoted, "checkout")
                )
            ),
        )
    assert clients.unexpected == []
    note_recovery(clients, killed, promoted)
    assert_that_it_hit(clients, killed)

    with psycopg.connect(servers.standby.url, autocommit=True) as connection:
        assert_spends_are_there_once(connection, clients, funds)
        eventually(lambda: all_are_credited(servers, sandbox, clients.paid))
        assert_purchases_are_there_once(connection, clients, sandbox, store)
    verified = store.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert json.loads(verified.stdout)["differences"] == []
    assert_the_worker_works(servers, store, eventually)

    servers.rejoin()
    with psycopg.connect(servers.url) as connection:
        assert connection.info.port == servers.standby.port
    gift = ("wallet", "adjust", "web", "5", "--reason", "sorry", "--actor", "ada")
    assert store.run(*gift).returncode == 0
    servers.primary.wait_until(
        "SELECT pg_is_in_recovery() AND EXISTS"
        " (SELECT FROM coinpurse.transactions WHERE type = 'adjustment' AND actor = 'ada')"
    )


def note_recovery(clients: Load, killed: float, promoted: float) -> None:
    first = {
        kind: min(found.acknowledged or 0 for found in clients.acknowledged_since(promoted, kind))
        for kind in ("spend", "checkout")
    }
    counted = Counter(found.kind for found in clients.operations)
    under_way = Counter(found.kind for found in clients.operations if found.is_under_way_at(killed))
    print(  # noqa: T201  Shown with -s; the figures of docs/high-availability.md.
        f"\n{dict(counted)} acknowledged, {dict(under_way)} under way at the kill, {dict(clients.answers)};"
        f" promotion began {promoted - killed:.2f} s after the kill; acknowledged again after"
        f" {first['spend'] - promoted:.2f} s (spend), {first['checkout'] - promoted:.2f} s (checkout)"
    )
    for moment in first.values():
        assert moment - promoted < LONGEST_RECOVERY_SECONDS


def kill_under_a_spend(servers: Cluster, eventually: Callable[..., Any]) -> float:
    """Kill the primary while a spend is surely under way: it waits for its wallet. Returns when it was killed."""
    blocking = psycopg.connect(servers.primary.url)
    try:
        blocking.execute("SELECT FROM coinpurse.wallets FOR NO KEY UPDATE")
        with psycopg.connect(servers.primary.url, autocommit=True) as watching:
            eventually(
                lambda: (
                    watching.execute(
                        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'coinpurse'"
                    ).fetchone()
                    is not None
                )
            )
        return servers.primary.kill()
    finally:
        blocking.close()


def assert_that_it_hit(clients: Load, killed: float) -> None:
    """A kill between two requests would prove nothing."""
    before = [found for found in clients.operations if (found.acknowledged or killed) < killed]
    assert len([found for found in before if found.kind == "spend"]) > 20
    assert len([found for found in before if found.kind == "checkout"]) > WAITING_BUYERS
    failed = [
        found for found in clients.operations if found.is_under_way_at(killed) and found.failures
    ]
    assert failed, "nothing was under way when the primary died"


def all_are_credited(servers: Cluster, sandbox: Sandbox, paid: list[str]) -> bool:
    """Have Stripe repeat what was not taken, and see whether every paid session is credited."""
    sandbox.post("deliveries/flush", retries=True)
    with psycopg.connect(servers.standby.url) as connection:
        rows = connection.execute(
            "SELECT session_id FROM coinpurse.payment_sessions WHERE status = 'completed'"
        ).fetchall()
    return {row[0] for row in rows} == set(paid)


def assert_spends_are_there_once(
    connection: psycopg.Connection[Any], clients: Load, funds: dict[str, int]
) -> None:
    rows = connection.execute(
        "SELECT user_id, idempotency_key, id, coins FROM coinpurse.transactions WHERE type = 'usage'"
    ).fetchall()
    wanted = [found for found in clients.operations if found.kind == "spend"]
    assert Counter((row[0], row[1]) for row in rows) == Counter(
        (found.user_id, found.key) for found in wanted
    )
    facts = {(user_id, key): (id_, -coins) for user_id, key, id_, coins in rows}
    for found in wanted:
        assert facts[found.user_id, found.key] == (found.result, found.coins)
    spent = sum_of_coins(wanted)
    balances = dict(
        connection.execute(
            "SELECT user_id, balance FROM coinpurse.wallets WHERE user_id = ANY (%s)", [list(funds)]
        ).fetchall()
    )
    assert balances == {user_id: coins - spent[user_id] for user_id, coins in funds.items()}


def sum_of_coins(operations: list[Operation]) -> Counter[str]:
    total: Counter[str] = Counter()
    for found in operations:
        total[found.user_id] += found.coins
    return total


def assert_purchases_are_there_once(
    connection: psycopg.Connection[Any], clients: Load, sandbox: Sandbox, store: Store
) -> None:
    checkouts = [found for found in clients.operations if found.kind == "checkout"]
    rows = connection.execute("SELECT request_key, session_id FROM coinpurse.payment_sessions")
    assert Counter(rows.fetchall()) == Counter((found.key, found.result) for found in checkouts)
    credited = connection.execute(
        "SELECT session_id, coins FROM coinpurse.transactions WHERE type = 'purchase'"
    ).fetchall()
    assert Counter(credited) == Counter((session_id, CHEST) for session_id in clients.paid)
    # Of an event that we said we have, Stripe would never tell us again.
    endpoints = requests.get(
        f"{sandbox.url}/v1/webhook_endpoints",
        params={"limit": "100"},
        auth=(store.settings.require_stripe_key(), ""),
        timeout=30,
    ).json()["data"]
    (endpoint,) = [found["id"] for found in endpoints if found["url"].startswith(store.url)]
    deliveries = requests.get(
        f"{sandbox.url}/_sandbox/deliveries",
        params={"limit": "10000", "endpoint": endpoint},
        timeout=30,
    ).json()["deliveries"]
    taken = {found["event"] for found in deliveries if found["status"] == "succeeded"}
    stored = {
        row[0] for row in connection.execute("SELECT id FROM coinpurse.stripe_events").fetchall()
    }
    assert taken
    assert taken <= stored


def assert_the_worker_works(servers: Cluster, store: Store, eventually: Callable[..., Any]) -> None:
    assert store.worker is not None
    purse = Coinpurse(settings=store.settings)
    event = purse.inbox.latest(limit=1)[0]
    with purse.database.unit_of_work() as work:
        app = jobs.application(purse.database.conninfo)
        jobs.schedule_event(app, work, event.id, datetime.now(UTC))
    purse.database.close()

    def is_done() -> bool:
        assert store.worker is not None
        assert store.worker.poll() is None, "the worker has ended"
        with psycopg.connect(servers.standby.url) as connection:
            found = connection.execute(
                "SELECT 1 FROM coinpurse.procrastinate_jobs WHERE task_name = 'process_event'"
            ).fetchone()
        return found is None

    eventually(is_done)
