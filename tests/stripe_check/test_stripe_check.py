"""`make stripe-check` itself, with the sandbox in Stripe's place."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Sandbox

pytestmark = pytest.mark.system


def check(**environment: str) -> subprocess.CompletedProcess[str]:
    known = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STRIPE_", "PYTEST_", "COINPURSE_LOG"))
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.stripe_check"],
        cwd=Path(__file__).parents[2],
        env={**known, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_everything_that_is_asked_of_stripe_is_answered_by_the_sandbox(sandbox: Sandbox) -> None:
    ended = check(STRIPE_SECRET_KEY=f"sk_test_{secrets.token_hex(12)}", STRIPE_API_BASE=sandbox.url)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "which is not Stripe" in ended.stdout


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "is not set"),
        ("sk_live_" + "x" * 24, "is a live key"),
        ("rk_live_" + "x" * 24, "is a live key"),
        ("pk_test_" + "x" * 24, "is no key of the form"),
    ],
)
def test_without_a_test_key_nothing_is_asked(key: str, said: str) -> None:
    ended = check(STRIPE_SECRET_KEY=key)

    assert ended.returncode == 2
    assert said in ended.stderr
    assert "x" * 24 not in ended.stdout + ended.stderr
