"""A whole shop for a load: server, worker, the stub of Stripe, wallets with coins, and buyers who are logged in."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from benchmarks.arrivals import Came, Order, send
from benchmarks.memory import Held, held_by, held_by_tree, tree
from benchmarks.processes import free_port, running
from benchmarks.server import Server, purse_of
from coinpurse import logs
from coinpurse.app import create_app
from coinpurse.settings import Settings

ROOT = Path(__file__).parents[1]
WORKERS = 2
THREADS = 8
BUYERS = 16
WALLETS = 1000
COINS = 10**9
# Acknowledged work must be there: what was answered, and what the books say.
COUNTS = """
SELECT (SELECT count(*) FROM coinpurse.transactions WHERE type = 'usage'),
       (SELECT count(*) FROM coinpurse.payment_sessions WHERE status = 'completed')
"""


@dataclass
class Shop:
    """The running shop. spent, sold: what it has acknowledged; unknown: requests that had no answer."""

    url: str
    order: Order
    web: int
    worker: int
    postgresql: int
    spent: int = 0
    sold: int = 0
    unknown: int = 0

    def serve(self, *, rate: float, seconds: float, connections: int) -> Came:
        """Let visitors come."""
        order = replace(
            self.order,
            rate=rate,
            seconds=seconds,
            connections=connections,
            seed=secrets.randbits(32),
        )
        came = send(order)
        self.spent += came.statuses.get("spend", {}).get("200", 0)
        self.sold += came.statuses.get("webhook", {}).get("200", 0)
        self.unknown += came.failed()
        return came

    def held(self) -> dict[str, Held]:
        """Measure each process of ours, and PostgreSQL's together."""
        serving = tree(self.web)
        return {
            "web, main": held_by(serving[0]),
            **{f"web {n}": held_by(pid) for n, pid in enumerate(serving[1:], 1)},
            "worker": held_by_tree(self.worker),
            "PostgreSQL": held_by_tree(self.postgresql),
        }

    def problems(self) -> list[str]:
        """Compare what was acknowledged with the books, and have these verified."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(COUNTS).fetchone()
        assert row is not None
        found = [
            f"{name}: {acknowledged} acknowledged, {booked} in the books, {self.unknown} without an answer"
            for name, acknowledged, booked in zip(
                ("spends", "sales"), (self.spent, self.sold), row, strict=True
            )
            if not acknowledged <= booked <= acknowledged + self.unknown
        ]
        purse = purse_of(self.url)
        found += [f"verify: {wrong}" for _, wrong in purse.verify() if wrong]
        purse.database.close()
        return found


@contextmanager
def opened(server: Server, name: str) -> Iterator[Shop]:
    """Run a shop on a new database for the block."""
    url, port, stripe = server.database(name), free_port(), free_port()
    secret = f"whsec_{secrets.token_hex(24)}"
    environment = {
        # The servers have other folders.
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        ),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(12)}",
        "STRIPE_WEBHOOK_SECRET": secret,
        "STRIPE_API_BASE": f"http://127.0.0.1:{stripe}",
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": url,
        "COINPURSE_BASE_URL": f"http://127.0.0.1:{port}",
        "COINPURSE_THREADS": str(THREADS),
        "COINPURSE_LOG_LEVEL": "WARNING",
        "COINPURSE_STATE_DIR": str(server.folder / f"{name}-state"),
    }
    api_key, cookies = _prepare(environment)
    python = [sys.executable, "-m"]
    scraped = free_port()
    with ExitStack() as stack:

        def start(command: list[str], port: int) -> int:
            log = server.folder / f"{name}-{command[3]}.log"
            return stack.enter_context(running(command, environment, port=port, log=log)).pid

        start([*python, "benchmarks.stripe_stub", str(stripe)], stripe)
        web = [*python, "coinpurse", "serve", "--port", str(port), "--workers", str(WORKERS)]
        order = Order(port, 1, 1, 1, WALLETS, api_key, secret, cookies, 0)
        yield Shop(
            url,
            order,
            web=start(web, port),
            worker=start([*python, "coinpurse", "worker", "--metrics-port", str(scraped)], scraped),
            postgresql=_postmaster(server.folder),
        )


def _prepare(environment: dict[str, str]) -> tuple[str, list[str]]:
    """Give users coins, and log buyers in; returns a key of the service API and the buyers' cookies."""
    logs.configure("WARNING")
    settings = Settings(
        stripe_secret_key=environment["STRIPE_SECRET_KEY"],
        stripe_webhook_secret=environment["STRIPE_WEBHOOK_SECRET"],
        secret_key=environment["SECRET_KEY"],
        database_url=environment["DATABASE_URL"],
        base_url=environment["COINPURSE_BASE_URL"],
    )
    app = create_app(settings)
    purse = app.extensions["coinpurse"]
    for number in range(1, WALLETS + 1):
        purse.credit(f"user-{number}", COINS, key="given")
    cookies = []
    for number in range(BUYERS):
        client = app.test_client()
        answer = client.post(
            "/api/auth/register",
            json={"email": f"buyer-{number}@shop.example", "password": secrets.token_hex(8)},
            headers={"Origin": settings.base_url},
            # Each from an address of its own: registrations have a limit.
            environ_base={"REMOTE_ADDR": f"127.1.0.{number}"},
        )
        assert answer.status_code == 201, answer.text
        cookies.append(answer.headers["Set-Cookie"].partition(";")[0])
    key: str = purse.api_keys.create("load", ["spend", "read"]).text
    purse.database.close()
    return key, cookies


def _postmaster(folder: Path) -> int:
    lines = (folder / "postgresql" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return int(lines[0])
