"""Real parts for every test: PostgreSQL, the sandbox as a process, the application."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from argon2 import PasswordHasher
from croniter import croniter
from flask import Flask, request
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from coinpurse import Coinpurse, jobs
from coinpurse.accounts import service as accounts
from coinpurse.db import Database, embedded
from coinpurse.settings import Settings
from coinpurse.testing import postgresql, shared_folder
from tests.waiting import PATIENCE_SECONDS, wait_until

# The fixtures that hosts use; ours build on them.
pytest_plugins = ["coinpurse.testing"]

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Most tests copy a database of four hundred files: in memory that takes a third of the time.
MEMORY = Path("/dev/shm")  # noqa: S108
ROOM = 4 * 1024**3
IN_MEMORY = "COINPURSE_TESTS_IN_MEMORY"


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder of its own: pytest's shared one is closed again by every other run of the user."""
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="coinpurse-tests-")
        config.option.basetemp = str(Path(folder, "run"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
            # The workers inherit it.
            os.environ[IN_MEMORY] = tempfile.mkdtemp(prefix="coinpurse-tests-", dir=MEMORY)
            atexit.register(shutil.rmtree, os.environ[IN_MEMORY], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    """Hash with the least cost in the tests' own processes: a password takes a tenth of a second otherwise."""
    accounts.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scratch PostgreSQL server with a migrated template database, shared by all workers of the run."""
    given = os.environ.get("COINPURSE_TEST_SERVER")
    folder = Path(os.environ.get(IN_MEMORY) or shared_folder(tmp_path_factory))
    address = given or embedded.start(folder / "state")
    # The machine does not crash between two tests; what is committed is still written in order.
    postgresql.make_fast(address)
    postgresql.prepare(address)
    return address


@pytest.fixture(scope="session")
def coinpurse_server(server_address: str) -> str:
    """The server of `coinpurse.testing`: ours."""
    return server_address


@pytest.fixture
def database_url(server_address: str) -> Iterator[str]:
    """The address of an empty, migrated database of this test's own."""
    with postgresql.new_database(server_address) as address:
        yield address


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

    def now(self) -> datetime:
        """Return the sandbox's own time; tests that share the sandbox may have moved it on."""
        found = requests.get(f"{self.url}/_sandbox/clock", timeout=30)
        return datetime.fromtimestamp(found.json()["now"], UTC)

    def clear_faults(self) -> None:
        """Take all faults out of force."""
        requests.delete(f"{self.url}/_sandbox/faults", timeout=30).raise_for_status()

    def events(self, key: str = "sk_test_any_key", **filters: str) -> list[dict[str, Any]]:
        """List Stripe's events, newest first."""
        found = requests.get(
            f"{self.url}/v1/events", params={"limit": "100", **filters}, auth=(key, ""), timeout=30
        )
        found.raise_for_status()
        data: list[dict[str, Any]] = found.json()["data"]
        return data


@pytest.fixture(scope="session")
def sandbox_process(stripe_sandbox_url: str) -> Sandbox:
    """The sandbox as a process of its own, one for each worker."""
    return Sandbox(stripe_sandbox_url)


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
    return wait_until


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, one for each worker: Playwright takes no second one beside it."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None or not Path(path).exists():
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@dataclass
class Store:
    """The standalone store as processes of its own, which may be killed and started again.

    environment: variables of its processes besides those that the settings make.
    """

    settings: Settings
    port: int
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    web: subprocess.Popen[bytes] | None = None
    worker: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The store's origin."""
        return f"http://127.0.0.1:{self.port}"

    def start_web(self, *options: str) -> None:
        """Start `coinpurse serve` and wait until it is ready."""
        self.web = self._run("serve", "--port", str(self.port), *options)
        wait_until(self._is_ready, lambda: "for serve to be ready")

    def _is_ready(self) -> bool:
        assert self.web is not None
        assert self.web.poll() is None, "serve ended"
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def start_worker(self, *options: str) -> None:
        """Start `coinpurse worker`."""
        self._skip_rare_jobs()
        self.worker = self._run("worker", *options)

    def _skip_rare_jobs(self) -> None:
        """Have what is done by the hour or the day count as done, also where the hour strikes meanwhile.

        A worker that is started shortly after it would compare Stripe with the books: tests share a sandbox, and it
        would find the payments of all others.
        """
        now = time.time()
        ticks = [
            (name, int(tick))
            for name, (_, cron) in jobs.TASKS.items()
            if cron not in (None, jobs.EVERY_MINUTE)
            for tick in (croniter(cron, now).get_prev(float), croniter(cron, now).get_next(float))
        ]
        assert self.settings.database_url is not None
        address = self.settings.database_url.get_secret_value()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.cursor().executemany(
                "INSERT INTO coinpurse.procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)"
                " VALUES (%s, '', %s) ON CONFLICT DO NOTHING",
                ticks,
            )

    def kill_web(self) -> None:
        """End the server and its workers at once, as a crash of the machine would."""
        assert self.web is not None
        os.killpg(self.web.pid, signal.SIGKILL)
        self.web.wait()
        self.web = None

    def stop(self) -> None:
        """Stop what runs."""
        for process in (self.web, self.worker):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def show_logs(self) -> None:
        """Print what its processes wrote, which pytest shows beside a failure."""
        for log in sorted(self.directory.glob("*.log")):
            sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-8000:]}\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `coinpurse` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "coinpurse", *arguments],
            env=self.variables(),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def customer(
        self, email: str = "ada@example.com", password: str | None = None
    ) -> requests.Session:
        """A new buyer's browser session, logged in."""
        session = requests.Session()
        session.headers["Origin"] = self.url
        answer = session.post(
            f"{self.url}/api/auth/register",
            json={"email": email, "password": password or secrets.token_hex(8)},
            timeout=30,
        )
        answer.raise_for_status()
        return session

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.directory / f"{arguments[0]}.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "coinpurse", *arguments],
                env=self.variables(),
                cwd=self.directory,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def variables(self) -> dict[str, str]:
        """The environment of its processes."""
        settings = self.settings
        assert settings.stripe_webhook_secret is not None
        assert settings.database_url is not None
        assert settings.stripe_api_base is not None
        return {
            **os.environ,
            "STRIPE_SECRET_KEY": settings.require_stripe_key(),
            "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
            "STRIPE_API_BASE": settings.stripe_api_base,
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "SECRET_KEY": settings.require_secret_key(),
            "COINPURSE_BASE_URL": self.url,
            **self.environment,
        }


@pytest.fixture
def store(settings: Settings, sandbox: Sandbox, tmp_path: Path) -> Iterator[Store]:
    """A store that is not started yet, and that the sandbox delivers its events to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = settings.require_stripe_key()
    endpoint = requests.post(
        f"{sandbox.url}/v1/webhook_endpoints",
        data={"url": f"http://127.0.0.1:{port}/api/payment/webhook", "enabled_events[]": "*"},
        auth=(key, ""),
        timeout=30,
    ).json()
    secret = SecretStr(endpoint["secret"])
    made = Store(settings.model_copy(update={"stripe_webhook_secret": secret}), port, tmp_path)
    yield made
    made.stop()
    made.show_logs()
    requests.delete(
        f"{sandbox.url}/v1/webhook_endpoints/{endpoint['id']}", auth=(key, ""), timeout=30
    )


# Folders and fixtures whose tests run whole programs: `make test-system`.
SYSTEM_FOLDERS = {"deploy", "e2e", "failover", "processes", "simulation"}
SYSTEM_FIXTURES = {"store", "chromium"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the system, which take longer."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if SYSTEM_FOLDERS & set(item.path.parts) or SYSTEM_FIXTURES & fixtures:
            item.add_marker(pytest.mark.system)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In continuous integration everything is installed: a skipped test is a failure there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and exitstatus == 0:
        skipped = reporter.stats.get("skipped", [])
        if skipped and not hasattr(session.config, "workerinput"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
