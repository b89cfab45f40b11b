"""Taking Stripe's events: signed deliveries over HTTP until they are credited and committed.

Beside pgbench, which runs the statements of one such delivery, and beside dj-stripe, which takes the same events.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import deliveries, djstripe, statements
from benchmarks.measure import Plan, Row, alternate
from benchmarks.processes import free_port, running
from benchmarks.sender import Order, send
from benchmarks.server import Server, tool
from coinpurse.settings import Settings

CONNECTIONS = 16
WORKERS = 2
THREADS = 8
CLIENTS = 8
PATH = "/api/payment/webhook"
# What is prepared for a second of measuring: more than any machine of two cores handles.
PER_SECOND = 4000
AGAINST_PGBENCH = 0.3
AGAINST_DJSTRIPE = 3.0


class Numbers:
    """Numbers of payments, each given out once."""

    def __init__(self) -> None:
        self._next = deliveries.FIRST

    def take(self, count: int) -> int:
        """Return the first of so many that nobody else has."""
        first, self._next = self._next, self._next + count
        return first


@dataclass(frozen=True)
class _Store:
    """Our side: the running server and its database."""

    url: str
    port: int
    settings: Settings
    secret: str
    numbers: Numbers

    def deliveries_per_second(self, seconds: float) -> float:
        """Send deliveries of new payments; every one must have been credited once, and no other."""
        count = round(PER_SECOND * max(seconds, 0.5))
        first = self.numbers.take(count)
        deliveries.prepare(self.url, first=first, count=count)
        sent = send(
            Order(self.port, PATH, self.secret, first, count, seconds, connections=CONNECTIONS)
        )
        assert sent.statuses == {"200": sent.answers}, sent.statuses
        credited = deliveries.count_credited(self.url, first=first, last=first + count - 1)
        assert credited == sent.answers, f"{sent.answers} were answered, {credited} credited"
        return sent.answers / sent.seconds

    def pgbench_per_second(self, server: Server, seconds: float) -> float:
        """Have pgbench run the same statements on new payments; those must be credited as well."""
        per_client = round(PER_SECOND * max(1, seconds)) // 4
        count = 2 + CLIENTS * per_client
        first = self.numbers.take(count)
        deliveries.prepare(self.url, first=first, count=count)
        script = server.folder / "delivery.sql"
        script.write_text(
            statements.pgbench_script(
                self.settings, self.secret, first=first + 2, per_client=per_client
            ),
            encoding="ascii",
        )
        options = f"-n -M prepared -D i=0 -c {CLIENTS} -j 2 -T {max(1, round(seconds))}"
        ran = subprocess.run(
            [tool("pgbench"), *options.split(), "-f", str(script), self.url],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            env={**os.environ, "LC_ALL": "C"},
        )
        tps = re.search(r"^tps = ([0-9.]+)", ran.stdout, re.MULTILINE)
        done = re.search(r"actually processed: (\d+)", ran.stdout)
        assert tps is not None
        assert done is not None
        credited = deliveries.count_credited(self.url, first=first, last=first + count - 1)
        assert credited == int(done[1]) + 2, f"{done[1]} were processed, {credited - 2} credited"
        return float(tps[1])


def rows(server: Server, plan: Plan, *, with_others: bool) -> Iterator[Row]:
    """Measure deliveries beside pgbench and, with others, beside dj-stripe."""
    numbers = Numbers()
    work = f"POST {PATH}, {CONNECTIONS} connections, {WORKERS} workers"
    with _serving(server, numbers) as store:

        def ours() -> float:
            return store.deliveries_per_second(plan.seconds)

        ours()
        store.pgbench_per_second(server, 1)
        a, b, ratio = alternate(
            ours,
            lambda: store.pgbench_per_second(server, plan.seconds),
            repeats=plan.repeats,
        )
        against = f"pgbench, the same statements, {CLIENTS} clients"
        yield Row(work, against, "deliveries/s", a, b, ratio, AGAINST_PGBENCH)
        if not with_others:
            return
        load = djstripe.Load(workers=WORKERS, threads=THREADS, connections=CONNECTIONS)
        yield from djstripe.rows(
            server, plan, work, ours, take=numbers.take, load=load, limit=AGAINST_DJSTRIPE
        )


@contextmanager
def _serving(server: Server, numbers: Numbers) -> Iterator[_Store]:
    """Run `coinpurse serve` for the block."""
    url = server.database("webhooks")
    port = free_port()
    secret = f"whsec_{secrets.token_hex(24)}"
    environment = {
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(12)}",
        "STRIPE_WEBHOOK_SECRET": secret,
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": url,
        "COINPURSE_BASE_URL": f"http://127.0.0.1:{port}",
        "COINPURSE_THREADS": str(THREADS),
    }
    settings = Settings(
        stripe_secret_key=environment["STRIPE_SECRET_KEY"],
        stripe_webhook_secret=secret,
        secret_key=environment["SECRET_KEY"],
        database_url=url,
    )
    command = [sys.executable, "-m", "coinpurse", "serve", "--port", str(port)]
    with running(
        [*command, "--workers", str(WORKERS)],
        environment,
        port=port,
        log=server.folder / "webhooks.log",
    ):
        yield _Store(url, port, settings, secret, numbers)
