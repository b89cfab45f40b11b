"""The store behind nginx and Caddy, set up by the files of `deploy/`, over TLS."""

from __future__ import annotations

import secrets
import socket
import ssl
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import Sandbox
from tests.deploy.conftest import Proxy

PASSWORD = secrets.token_hex(8)


def register(proxy: Proxy) -> requests.Session:
    session = proxy.browser()
    answer = session.post(
        f"{proxy.url}/api/auth/register",
        json={"email": "ada@example.com", "password": PASSWORD},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    return session


def test_a_buyer_gets_coins_over_https(proxy: Proxy, sandbox: Sandbox) -> None:
    session = register(proxy)
    (cookie,) = session.cookies
    checkout = session.post(
        f"{proxy.url}/api/payment/create-checkout-session",
        json={"price_usd": 99.99, "coins": 1000, "bonus": 200},
        timeout=30,
    )
    assert checkout.status_code == 200, checkout.text
    session_id = checkout.json()["session_id"]

    sandbox.pay(session_id)
    status = session.get(f"{proxy.url}/api/payment/status/{session_id}", timeout=30).json()

    assert (status["status"], status["new_balance"]) == ("completed", 1200)
    # Only a connection that the store knows to be https has these.
    assert cookie.name.startswith("__Host-")
    assert cookie.secure


def test_http_leads_to_https_and_https_stays(proxy: Proxy) -> None:
    page = proxy.browser().get(f"{proxy.url}/", timeout=30)

    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "http://" not in page.text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("name", ["X-Forwarded-Host", "X_Forwarded_Host"])
def test_a_client_cannot_name_the_host(proxy: Proxy, name: str) -> None:
    body = b'{"email": "ada@example.com", "password": "not the right one"}'
    head = (
        "POST /api/auth/login HTTP/1.1\r\nHost: {host}\r\nOrigin: https://evil.example\r\n{name}: evil.example\r\n"
        "Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )

    answer = send(
        proxy,
        head.format(host=urlsplit(proxy.url).netloc, name=name, length=len(body)).encode() + body,
    )

    assert b"wrong_origin" in answer, answer


def test_a_client_cannot_choose_its_address_past_the_limit_of_log_ins(proxy: Proxy) -> None:
    session = proxy.browser()

    answers = [
        session.post(
            f"{proxy.url}/api/auth/login",
            json={"email": "ada@example.com", "password": "not the right one"},
            headers={
                "X-Forwarded-For": f"198.51.100.{number}",
                "X_Forwarded_For": f"198.51.100.{number}",
            },
            timeout=30,
        ).status_code
        for number in range(25)
    ]

    assert answers[0] == 401
    assert answers[-1] == 429


def test_what_is_too_large_is_refused_and_metrics_are_not_for_the_public(proxy: Proxy) -> None:
    session = proxy.browser()

    large = session.post(f"{proxy.url}/api/payment/webhook", data=b"x" * (1536 * 1024), timeout=30)

    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert session.get(f"{proxy.url}/metrics", timeout=30).status_code == 404


def test_a_slow_sender_keeps_no_thread_of_the_store(proxy: Proxy) -> None:
    """More of them than the store has threads, and it still answers."""
    head = (
        f"POST /api/payment/webhook HTTP/1.1\r\nHost: {urlsplit(proxy.url).netloc}\r\n"
        "Content-Length: 1000\r\n\r\nbegin"
    ).encode()
    slow = [connect(proxy) for _ in range(20)]
    try:
        for each in slow:
            each.sendall(head)

        assert proxy.browser().get(f"{proxy.url}/readyz", timeout=5).ok
    finally:
        for each in slow:
            each.close()


def connect(proxy: Proxy) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(proxy.authority))
    address = urlsplit(proxy.url)
    assert address.port is not None
    return context.wrap_socket(
        socket.create_connection(("127.0.0.1", address.port), timeout=30),
        server_hostname="localhost",
    )


def send(proxy: Proxy, request: bytes) -> bytes:
    """Send bytes as they are and return the whole answer."""
    with connect(proxy) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer
