"""`/metrics` of several processes: exact, kept over restarts, and there without the database."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from coinpurse import Coinpurse
from tests.conftest import Sandbox, Store
from tests.processes.test_serve import workers

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
OPERATIONS = "coinpurse_ledger_operations_total"
# What operations settle on their way has no count of its own.
ROWS = """
    SELECT type, count(*) FROM coinpurse.transactions WHERE type NOT IN ('expiry', 'hold_timeout') GROUP BY type
"""
TOKEN = "a token that nobody guesses"


def scrape(address: str, **headers: str) -> Samples:
    answer = requests.get(f"{address}/metrics", headers=headers, timeout=30)
    answer.raise_for_status()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def figure(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (found, its_labels), value in samples.items()
        if found == name and set(labels.items()) <= its_labels
    )


def operations(samples: Samples) -> dict[str, int]:
    return {
        dict(labels)["type"]: int(value)
        for (name, labels), value in samples.items()
        if name == OPERATIONS and value
    }


def rows(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as connection:
        return dict(connection.execute(ROWS).fetchall())


class Backend:
    """Another program with a key of the service API."""

    def __init__(self, store: Store, purse: Coinpurse) -> None:
        self._url = f"{store.url}/api/v1"
        self._key = purse.api_keys.create("game", ["grant", "spend"]).text

    def post(self, path: str, key: str, **body: object) -> requests.Response:
        return requests.post(
            self._url + path,
            json=body,
            headers={"Authorization": f"Bearer {self._key}", "Idempotency-Key": key},
            timeout=30,
        )


def play(backend: Backend) -> None:
    """Credits, spends by several at once, repeats, refusals and a batch."""
    for user in ("ada", "bob"):
        assert backend.post(f"/wallets/{user}/credit", f"start-{user}", coins=1000).ok
    calls = [
        (f"/wallets/{user}/spend", f"{user}-{n}") for user in ("ada", "bob") for n in range(20)
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda call: backend.post(*call, coins=1), [*calls, *calls[:5]]))
    assert all(answer.ok for answer in answers)
    assert backend.post("/wallets/ada/spend", "too-much", coins=10**6).status_code == 402
    assert backend.post(
        "/usage",
        "batch",
        spends=[{"user_id": "ada", "coins": 1, "key": f"batch-{n}"} for n in range(7)],
    ).ok


@pytest.mark.parametrize("group_commit", ["false", "true"])
def test_the_counts_of_all_processes_are_the_rows_of_the_ledger(
    store: Store,
    purse: Coinpurse,
    sandbox: Sandbox,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    group_commit: str,
) -> None:
    monkeypatch.setenv("COINPURSE_GROUP_COMMIT", group_commit)
    store.start_web("--workers", "2")
    store.start_worker()
    customer = store.customer()
    checkout = customer.post(
        f"{store.url}/api/payment/create-checkout-session",
        json={"pack": "chest", "currency": "usd"},
        timeout=30,
    ).json()
    sandbox.pay(checkout["session_id"])
    play(Backend(store, purse))
    eventually(lambda: rows(database_url).get("purchase") == 1)
    refunded = store.run("payments", "refund", checkout["session_id"], "--yes")
    assert refunded.returncode == 0, refunded.stderr
    eventually(lambda: rows(database_url).get("refund") == 1)
    eventually(lambda: figure(scrape(store.url), "coinpurse_jobs_total", outcome="succeeded") >= 1)

    samples = scrape(store.url)

    assert operations(samples) == rows(database_url)
    assert operations(samples)["usage"] == 47
    assert figure(samples, "coinpurse_ledger_refusals_total", reason="insufficient") == 1
    assert figure(samples, "coinpurse_checkouts_total", outcome="started") == 1
    assert figure(samples, "coinpurse_paid_to_spendable_seconds_count") == 1
    assert figure(samples, "coinpurse_stripe_calls_total", method="POST", outcome="ok") >= 2
    assert figure(samples, "coinpurse_webhook_deliveries_total", outcome="processed") >= 2
    assert figure(samples, "coinpurse_database_up") == 1
    assert figure(samples, "coinpurse_workers") == 1
    spent = "/api/v1/wallets/<user_id>/spend"
    assert figure(samples, "coinpurse_http_requests_total", route=spent, status="200") == 45
    assert figure(samples, "coinpurse_http_request_seconds_count", route=spent) == 46
    text = requests.get(f"{store.url}/metrics", timeout=30).text
    assert "ada" not in text
    assert checkout["session_id"] not in text


def test_counts_outlive_the_processes_that_counted(
    store: Store, purse: Coinpurse, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web("--workers", "2")
    backend = Backend(store, purse)
    play(backend)
    before = operations(scrape(store.url))

    first = set(workers(store))
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(workers(store)) == 2 and not first & set(workers(store)))
    eventually(lambda: requests.get(f"{store.url}/readyz", timeout=30).ok)
    assert operations(scrape(store.url)) == before == rows(database_url)

    assert backend.post("/wallets/ada/spend", "after-workers", coins=1).ok
    store.kill_web()
    store.start_web()
    assert backend.post("/wallets/ada/spend", "after-server", coins=1).ok
    assert operations(scrape(store.url)) == rows(database_url)
    # What the ended ones counted is in one pair of files now.
    folder = store.directory / ".coinpurse" / "metrics"
    eventually(lambda: len(list(folder.glob("*.alive"))) <= 3)
    assert (folder / "counter_ended.db").exists()


def test_without_the_database_the_counts_are_shown_and_that_it_is_away(
    store: Store, database_url: str, server_address: str
) -> None:
    store.start_web()
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(server_address, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        samples = scrape(store.url)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    assert figure(samples, "coinpurse_database_up") == 0
    assert not any(found == "coinpurse_workers" for found, _ in samples)
    assert figure(samples, "coinpurse_http_requests_total", route="/readyz") >= 1
    assert figure(scrape(store.url), "coinpurse_database_up") == 1


def test_a_worker_alone_is_scraped_on_a_port_of_its_own(
    store: Store, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    refused = store.run("worker", "--metrics-port", str(port), "--metrics-host", "0.0.0.0")  # noqa: S104
    assert refused.returncode == 2
    assert "COINPURSE_METRICS_TOKEN is not set" in refused.stderr

    monkeypatch.setenv("COINPURSE_METRICS_TOKEN", TOKEN)
    store.start_worker("--metrics-port", str(port), "--metrics-host", "0.0.0.0")  # noqa: S104

    def answers() -> bool:
        try:
            return requests.get(f"{address}/healthz", timeout=5).ok
        except requests.ConnectionError:
            return False

    eventually(answers)
    assert requests.get(f"{address}/metrics", timeout=30).status_code == 401
    allowed = {"Authorization": f"Bearer {TOKEN}"}
    eventually(lambda: figure(scrape(address, **allowed), "coinpurse_workers") == 1)
    assert figure(scrape(address, **allowed), "coinpurse_database_up") == 1
    assert store.worker is not None
    store.worker.send_signal(signal.SIGTERM)
    assert store.worker.wait(30) == 0


def test_a_folder_that_cannot_be_used_stops_no_server(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".coinpurse").mkdir()
    (tmp_path / ".coinpurse" / "metrics").write_text("in the way", encoding="utf-8")

    store.start_web()

    assert figure(scrape(store.url), "coinpurse_http_requests_total", route="/readyz") >= 1
    assert "metrics.not_shared" in (store.directory / "serve.log").read_text(encoding="utf-8")
