"""Where somebody puts a store: behind odd proxies, below a path of a host, on IPv6, beside a newer one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from flask import Flask
from packaging.specifiers import SpecifierSet
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from coinpurse import Coinpurse, ConfigurationError
from coinpurse.app import create_app
from coinpurse.settings import Settings
from tests.conftest import Store

ROOT = Path(__file__).parents[2]
PUBLIC = "https://coins.example.com"
LOGIN = {"email": "nobody@example.com", "password": "not the right one"}


@pytest.fixture
def behind(settings: Settings) -> Flask:
    """A store that expects a proxy, whose headers never come."""
    return create_app(settings.model_copy(update={"base_url": PUBLIC, "trusted_proxies": 1}))


def test_a_proxy_that_says_nothing_of_https_costs_no_log_in(behind: Flask) -> None:
    client = behind.test_client()
    account = {"email": "ada@example.com", "password": "a long enough one"}

    made = client.post("/api/auth/register", json=account, headers={"Origin": PUBLIC})

    assert made.status_code == 201
    # What the public address is the settings say, not the request.
    cookie = made.headers["Set-Cookie"]
    assert cookie.startswith("__Host-coinpurse=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "said"),
    [
        ("/api/auth/login", {"Origin": PUBLIC}, json.dumps(LOGIN), 415, "application/json"),
        ("/api/auth/login", {"Content-Type": "application/json"}, json.dumps(LOGIN), 403, PUBLIC),
        ("/api/payment/webhook", {}, "{}", 400, "Invalid signature"),
        ("/api/v1/wallets/ada/spend", {"Idempotency-Key": "a"}, "{}", 401, "Authorization: Bearer"),
    ],
    ids=["content type", "origin", "signature", "authorization"],
)
def test_what_a_proxy_took_away_is_named(
    behind: Flask, path: str, headers: dict[str, str], body: str, status: int, said: str
) -> None:
    answer = behind.test_client().post(path, data=body, headers=headers)

    assert answer.status_code == status
    assert said in answer.json["error"]


def test_a_base_url_with_a_path_is_refused_with_the_mend() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Settings(base_url="https://example.com/shop")

    assert "COINPURSE_BASE_URL: write the public origin alone" in str(refusal.value)
    assert "host name of its own" in str(refusal.value)


def test_a_host_below_a_path_keeps_its_buyers_there(settings: Settings) -> None:
    app = Flask("host")
    app.config.update(SECRET_KEY="not a secret", APPLICATION_ROOT="/shop")
    purse = Coinpurse(app, settings=settings, user_id=lambda: "ada")
    client = Client(DispatcherMiddleware(Flask("front"), {"/shop": app}))

    packs = client.get("/shop/coins/").text
    answer = client.post(
        "/shop/api/payment/create-checkout-session",
        json={"pack": "chest"},
        headers={"Origin": settings.base_url},
    )

    assert 'href="/shop/coins/' in packs
    assert 'action="/shop/coins/buy/chest' in packs
    assert 'href="/coins/' not in packs
    assert answer.status_code == 200
    with purse.database.unit_of_work() as work:
        (sent,) = work.rows("SELECT stripe_parameters FROM coinpurse.payment_sessions")
    purse.database.close()
    assert f"{settings.base_url}/shop/coins/payment/success?" in json.dumps(sent.stripe_parameters)


def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = SpecifierSet(project["requires-python"])
    assert [each for each in ("3.10.14", "3.11.0", "3.12.0", "3.13.0") if each in allowed] == [
        "3.11.0",
        "3.12.0",
        "3.13.0",
    ]
    old = tmp_path / "python3"
    says_to_be_old = "import sys; sys.version_info = (3, 10, 14); exec(sys.argv[1])"
    old.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{says_to_be_old}' \"$2\"\n")
    old.chmod(0o755)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()

    ended = subprocess.run(
        ["make", "demo", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode != 0
    assert "Coinpurse needs Python 3.11 or newer; name one with PYTHON=" in ended.stdout
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("db", "upgrade"), ("doctor",)])
def test_a_database_of_a_newer_version_stops_every_command(
    store: Store, database_url: str, command: tuple[str, ...]
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE coinpurse.alembic_version SET version_num = '9999'")

    ended = store.run(*command)

    said = " ".join((ended.stdout + ended.stderr).split())
    assert ended.returncode == (1 if command == ("doctor",) else 2)
    assert "newer version (revision 9999) than this program" in said
    assert "Install the newer release of coinpurse" in said
    assert "Traceback" not in said


@pytest.fixture
def database_on_ipv6(database_url: str) -> Iterator[str]:
    """The test's database as a server on the network would have it: at an address of IPv6."""
    facts = psycopg.conninfo.conninfo_to_dict(database_url)
    path = f"{facts['host']}/.s.PGSQL.{facts.get('port', 5432)}"
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        threading.Thread(target=_relay, args=(listening, path), daemon=True).start()
        port = listening.getsockname()[1]
        yield f"postgresql://{facts['user']}@[::1]:{port}/{facts['dbname']}"


def _relay(listening: socket.socket, path: str) -> None:
    with suppress(OSError):  # The listener is closed.
        while True:
            outer, _ = listening.accept()
            inner = socket.socket(socket.AF_UNIX)
            inner.connect(path)
            for here, there in ((outer, inner), (inner, outer)):
                threading.Thread(target=_copy, args=(here, there), daemon=True).start()


def _copy(here: socket.socket, there: socket.socket) -> None:
    with closing(there), suppress(OSError):
        while part := here.recv(65536):
            there.sendall(part)
        there.shutdown(socket.SHUT_RDWR)


def test_a_store_on_ipv6_alone_sells(
    store: Store, database_on_ipv6: str, eventually: Callable[..., Any]
) -> None:
    url = f"http://[::1]:{store.port}"
    store.environment = {"DATABASE_URL": database_on_ipv6, "COINPURSE_BASE_URL": url}
    store.web = store._run("serve", "--host", "::1", "--port", str(store.port))
    log = store.directory / "serve.log"
    eventually(lambda: f"Coinpurse listens on {url}" in log.read_text())

    buyer = requests.Session()
    buyer.headers["Origin"] = url
    account = {"email": "ada@example.com", "password": "a long enough one"}
    made = buyer.post(f"{url}/api/auth/register", json=account, timeout=30)
    answer = buyer.post(
        f"{url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    )

    assert (made.status_code, answer.status_code) == (201, 200)
    assert store.run("db", "upgrade").returncode == 0
