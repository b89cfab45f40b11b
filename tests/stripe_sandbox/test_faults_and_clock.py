"""Faults of the API, the clock, and the process itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import stripe
from sandbox_process import SECRET, Receiver, Sandbox, receiving, running


def test_rate_limits(fresh: Sandbox) -> None:
    fresh.control("POST", "/faults", {"kind": "rate_limit", "count": 2, "method": "POST"})
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            fresh.stripe.v1.customers.create()

    assert fresh.stripe.v1.customers.create().id
    assert fresh.control("GET", "/faults")["counts"] == {"rate_limit": 2}


def test_an_error_before_the_effect_changes_nothing(fresh: Sandbox) -> None:
    fresh.control("POST", "/faults", {"kind": "server_error", "count": 1})
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    with pytest.raises(stripe.APIError):
        fresh.stripe.v1.customers.create(options=options)

    assert fresh.stripe.v1.customers.list().data == []
    assert fresh.stripe.v1.customers.create(options=options).id


def test_an_error_after_the_effect_is_what_its_key_replays(fresh: Sandbox) -> None:
    fresh.control("POST", "/faults", {"kind": "server_error", "when": "after", "count": 1})
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            fresh.stripe.v1.customers.create(options=options)

    assert len(fresh.stripe.v1.customers.list().data) == 1


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_an_answer_that_never_comes(fresh: Sandbox, when: str, made: int) -> None:
    fresh.control("POST", "/faults", {"kind": "timeout", "when": when, "seconds": 0.2, "count": 1})
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    with pytest.raises(stripe.APIConnectionError):
        fresh.stripe.v1.customers.create(options=options)
    assert len(fresh.stripe.v1.customers.list().data) == made

    retried = fresh.stripe.v1.customers.create(options=options)

    assert [found.id for found in fresh.stripe.v1.customers.list().data] == [retried.id]


def test_the_sdk_rides_out_a_single_fault(fresh: Sandbox) -> None:
    client = stripe.StripeClient(
        "sk_test_x", base_addresses={"api": fresh.url}, max_network_retries=2
    )
    fresh.control("POST", "/faults", {"kind": "server_error", "count": 1})

    assert client.v1.customers.create().id


def test_chance_follows_the_seed(fresh: Sandbox) -> None:
    fresh.control("POST", "/faults", {"kind": "rate_limit", "probability": 0.5})
    runs = []
    for _ in range(2):
        fresh.control("POST", "/seed", {"seed": 7})
        runs.append([fresh.request("GET", "/v1/account").status_code for _ in range(20)])

    assert runs[0] == runs[1]
    assert {200, 429} == set(runs[0])


@pytest.mark.parametrize(
    "rule", [{}, {"kind": "nonsense"}, {"kind": "lose", "probability": 2}, {"kind": "lose", "x": 1}]
)
def test_faults_that_make_no_sense_are_refused(sandbox: Sandbox, rule: dict[str, object]) -> None:
    answer = requests.post(sandbox.url + "/_sandbox/faults", json=rule, timeout=10)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_faults_can_be_cleared_one_by_one(fresh: Sandbox) -> None:
    rules = [{"kind": "lose"}, {"kind": "repeat"}]
    first = fresh.control("POST", "/faults", {"rules": rules})["rules"][0]
    left = fresh.control("DELETE", f"/faults/{first['id']}")["rules"]
    none = fresh.control("DELETE", "/faults")["rules"]

    assert [rule["kind"] for rule in left] == ["repeat"]
    assert none == []


def test_the_clock_stands_still_and_moves_on(fresh: Sandbox) -> None:
    frozen = fresh.control("POST", "/clock/freeze")
    time.sleep(0.05)
    assert fresh.control("GET", "/clock") == frozen
    fresh.advance(100)
    assert fresh.control("GET", "/clock")["now"] == pytest.approx(frozen["now"] + 100)
    running_again = fresh.control("POST", "/clock/run")
    time.sleep(0.05)

    assert fresh.control("GET", "/clock")["now"] > running_again["now"]
    backwards = requests.post(
        fresh.url + "/_sandbox/clock/advance", json={"seconds": -1}, timeout=10
    )
    assert backwards.status_code == 400


def test_the_clock_survives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "s.sqlite") as first:
        first.advance(1000)
    with running(tmp_path / "s.sqlite") as second:
        assert second.control("GET", "/clock")["now"] > time.time() + 990


def test_a_reset_forgets_all_but_the_configured_endpoint(delivering: Sandbox) -> None:
    delivering.paid_session()
    account = delivering.stripe.v1.accounts.retrieve_current().id
    delivering.control("POST", "/reset")

    assert delivering.stripe.v1.checkout.sessions.list().data == []
    assert delivering.stripe.v1.events.list().data == []
    assert len(delivering.stripe.v1.webhook_endpoints.list().data) == 1
    assert delivering.stripe.v1.accounts.retrieve_current().id == account


def test_it_starts_quickly_and_stops_cleanly(tmp_path: Path) -> None:
    begun = time.monotonic()
    with running(tmp_path / "s.sqlite") as sandbox:
        assert sandbox.control("GET", "/health")["ticking"] is True
        started = time.monotonic() - begun
        assert sandbox.stop() == 0

    assert started < 2


def test_it_stops_while_an_endpoint_hangs(tmp_path: Path) -> None:
    with receiving() as slow:
        slow.answer = lambda event: time.sleep(3) or 200  # type: ignore[func-returns-value]
        options = ("--webhook-url", slow.url, "--webhook-secret", SECRET)
        with running(tmp_path / "s.sqlite", *options) as sandbox:
            sandbox.stripe.v1.customers.create()
            slow.wait_for("customer.created")
            begun = time.monotonic()
            sandbox.stop()

    assert time.monotonic() - begun < 6


def test_it_binds_to_loopback_only(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from stripe_sandbox.cli import main; main()", "serve",
         "--host", "0.0.0.0", "--state", str(tmp_path / "s.sqlite")],  # noqa: S104
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode != 0
    assert "loopback" in done.stderr


def test_the_configured_endpoint_takes_a_new_secret_at_the_next_start(
    tmp_path: Path, receiver: Receiver
) -> None:
    state = tmp_path / "s.sqlite"
    with running(state, "--webhook-url", receiver.url, "--webhook-secret", "whsec_" + "old"):
        pass
    with running(state, "--webhook-url", receiver.url, "--webhook-secret", SECRET) as sandbox:
        sandbox.stripe.v1.customers.create()
        receiver.wait_for("customer.created")
        assert len(sandbox.stripe.v1.webhook_endpoints.list().data) == 1


def test_other_sites_cannot_steer_it(sandbox: Sandbox) -> None:
    answer = requests.post(
        sandbox.url + "/_sandbox/seed",
        json={"seed": 1},
        headers={"Origin": "https://elsewhere.example"},
        timeout=10,
    )

    assert answer.status_code == 403
