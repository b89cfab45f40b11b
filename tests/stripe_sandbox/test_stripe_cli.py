"""The official Stripe CLI against the sandbox."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe
from sandbox_process import Receiver, Sandbox

from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
LOCAL = PROJECT / ".tools" / "node_modules" / ".bin" / "stripe"
BINARY = str(LOCAL) if LOCAL.exists() else shutil.which("stripe")
pytestmark = [
    pytest.mark.stripe_cli,
    pytest.mark.skipif(
        BINARY is None,
        reason="no Stripe CLI: run `npm install --prefix .tools @stripe/cli` in the project",
    ),
]
EXPECTED = {
    "checkout.session.completed": {"checkout.session.completed", "charge.succeeded"},
    "checkout.session.expired": {"checkout.session.expired"},
    "checkout.session.async_payment_succeeded": {
        "checkout.session.completed", "checkout.session.async_payment_succeeded"},
    "checkout.session.async_payment_failed": {
        "checkout.session.completed", "checkout.session.async_payment_failed"},
    "payment_intent.succeeded": {"payment_intent.succeeded"},
    "payment_intent.payment_failed": {"payment_intent.payment_failed", "charge.failed"},
    "charge.refunded": {"charge.refunded", "refund.created"},
    "charge.dispute.created": {"charge.dispute.created"},
    "charge.dispute.closed": {"charge.dispute.created", "charge.dispute.closed"},
}  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own for the CLI, with a key it accepts."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "STRIPE_API_KEY": "sk_test_" + "51" + "a" * 30,
        "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
        "STRIPE_DEVICE_NAME": "tests",
    }


def run(environment: dict[str, str], sandbox: Sandbox, *arguments: str) -> str:
    assert BINARY is not None
    done = subprocess.run(
        [BINARY, *arguments, "--api-base", sandbox.url],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
        cwd=environment["HOME"],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", EXPECTED)
def test_trigger(fresh: Sandbox, environment: dict[str, str], name: str) -> None:
    run(environment, fresh, "trigger", name)
    fresh.advance(600)

    assert set(fresh.event_types()) >= EXPECTED[name]


def test_triggered_sessions_take_overrides(fresh: Sandbox, environment: dict[str, str]) -> None:
    run(environment, fresh, "trigger", "checkout.session.completed",
        "--add", "checkout_session:client_reference_id=user-7",
        "--add", "checkout_session:metadata.pack=100")  # fmt: skip

    session = fresh.stripe.v1.checkout.sessions.list().data[0]
    assert session.client_reference_id == "user-7"
    assert session.metadata is not None
    assert session.metadata["pack"] == "100"
    assert session.payment_status == "paid"


@pytest.fixture
def listening(
    fresh: Sandbox, environment: dict[str, str], receiver: Receiver, tmp_path: Path
) -> Iterator[Path]:
    """`stripe listen`, forwarding to the receiver; yields its log."""
    secret = run(environment, fresh, "listen", "--skip-update", "--print-secret").strip()
    receiver.secret = secret
    log = tmp_path / "listen.log"
    assert BINARY is not None
    with log.open("w") as output:
        process = subprocess.Popen(
            [BINARY, "listen", "--all-snapshot", "--skip-update", "--forward-to", receiver.url,
             "--api-base", fresh.url],
            env=environment, stdout=output, stderr=output, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(log, "Ready!")
            yield log
        finally:
            # The npm launcher starts the binary as its child: end exactly this group.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)


def _wait_for(log: Path, words: str) -> None:
    wait_until(lambda: words in log.read_text(), log.read_text)


def test_listen_forwards_signed_events(
    fresh: Sandbox, environment: dict[str, str], receiver: Receiver, listening: Path
) -> None:
    fresh.paid_session()
    event = receiver.wait_for("checkout.session.completed")[0]
    assert stripe.WebhookSignature.verify_header(
        receiver.bodies[0].decode(), receiver.headers[0], receiver.secret
    )

    run(environment, fresh, "events", "resend", event["id"])
    receiver.wait_for("checkout.session.completed", 2)

    wait_until(lambda: fresh.stripe.v1.events.retrieve(event["id"]).pending_webhooks == 0)
