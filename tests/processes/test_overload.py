"""What the server answers when requests wait for long."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
import requests

from coinpurse import Coinpurse
from coinpurse.cli.overload import LONGEST_WAIT_SECONDS
from tests.conftest import Store

BLOCKED = "SELECT FROM pg_locks WHERE NOT granted"


def test_what_has_waited_for_long_is_refused_and_may_come_again(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    purse.credit("ada", 5, key="given")
    key = {"Authorization": f"Bearer {purse.api_keys.create('load', ['spend', 'read']).text}"}
    store.environment["COINPURSE_THREADS"] = "1"
    store.start_web()

    def ask(path: str) -> requests.Response:
        return requests.get(f"{store.url}{path}", headers=key, timeout=60)

    def spend() -> requests.Response:
        return requests.post(
            f"{store.url}/api/v1/wallets/ada/spend",
            json={"coins": 1},
            headers={**key, "Idempotency-Key": "spell"},
            timeout=60,
        )

    with psycopg.connect(database_url) as holder, ThreadPoolExecutor(4) as pool:
        holder.execute("SELECT FROM coinpurse.wallets WHERE user_id = 'ada' FOR UPDATE")
        first = pool.submit(spend)
        with psycopg.connect(database_url, autocommit=True) as looker:
            eventually(lambda: looker.execute(BLOCKED).rowcount)
        # The only thread is at work; these queue behind it.
        program, page, probe = (
            pool.submit(ask, path) for path in ("/api/v1/wallets/bob", "/", "/healthz")
        )
        time.sleep(LONGEST_WAIT_SECONDS + 0.5)
        holder.rollback()

    assert first.result().status_code == 200
    assert probe.result().status_code == 200
    for refused in (program.result(), page.result()):
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert program.result().json()["code"] == "overloaded"
    assert page.result().headers["Content-Type"].startswith("text/plain")
    # All is as before.
    assert ask("/api/v1/wallets/bob").status_code == 200
    assert spend().json()["created"] is False


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]
)
def test_clients_that_say_nothing_or_do_not_leave_keep_nobody_waiting(
    store: Store, sent: bytes
) -> None:
    store.start_web()
    with ExitStack() as held:
        for _ in range(64):
            idle = held.enter_context(socket.create_connection(("127.0.0.1", store.port)))
            idle.sendall(sent)
            assert not sent or idle.recv(1024).startswith(b"HTTP/1.1 200")
        # Eight threads serve: any wait for each of these, however short, would add up.
        assert requests.get(f"{store.url}/healthz", timeout=2).status_code == 200
        # In the end they are closed; the answer may come in parts.
        idle.settimeout(10)
        while idle.recv(1024):
            pass


def test_who_sends_slowly_is_not_told_that_the_store_is_busy(store: Store) -> None:
    store.start_web()
    with socket.create_connection(("127.0.0.1", store.port)) as slow:
        slow.sendall(b"GET /login HTTP/1.1\r\n")
        time.sleep(LONGEST_WAIT_SECONDS + 0.5)
        slow.sendall(b"Host: 127.0.0.1\r\n\r\n")
        assert slow.recv(1024).startswith(b"HTTP/1.1 200")
