"""Real parts for every test: PostgreSQL, the sandbox as a process, the application."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import requests
from coinpurse import Coinpurse
from coinpurse.db import Database, embedded, upgrade
from coinpurse.settings import Settings
from filelock import FileLock
from flask import Flask, request
from flask.testing import FlaskClient

TEMPLATE = "coinpurse_template"


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scratch PostgreSQL server with a migrated template database, shared by all workers of the run."""
    given = os.environ.get("COINPURSE_TEST_SERVER")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    # One worker starts the server and makes the template; the others find them.
    with FileLock(shared / "server.lock"):
        address = given or embedded.start(shared / "state")
        with psycopg.connect(address, autocommit=True) as connection:
            # The machine does not crash between two tests; what is committed is still written in order.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
                template = Database(_of_database(address, TEMPLATE))
                upgrade(template)
                template.close()
    return address


@pytest.fixture
def database_url(server_address: str) -> Iterator[str]:
    """The address of an empty, migrated database of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server_address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield _of_database(server_address, name)
    with psycopg.connect(server_address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated database, with room for many threads."""
    opened = Database(database_url, threads=32)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, and its control API."""

    url: str

    def post(self, path: str, /, **body: object) -> requests.Response:
        """Ask the control API."""
        return requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=30)

    def pay(self, session_id: str, **details: object) -> dict[str, Any]:
        """Pay as a buyer would on the hosted page; by default with a card that works."""
        result: dict[str, Any] = self.post(f"checkout/{session_id}/pay", **details).json()
        return result

    def clear_faults(self) -> None:
        """Take all faults out of force."""
        requests.delete(f"{self.url}/_sandbox/faults", timeout=30).raise_for_status()

    def events(self, key: str = "sk_test_any_key", **filters: str) -> list[dict[str, Any]]:
        """List Stripe's events, newest first."""
        found = requests.get(f"{self.url}/v1/events", params={"limit": "100", **filters}, auth=(key, ""), timeout=30)
        found.raise_for_status()
        data: list[dict[str, Any]] = found.json()["data"]
        return data


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The sandbox as a process of its own, one for each worker."""
    state = tmp_path_factory.mktemp("sandbox") / "state.sqlite"
    with _started("stripe_sandbox", "serve", "--port", "0", "--state", str(state)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("stripe-sandbox listening on "), line
        yield Sandbox(line.split()[-1])


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    """The worker's sandbox, without faults."""
    sandbox_process.clear_faults()
    yield sandbox_process
    sandbox_process.clear_faults()


@pytest.fixture
def webhook_secret() -> str:
    """The secret that signs deliveries to this test."""
    return f"whsec_{secrets.token_hex(24)}"


@pytest.fixture
def settings(database_url: str, sandbox: Sandbox, webhook_secret: str) -> Settings:
    """Settings of a store whose Stripe is the sandbox."""
    return Settings(
        stripe_secret_key=f"sk_test_{secrets.token_hex(12)}",
        stripe_webhook_secret=webhook_secret,
        stripe_api_base=sandbox.url,
        database_url=database_url,
        secret_key=secrets.token_hex(32),
        redirect_origins=("https://yourapp.com",),
    )


@pytest.fixture
def purse(settings: Settings) -> Iterator[Coinpurse]:
    """Coinpurse without Flask."""
    made = Coinpurse(settings=settings, user_id=lambda: request.headers.get("X-User"))
    yield made
    made.database.close()


@pytest.fixture
def host(purse: Coinpurse) -> Flask:
    """A host application whose user is named by a header."""
    app = Flask("host")
    app.secret_key = secrets.token_hex(16)
    purse.init_app(app)
    return app


@pytest.fixture
def client(host: Flask) -> FlaskClient:
    """Somebody who is not logged in."""
    return host.test_client()


@pytest.fixture
def buyer(host: Flask) -> FlaskClient:
    """A logged-in user, `ada`, on the store's own pages."""
    return as_user(host, "ada")


def as_user(host: Flask, user_id: str) -> FlaskClient:
    """Make a client that is logged in and sends what a browser on our pages sends."""
    client = host.test_client()
    client.environ_base["HTTP_X_USER"] = user_id
    client.environ_base["HTTP_ORIGIN"] = "http://127.0.0.1:5000"
    return client


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait for something that another process does."""

    def wait(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)
        return result

    return wait


class _started:
    """A Python module run as a process of its own, stopped and waited for at the end."""

    def __init__(self, module: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=Path(__file__).parent,
        )

    def __enter__(self) -> subprocess.Popen[str]:
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _of_database(address: str, name: str) -> str:
    """The same server, another database."""
    facts = {**psycopg.conninfo.conninfo_to_dict(address), "dbname": name}
    return f"postgresql:///?{urlencode({key: str(value) for key, value in facts.items()})}"
