"""The same events, taken by dj-stripe: Django and gunicorn in an environment of their own, on the same PostgreSQL.

The project is `djstripe_host/`: dj-stripe's own view, storage and handlers, and a handler of the shop that marks the
payment and adds the coins. It keeps no ledger, no grants and no idempotency keys.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import uuid
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks import deliveries
from benchmarks.measure import Plan, Row, alternate
from benchmarks.processes import free_port, running
from benchmarks.sender import Order, send
from benchmarks.server import Server

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / "build" / "djstripe"
PACKAGES = (
    "dj-stripe==2.11.0",
    "django==5.2.19",
    "stripe==15.6.2",
    "psycopg[binary]==3.3.9",
    "gunicorn==27.0.1",
)
PER_SECOND = 1000
ENDPOINT = """
INSERT INTO djstripe_webhookendpoint (djstripe_created, djstripe_updated, stripe_data, id, livemode, created,
                                      metadata, api_version, enabled_events, secret, status, url, application,
                                      djstripe_uuid, djstripe_tolerance, djstripe_validation_method)
VALUES (now(), now(), '{}', 'we_bench', false, now(), '{}', '', '["*"]', %(secret)s, 'enabled',
        'https://shop.example/stripe/webhook/', '', %(uuid)s, 300, 'verify_signature')
"""
# The intent is there, as the event before this one leaves it: it need not be looked up too.
PREPARE = """
WITH numbers AS (
    SELECT n FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) AS n
), buyers AS (
    INSERT INTO shop_buyer (id, coins) SELECT n, 0 FROM numbers
), payments AS (
    INSERT INTO shop_payment (session_id, buyer_id, coins, status)
    SELECT replace(%(session_id)s, %(token)s, n::text), n, %(coins)s, 'pending' FROM numbers
)
INSERT INTO djstripe_paymentintent (djstripe_created, djstripe_updated, stripe_data, id, livemode, created)
SELECT now(), now(), '{}', replace(%(intent_id)s, %(token)s, n::text), false, now() FROM numbers
"""
CREDITED = """
SELECT count(*)
  FROM shop_payment AS p
  JOIN shop_buyer AS b ON b.id = p.buyer_id
  JOIN djstripe_event AS e ON e.data #>> '{object,id}' = p.session_id
  JOIN djstripe_webhookeventtrigger AS t ON t.event_id = e.id AND t.valid AND t.processed
 WHERE p.buyer_id BETWEEN %(first)s AND %(last)s AND p.status = 'completed' AND b.coins = p.coins
"""
FAILED = "SELECT traceback FROM djstripe_webhookeventtrigger WHERE NOT processed LIMIT 1"
SYNCED = "SELECT count(*) FROM djstripe_session WHERE payment_intent_id IS NOT NULL"


@dataclass(frozen=True)
class _Host:
    """The running project."""

    url: str
    port: int
    path: str
    secret: str

    def deliveries_per_second(self, first: int, seconds: float, connections: int) -> float:
        """Send deliveries of new payments; every one must have been credited, and no other."""
        count = _count(seconds)
        values = {
            "first": first,
            "last": first + count - 1,
            "count": count,
            "token": deliveries.PLACEHOLDER,
            "session_id": deliveries.SESSION_ID,
            "intent_id": deliveries.INTENT_ID,
            "coins": deliveries.COINS + deliveries.BONUS,
        }
        with psycopg.connect(self.url) as connection:
            connection.execute(PREPARE, values)
        sent = send(
            Order(self.port, self.path, self.secret, first, count, seconds, connections=connections)
        )
        with psycopg.connect(self.url) as connection:
            failure = connection.execute(FAILED).fetchone()
        assert sent.statuses == {"200": sent.answers}, (sent.statuses, failure and failure[0])
        with psycopg.connect(self.url) as connection:
            row = connection.execute(CREDITED, values).fetchone()
        assert row is not None
        assert row[0] == sent.answers, f"{sent.answers} were answered, {row[0]} credited"
        return sent.answers / sent.seconds


def install() -> None:
    """Set up dj-stripe's own environment, once for each set of versions."""
    stamp = ENVIRONMENT / "installed.txt"
    wanted = "\n".join(PACKAGES)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    _run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
    stamp.write_text(wanted, encoding="utf-8")


def can_install() -> str | None:
    """Say why dj-stripe cannot be installed here; None where it is, or has just been."""
    try:
        install()
    except subprocess.CalledProcessError:
        return "skipped: dj-stripe could not be installed; pip says why above"
    return None


@dataclass(frozen=True)
class Load:
    """How both sides are loaded, and how many processes and threads each has."""

    workers: int
    threads: int
    connections: int


def rows(
    server: Server,
    plan: Plan,
    work: str,
    ours: Callable[[], float],
    *,
    take: Callable[[int], int],
    load: Load,
    limit: float,
) -> Iterator[Row]:
    """Measure dj-stripe as it comes, and without its look-up of the session, each in turns with ours."""
    obstacle = can_install()
    url = "" if obstacle else server.database("djstripe")
    for against, is_whole in (("dj-stripe", True), ("dj-stripe without its look-up", False)):
        wanted = limit if is_whole else None
        if obstacle:
            yield Row(work, against, "deliveries/s", None, None, None, wanted, note=obstacle)
            continue
        with _serving(server, url, load, is_whole=is_whole) as host:

            def theirs(host: _Host = host, seconds: float = plan.seconds) -> float:
                return host.deliveries_per_second(take(_count(seconds)), seconds, load.connections)

            theirs()
            a, b, ratio = alternate(ours, theirs, repeats=plan.repeats)
        with psycopg.connect(url) as connection:
            synced = connection.execute(SYNCED).fetchone()
        # What it was asked to do on top of the shop's handler it has done: the sessions are in its tables.
        assert synced is not None
        assert synced[0] > 0
        yield Row(work, against, "deliveries/s", a, b, ratio, wanted)


@contextmanager
def _serving(server: Server, url: str, load: Load, *, is_whole: bool) -> Iterator[_Host]:
    """Run the stub of Stripe's API and the project for the block."""
    host = _Host(url, free_port(), f"/stripe/webhook/{uuid.uuid4()}/", _secret())
    stub = free_port()
    environment = {
        "DATABASE_URL": url,
        "SECRET_KEY": secrets.token_hex(32),
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(12)}",
        "STRIPE_API_BASE": f"http://127.0.0.1:{stub}",
        "DJANGO_SETTINGS_MODULE": "benchmarks.djstripe_host.settings",
        "PYTHONPATH": str(ROOT),
        **({} if is_whole else {"WITHOUT_LOOK_UP": "1"}),
    }
    _run("-m", "django", "migrate", "--run-syncdb", "--verbosity=0", environment=environment)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM djstripe_webhookeventtrigger")
        connection.execute("DELETE FROM djstripe_webhookendpoint")
        connection.execute(ENDPOINT, {"secret": host.secret, "uuid": host.path.split("/")[3]})
    command = [
        str(ENVIRONMENT / "bin" / "gunicorn"),
        *f"--bind 127.0.0.1:{host.port} --worker-class gthread --log-level warning".split(),
        *f"--workers {load.workers} --threads {load.threads} --timeout 120".split(),
        "benchmarks.djstripe_host.wsgi:application",
    ]
    with (
        running(
            [sys.executable, "-m", "benchmarks.stripe_stub", str(stub)],
            {"PYTHONPATH": str(ROOT)},
            port=stub,
            log=server.folder / "stripe_stub.log",
        ),
        running(command, environment, port=host.port, log=server.folder / "djstripe.log"),
    ):
        yield host


def _run(*arguments: str, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(
        [str(ENVIRONMENT / "bin" / "python"), *arguments],
        check=True,
        env={**os.environ, **(environment or {})},
        stdout=sys.stderr,
        timeout=600,
    )


def _secret() -> str:
    return f"whsec_{secrets.token_hex(24)}"


def _count(seconds: float) -> int:
    return round(PER_SECOND * max(seconds, 0.5))
