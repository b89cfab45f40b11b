"""The production server: stopped in order, mended after a crash, strict about what it is told."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests.conftest import Store

BLOCK = "LOCK TABLE coinpurse.users IN ACCESS EXCLUSIVE MODE"
WAITING = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%coinpurse.users%%'"


def workers(store: Store) -> list[int]:
    assert store.web is not None
    children = Path(f"/proc/{store.web.pid}/task/{store.web.pid}/children")
    return [int(pid) for pid in children.read_text(encoding="ascii").split()]


def send(store: Store, request: bytes) -> bytes:
    """Send bytes as they are and return the whole answer."""
    with socket.create_connection(("127.0.0.1", store.port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_before_the_server_ends(
    store: Store, eventually: Callable[..., Any], database_url: str, number: signal.Signals
) -> None:
    store.start_web()
    assert store.web is not None
    answers: list[int] = []

    def register() -> None:
        answer = requests.post(
            f"{store.url}/api/auth/register",
            json={"email": "ada@example.com", "password": "a long enough one"},
            headers={"Origin": store.url},
            timeout=60,
        )
        answers.append(answer.status_code)

    asking = threading.Thread(target=register)
    with (
        psycopg.connect(database_url) as blocker,
        psycopg.connect(database_url, autocommit=True) as watcher,
    ):
        blocker.execute(BLOCK)
        asking.start()
        eventually(lambda: watcher.execute(WAITING).fetchone())
        # Ctrl-C in a terminal reaches the workers too.
        os.killpg(store.web.pid, number)
        time.sleep(1)
        blocker.rollback()
    asking.join()

    assert answers == [201]
    assert store.web.wait(30) == 0


def test_a_worker_that_was_killed_is_replaced(store: Store, eventually: Callable[..., Any]) -> None:
    store.start_web()
    (first,) = workers(store)

    os.kill(first, signal.SIGKILL)

    (second,) = eventually(lambda: [pid for pid in workers(store) if pid != first])
    assert second != first
    assert requests.get(f"{store.url}/readyz", timeout=30).ok


def test_no_worker_outlives_the_server(store: Store, eventually: Callable[..., Any]) -> None:
    store.start_web()
    assert store.web is not None
    (worker,) = workers(store)

    os.kill(store.web.pid, signal.SIGKILL)
    store.web.wait()

    eventually(lambda: not Path(f"/proc/{worker}").exists())
    store.start_web()


def test_a_taken_port_is_named_with_the_mend(store: Store) -> None:
    with socket.create_server(("127.0.0.1", store.port)):
        ended = store.run("serve", "--port", str(store.port))

    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1, port {store.port}" in ended.stderr
    assert "--port" in ended.stderr


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("X-Forwarded-Host: coins.example", b"401"),
        ("X-Forwarded-Host: shop.example\r\nX_Forwarded_Host: coins.example", b"403"),
    ],
)
def test_a_header_that_only_looks_like_the_proxy_s_is_not_believed(
    store: Store, monkeypatch: pytest.MonkeyPatch, header: str, status: bytes
) -> None:
    monkeypatch.setenv("COINPURSE_TRUSTED_PROXIES", "1")
    store.start_web()
    body = b'{"email": "ada@example.com", "password": "not the right one"}'
    # A change is taken from the origin of the host that the request came to; then the password is wrong.
    head = (
        "POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nOrigin: http://coins.example\r\n"
        f"Content-Length: {len(body)}\r\n{header}\r\n\r\n"
    )

    assert send(store, head.encode() + body).split()[1] == status


def test_requests_that_two_servers_could_read_differently_are_refused(store: Store) -> None:
    store.start_web()
    post, get = b"POST / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n"
    refused = {
        post + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n": b"400",
        post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"400",
        get + b"X-A: 1\r\n 2\r\n\r\n": b"400",
        get + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n": b"431",
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n": b"414",
    }

    for request, status in refused.items():
        assert send(store, request).split()[1] == status, request[:100]


@pytest.mark.parametrize("path", ["/api/payment/webhook", "/login", "/api/auth/login"])
@pytest.mark.parametrize("chunks", [b"3\r\nabcXX0\r\n\r\n", b"zz\r\nabc\r\n", b"-1\r\n\r\n"])
def test_bodies_that_are_no_http_are_the_client_s_mistake(
    store: Store, path: str, chunks: bytes
) -> None:
    store.start_web()
    kind = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nOrigin: {store.url}\r\n"
        f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    assert send(store, head.encode() + chunks).split()[1] == b"400"

    counted = requests.get(f"{store.url}/metrics", timeout=30).text
    assert 'deliveries_total{outcome="error"} 0.0' in counted
    assert "Traceback" not in (store.directory / "serve.log").read_text()
