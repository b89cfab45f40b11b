"""The official Stripe CLI between the sandbox and the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Sandbox, Store

PROJECT = Path(__file__).parents[2]
INSTALLED = PROJECT / ".tools" / "node_modules" / ".bin" / "stripe"
FOUND = str(INSTALLED) if INSTALLED.exists() else shutil.which("stripe")

pytestmark = [
    pytest.mark.stripe_cli,
    pytest.mark.skipif(FOUND is None, reason="no Stripe CLI: `make stripe-cli` installs it"),
]

TRIGGERS = [
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.closed",
]


class Cli:
    """The CLI with a home of its own, pointed at the sandbox."""

    def __init__(self, sandbox: Sandbox, key: str, home: Path) -> None:
        assert FOUND is not None
        self._base = ["--api-base", sandbox.url]
        self._environment = {
            **os.environ,
            "STRIPE_API_KEY": key,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        }

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed."""
        ended = subprocess.run(
            [str(FOUND), *arguments, *self._base],
            env=self._environment, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return ended.stdout

    @contextmanager
    def listening(self, forward_to: str, log: Path) -> Iterator[None]:
        """Forward every event to the address while the block runs."""
        arguments = [
            "listen",
            "--all-snapshot",
            "--skip-update",
            "--forward-to",
            forward_to,
            *self._base,
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(FOUND), *arguments],
                env=self._environment,
                stdout=output,
                stderr=output,
                # The npm package is a wrapper: what it starts is ended with it.
                start_new_session=True,
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


@pytest.fixture
def cli(sandbox: Sandbox, store: Store, tmp_path: Path) -> Cli:
    return Cli(sandbox, store.settings.require_stripe_key(), tmp_path / "home")


def test_listen_forwards_to_the_webhook_and_the_coins_arrive(
    store: Store,
    sandbox: Sandbox,
    cli: Cli,
    tmp_path: Path,
    eventually: Callable[..., Any],
    database_url: str,
) -> None:
    secret = cli.run("listen", "--print-secret").strip()
    store.settings = store.settings.model_copy(
        update={"stripe_webhook_secret": type(store.settings.secret_key)(secret)}  # type: ignore[misc,call-arg]
    )
    store.start_web()
    customer = store.customer()
    log = tmp_path / "listen.log"
    with cli.listening(f"{store.url}/api/payment/webhook", log):
        eventually(lambda: "Ready" in log.read_text())
        session_id = customer.post(
            f"{store.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
        ).json()["session_id"]
        sandbox.pay(session_id)

        with psycopg.connect(database_url, autocommit=True) as connection:
            credited = "SELECT coins FROM coinpurse.transactions"
            # Nothing asks for the status here: what credits is the forwarded webhook alone.
            assert eventually(lambda: connection.execute(credited).fetchall()) == [(1200,)]


def test_triggered_events_are_foreign_and_acknowledged(
    store: Store, cli: Cli, eventually: Callable[..., Any], database_url: str
) -> None:
    store.start_web()

    for event in TRIGGERS:
        cli.run("trigger", event)

    with psycopg.connect(database_url, autocommit=True) as connection:

        def states() -> dict[str, str]:
            return dict(
                connection.execute("SELECT type, state FROM coinpurse.stripe_events").fetchall()
            )

        eventually(lambda: states().keys() >= set(TRIGGERS))
        found = states()
        assert connection.execute("SELECT count(*) FROM coinpurse.transactions").fetchone() == (0,)
    assert {found[type_] for type_ in TRIGGERS} == {"foreign"}
    assert "failed" not in found.values()
