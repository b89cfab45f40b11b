"""`coinpurse webhook`, against the sandbox."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from coinpurse.inbox import HANDLED_TYPES
from tests.conftest import Sandbox, Store

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def origin() -> str:
    """An address that no other test has."""
    return f"https://{secrets.token_hex(6)}.example.com"


@pytest.fixture
def run(sandbox: Sandbox, origin: str, tmp_path: Path) -> Run:
    """Runs `coinpurse webhook` with a key and an origin, and nothing else."""
    known = {name: value for name, value in os.environ.items() if "STRIPE" not in name}

    def run(
        *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "coinpurse", "webhook", *arguments],
            env={
                **known,
                "STRIPE_SECRET_KEY": "sk_test_webhook_cli",
                "STRIPE_API_BASE": sandbox.url,
                "COINPURSE_BASE_URL": origin,
                **environment,
            },
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def endpoints(sandbox: Sandbox, origin: str) -> list[dict[str, Any]]:
    found = requests.get(
        f"{sandbox.url}/v1/webhook_endpoints?limit=100", auth=("sk_test_any_key", ""), timeout=30
    ).json()["data"]
    return [endpoint for endpoint in found if endpoint["url"].startswith(origin)]


@pytest.fixture(autouse=True)
def _leave_no_endpoint(sandbox: Sandbox, origin: str) -> Any:
    yield
    for endpoint in endpoints(sandbox, origin):
        requests.delete(
            f"{sandbox.url}/v1/webhook_endpoints/{endpoint['id']}",
            auth=("sk_test_any_key", ""),
            timeout=30,
        )


def test_set_up_registers_exactly_our_events_and_its_repeat_changes_nothing(
    run: Run, sandbox: Sandbox, origin: str
) -> None:
    planned = run("setup", "--dry-run")
    assert planned.returncode == 1, planned.stderr
    assert endpoints(sandbox, origin) == []

    first = run("setup")

    assert first.returncode == 0, first.stderr
    assert "STRIPE_WEBHOOK_SECRET=whsec_" in first.stdout
    [made] = endpoints(sandbox, origin)
    assert made["url"] == f"{origin}/api/payment/webhook"
    assert sorted(made["enabled_events"]) == sorted(HANDLED_TYPES)
    assert made["api_version"] == "2026-10-28.endive"
    second = run("setup")
    assert (second.returncode, "nothing to change" in second.stdout) == (0, True)
    assert "whsec_" not in second.stdout + second.stderr
    assert endpoints(sandbox, origin) == [made]


def test_set_up_mends_an_endpoint_that_somebody_made_by_hand(
    run: Run, sandbox: Sandbox, origin: str
) -> None:
    requests.post(
        f"{sandbox.url}/v1/webhook_endpoints",
        data={"url": f"{origin}/api/payment/webhook", "enabled_events[]": "*"},
        auth=("sk_test_any_key", ""),
        timeout=30,
    ).raise_for_status()
    listed = json.loads(run("list", "--json").stdout)
    [ours] = [row for row in listed if row["ours"]]
    assert ours["problems"] == ["it sends every type of event instead of our 17"]

    mended = run("setup")

    assert mended.returncode == 0, mended.stderr
    [endpoint] = endpoints(sandbox, origin)
    assert sorted(endpoint["enabled_events"]) == sorted(HANDLED_TYPES)
    assert endpoint["metadata"] == {"coinpurse": "webhook"}


def test_secret_goes_into_the_file_and_not_to_the_terminal(
    run: Run, tmp_path: Path, sandbox: Sandbox, origin: str
) -> None:
    file = tmp_path / ".env"
    file.write_text("OTHER=1\n")

    done = run("setup", "--write-env", ".env")

    assert done.returncode == 0, done.stderr
    assert "whsec_" not in done.stdout + done.stderr
    assert file.read_text().startswith("OTHER=1\nSTRIPE_WEBHOOK_SECRET=whsec_")


def test_nothing_is_made_where_the_secret_could_not_be_kept(
    run: Run, sandbox: Sandbox, origin: str
) -> None:
    refused = run("setup", "--write-env", "no/such/.env")

    assert (refused.returncode, "cannot be written" in refused.stderr) == (2, True)
    assert endpoints(sandbox, origin) == []


def test_key_without_the_permission_is_told_which_one_it_lacks(run: Run) -> None:
    refused = run("setup", STRIPE_SECRET_KEY="rk_test_shop_no_webhook_write")

    assert refused.returncode == 2
    assert "rak_webhook_write" in refused.stderr
    assert "rk_test" not in refused.stderr


def test_rotation_ends_only_once_the_store_takes_the_new_secret(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    env = store.directory / "secret.env"
    assert store.run("webhook", "setup").returncode == 0
    store.start_web()

    begun = store.run("webhook", "rotate", "--write-env", str(env))
    assert begun.returncode == 0, begun.stderr
    assert len(endpoints(sandbox, store.url)) == 2
    again = store.run("webhook", "rotate")
    assert (again.returncode, "--finish" in again.stderr) == (2, True)

    def with_secrets(value: str) -> Store:
        settings = store.settings.model_copy(
            update={"stripe_webhook_secret": type(store.settings.stripe_webhook_secret)(value)}
        )
        return Store(settings, store.port, store.directory)

    old = store.settings.require_webhook_secrets()[0]
    new = env.read_text().strip().partition("=")[2]
    both = with_secrets(f"{new},{old}")
    # The operator's file knows the new secret, and the server still runs with the old one alone.
    too_early = both.run("webhook", "rotate", "--finish")
    assert (too_early.returncode, "answered 400" in too_early.stderr) == (2, True)
    assert len(endpoints(sandbox, store.url)) == 2

    store.stop()
    both.start_web()
    try:
        ended = both.run("webhook", "rotate", "--finish")
        assert ended.returncode == 0, ended.stderr
        [left] = endpoints(sandbox, store.url)
        assert "coinpurse_replaces" in left["metadata"]
        assert "No rotation" in both.run("webhook", "rotate", "--finish").stdout
    finally:
        both.stop()


def test_removing_asks_first(run: Run, sandbox: Sandbox, origin: str) -> None:
    run("setup")
    [made] = endpoints(sandbox, origin)

    assert run("remove", made["id"]).returncode == 1
    assert endpoints(sandbox, origin) == [made]
    assert run("remove", made["id"], "--yes").returncode == 0
    assert endpoints(sandbox, origin) == []
    assert run("remove", made["id"], "--yes").returncode == 2


def test_the_secret_is_kept_before_a_word_is_said(
    run: Run, sandbox: Sandbox, origin: str, tmp_path: Path
) -> None:
    """Stripe never shows it again, and whoever reads our words may have gone."""
    with Path("/dev/full").open("w") as nowhere:
        run("setup", "--write-env", ".env", stdout=nowhere)

    assert len(endpoints(sandbox, origin)) == 1
    assert "STRIPE_WEBHOOK_SECRET=whsec_" in (tmp_path / ".env").read_text()
