"""`coinpurse doctor`, as whoever runs a store meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Store


def run_bare(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it with nothing set up but what is given."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-m", "coinpurse", "doctor", *arguments],
        env={**kept, "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_running_store_is_right_and_its_alerts_are_judged(store: Store) -> None:
    assert store.run("webhook", "setup").returncode == 0
    store.start_web()
    store.start_worker()
    waited = 0
    while (done := store.run("doctor", "--alerts", "--json")).returncode and waited < 5:
        # The worker is still on its way.
        waited += 1

    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {check["check"] for check in told["checks"]} >= {
        "webhook round trip",
        "worker",
        "alerts",
    }
    said = {check["message"] for check in told["checks"]}
    assert {
        "worker_away: workers that run: 1 (critical below 1)",
        "dead_events: events from Stripe that are not tried any more: 0 (critical above 0)",
    } <= said
    assert store.settings.require_webhook_secrets()[0] not in done.stdout


def test_empty_folder_is_told_what_to_set(tmp_path: Path) -> None:
    done = run_bare(tmp_path)

    assert done.returncode == 1, done.stderr
    for name in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SECRET_KEY", "DATABASE_URL"):
        assert name in done.stdout, name
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_setting_that_is_wrong_is_the_finding(tmp_path: Path) -> None:
    done = run_bare(tmp_path, "--json", STRIPE_SECRET_KEY="sk_live_1234567890", COINPURSE_DEMO="1")

    assert done.returncode == 1
    [only] = json.loads(done.stdout)["checks"]
    assert (only["check"], "the demo never uses one" in only["message"]) == ("settings", True)
    assert "1234567890" not in done.stdout


def test_asked_for_mail_is_tried(tmp_path: Path) -> None:
    done = run_bare(
        tmp_path,
        *("--send-test-mail", "ada@example.com"),
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT="1",
        MAIL_DEFAULT_SENDER="store@example.com",
    )

    assert done.returncode == 1
    assert "test mail" in done.stdout
