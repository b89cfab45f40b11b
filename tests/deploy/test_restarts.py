"""Every process is restarted under load, in order or by force: nothing that was acknowledged is lost or done twice."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import requests

from coinpurse import Coinpurse
from tests.conftest import Store

CLIENTS = 8
WALLET_COINS = 1_000_000
ROWS = """
    SELECT idempotency_key, count(*), min(id) FROM coinpurse.transactions
     WHERE type = 'usage' GROUP BY idempotency_key
"""
# As the ledger keeps the keys that come over HTTP.
KEY_PREFIX = "api:"


# The process that is handed the socket must be named in the environment, so it names itself.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "coinpurse", "serve"])
"""


@dataclass
class Spending:
    """Clients that spend without pause. Each repeats a key until it is answered, as a backend would.

    acknowledged: the ledger row that each key was answered with. broken: requests that had no answer.
    """

    store: Store
    secret: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Spending:
        self._threads = [
            threading.Thread(target=self._spend, args=(number,)) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self._threads:
            thread.join(60)

    def _spend(self, client: int) -> None:
        for number in itertools.count():
            key = f"client-{client}-{number}"
            while key not in self.acknowledged:
                if self.ended.is_set():
                    return
                self._try(key)

    def _try(self, key: str) -> None:
        try:
            answer = requests.post(
                f"{self.store.url}/api/v1/wallets/ada/spend",
                json={"coins": 1},
                headers={"Authorization": f"Bearer {self.secret}", "Idempotency-Key": key},
                timeout=30,
            )
        except requests.RequestException as error:
            self.broken.append(repr(error))
            time.sleep(0.05)
            return
        if answer.status_code == 200:
            self.acknowledged[key] = answer.json()["id"]
        else:
            self.refused.append(answer.status_code)
            time.sleep(0.05)


def spending(store: Store, purse: Coinpurse) -> Spending:
    purse.credit("ada", WALLET_COINS, key="gift")
    return Spending(store, purse.api_keys.create("load", ["spend"]).text)


def more(load: Spending, eventually: Callable[..., Any], count: int = 50) -> None:
    """Wait until further spends were acknowledged."""
    goal = len(load.acknowledged) + count
    eventually(lambda: len(load.acknowledged) >= goal, 60)


def assert_each_once(load: Spending, purse: Coinpurse, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = {
            key.removeprefix(KEY_PREFIX): (count, id_)
            for key, count, id_ in connection.execute(ROWS)
        }
    assert {key: rows.get(key) for key in load.acknowledged} == {
        key: (1, id_) for key, id_ in load.acknowledged.items()
    }
    assert purse.wallet("ada").balance == WALLET_COINS - len(rows)
    assert all(not wrong for _, wrong in purse.verify())


def start_with_socket(store: Store, listening: socket.socket) -> None:
    """Start the store as systemd does: the socket is descriptor 3, and not the store's to close."""
    with (store.directory / "serve.log").open("ab") as log:
        store.web = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(listening.fileno())],
            env={**store.variables(), "LISTEN_FDS": "1"},
            cwd=store.directory,
            pass_fds=[listening.fileno()],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def test_with_a_socket_that_outlives_the_server_no_request_notices_a_restart(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", store.port), backlog=1024) as listening:
        start_with_socket(store, listening)
        with spending(store, purse) as load:
            for _ in range(3):
                more(load, eventually)
                assert store.web is not None
                store.web.send_signal(signal.SIGTERM)
                assert store.web.wait(40) == 0
                start_with_socket(store, listening)
            more(load, eventually)

    assert load.broken == []
    assert load.refused == []
    assert_each_once(load, purse, database_url)


def test_a_server_stopped_in_order_answers_all_that_it_has_taken(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    with spending(store, purse) as load:
        for _ in range(3):
            more(load, eventually)
            assert store.web is not None
            store.web.send_signal(signal.SIGTERM)
            assert store.web.wait(40) == 0
            store.start_web()
        more(load, eventually)

    # Nobody listens between the two servers: the system refuses, and resets who stood in its queue.
    assert all("refused" in error or "reset by peer" in error for error in load.broken)
    assert load.refused == []
    assert_each_once(load, purse, database_url)


def test_a_server_killed_under_load_loses_nothing_that_it_acknowledged(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    with spending(store, purse) as load:
        for _ in range(3):
            more(load, eventually)
            store.kill_web()
            store.start_web()
        more(load, eventually)

    assert load.broken
    assert_each_once(load, purse, database_url)


def test_connections_ended_by_the_database_are_a_503_that_may_be_repeated(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    end_all = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND datname = current_database()
    """
    with spending(store, purse) as load:
        for _ in range(5):
            more(load, eventually)
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(end_all)
        more(load, eventually)

    assert load.broken == []
    assert set(load.refused) <= {503}
    assert_each_once(load, purse, database_url)
