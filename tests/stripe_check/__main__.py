"""`make stripe-check`: look at the key, say what is missing, then run the checks.

Exit codes: 0 all as expected, 1 something differs, 2 could not run.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

TEST_KEY = re.compile(r"(?:sk|rk)_test_\w{6,}", re.ASCII)
COULD_NOT_RUN = 2
MISSING = """\
STRIPE_SECRET_KEY is not set.

Give the secret test key of a Stripe account (Dashboard, test mode or a sandbox, Developers, API keys):

    STRIPE_SECRET_KEY=sk_test_… make stripe-check

It is used for this run and kept nowhere. What is made on the account is told in docs/stripe-check.md."""
LIVE = "STRIPE_SECRET_KEY is a live key. The check makes payments and refunds; it takes a test key, sk_test_…."
WRONG = "STRIPE_SECRET_KEY is no key of the form sk_test_… or rk_test_…; copy it again from the Dashboard."


def problem_of(key: str) -> str | None:
    """Say what is wrong with a key; None if it may be used."""
    if not key:
        return MISSING
    if key.startswith(("sk_live_", "rk_live_")):
        return LIVE
    return None if TEST_KEY.fullmatch(key) else WRONG


def main() -> int:
    """Run the checks."""
    problem = problem_of(os.environ.get("STRIPE_SECRET_KEY", "").strip())
    if problem is not None:
        print(problem, file=sys.stderr)  # noqa: T201
        return COULD_NOT_RUN
    at = os.environ.get("STRIPE_API_BASE") or "https://api.stripe.com"
    known = at == "https://api.stripe.com"
    print(f"Checking against {at}{'' if known else ', which is not Stripe'}")  # noqa: T201
    checks = sorted(map(str, Path(__file__).parent.glob("check_*.py")))
    # Stripe's notices to developers come as warnings; they are shown and fail nothing.
    ended = pytest.main(
        ["-p", "no:xdist", "-W", "default", "-v", "--tb=short", "--show-capture=no", *checks]
    )
    return 0 if ended == pytest.ExitCode.OK else 1


if __name__ == "__main__":
    sys.exit(main())
