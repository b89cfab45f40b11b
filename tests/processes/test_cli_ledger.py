"""The ledger's and the keys' commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests

from coinpurse import Coinpurse, jobs
from coinpurse.api_keys import CACHE_SECONDS
from tests.conftest import Store


@pytest.fixture
def ada(purse: Coinpurse) -> str:
    """A user with 100 coins, of which 30 were spent."""
    purse.credit("ada", 100, key="start", description="A welcome")
    purse.spend("ada", 30, key="first", description="A picture")
    return "ada"


def test_books_that_agree_are_verified(store: Store, ada: str) -> None:
    verified = store.run("verify")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout == "1 wallets verified; every figure agrees.\n"
    assert json.loads(store.run("verify", "--json").stdout) == {"wallets": 1, "differences": []}


def test_a_figure_that_differs_is_named(store: Store, purse: Coinpurse, ada: str) -> None:
    purse.credit("bob", 10, key="start")
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET balance = balance + 7 WHERE user_id = 'ada'")

    verified = store.run("verify", "--json")

    assert verified.returncode == 1
    found = json.loads(verified.stdout)
    assert found["wallets"] == 2
    assert {row["user_id"] for row in found["differences"]} == {"ada"}
    assert {(row["wallet"], row["rows"]) for row in found["differences"]} == {(77, 70)}
    in_words = store.run("verify")
    assert in_words.returncode == 1
    assert "ada" in in_words.stdout


def test_a_balance_is_explained(store: Store, ada: str) -> None:
    explained = json.loads(store.run("wallet", "explain", "ada", "--json").stdout)
    assert explained["balance"] == 70
    assert [row["type"] for row in explained["transactions"]] == ["usage", "grant"]
    assert explained["grants"][0]["moves"] == {"grant": 100, "usage": -30}
    in_words = store.run("wallet", "explain", "ada").stdout
    assert in_words.startswith("ada had 70 coins at ")
    assert "grant +100, usage -30" in in_words


def test_a_past_balance_is_explained(store: Store, ada: str) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    explained = store.run("wallet", "explain", "ada", "--at", yesterday, "--json")
    assert json.loads(explained.stdout)["balance"] == 0


@pytest.mark.parametrize("moment", ["yesterday", "", "2030-13-01", "0001-01-01"])
def test_a_moment_that_is_none_is_refused(store: Store, moment: str) -> None:
    refused = store.run("wallet", "explain", "ada", "--at", moment)
    assert refused.returncode == 2
    assert "is not a time such as" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("coins", "balance"), [("25", 95), ("-25", 45)])
def test_a_balance_is_adjusted_both_ways(
    store: Store, purse: Coinpurse, ada: str, coins: str, balance: int
) -> None:
    arguments = ("wallet", "adjust", "ada", coins, "--reason", "A mistake", "--actor", "grace")
    adjusted = store.run(*arguments, "--key", "ticket-7", "--json")

    assert adjusted.returncode == 0, adjusted.stderr
    row = json.loads(adjusted.stdout)
    assert (row["type"], row["coins"], row["balance_after"]) == ("adjustment", int(coins), balance)
    assert (row["actor"], row["description"]) == ("grace", "A mistake")
    again = store.run(*arguments, "--key", "ticket-7")
    assert "nothing was changed now" in again.stdout
    assert purse.wallet("ada").balance == balance


@pytest.mark.parametrize(
    "arguments",
    [
        ("0", "--reason", "r", "--actor", "a"),
        ("-71", "--reason", "r", "--actor", "a"),
        ("5", "--reason", "", "--actor", "a"),
        ("5", "--reason", "r"),
        ("five", "--reason", "r", "--actor", "a"),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused(
    store: Store, purse: Coinpurse, ada: str, arguments: tuple[str, ...]
) -> None:
    refused = store.run("wallet", "adjust", "ada", *arguments)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert purse.wallet("ada").balance == 70


def test_a_key_is_made_used_listed_and_revoked(store: Store, ada: str) -> None:
    made = store.run("keys", "create", "--name", "backend", "--scope", "read", "--scope", "spend")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    store.start_web()

    def wallet() -> requests.Response:
        return requests.get(
            f"{store.url}/api/v1/wallets/ada",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )

    assert wallet().json()["balance"] == 70
    (listed,) = json.loads(store.run("keys", "list", "--json").stdout)
    assert (listed["name"], listed["scopes"]) == ("backend", ["read", "spend"])
    assert listed["last_used_at"] is not None
    shown = store.run("keys", "list").stdout
    assert key not in shown
    assert "read, spend" in shown
    assert key.startswith(listed["prefix"])

    revoked = store.run("keys", "revoke", listed["prefix"])
    assert revoked.returncode == 0
    deadline = datetime.now(UTC) + timedelta(seconds=CACHE_SECONDS)
    while wallet().status_code == 200:
        assert datetime.now(UTC) < deadline
    assert wallet().json()["code"] == "invalid_key"
    assert json.loads(store.run("keys", "list", "--json").stdout)[0]["revoked_at"] is not None


def test_a_key_is_made_for_scripts(store: Store) -> None:
    arguments = ("keys", "create", "--name", "backend", "--scope", "grant", "--json")
    made = json.loads(store.run(*arguments).stdout)
    assert made["key"].startswith(made["prefix"])
    assert made["scopes"] == ["grant"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "--name", "x"),
        ("create", "--scope", "read"),
        ("create", "--name", "x", "--scope", "admin"),
        ("create", "--name", " ", "--scope", "read"),
        ("revoke", "cpk_nobody"),
    ],
)
def test_key_commands_that_cannot_be_are_refused(store: Store, arguments: tuple[str, ...]) -> None:
    refused = store.run("keys", *arguments)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr


def test_what_is_due_is_settled_in_batches_until_none_is_left(purse: Coinpurse) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    for number in range(7):
        purse.credit(f"user-{number}", 10, key="start", expires_at=soon)
    purse.credit("later", 10, key="start", expires_at=soon + timedelta(days=1))
    purse.credit("holder", 10, key="start")
    purse.hold("holder", 4, key="hold", ttl_seconds=0.5)
    with purse.database.unit_of_work() as work:
        work.execute("SELECT pg_sleep(1.1)")

    assert jobs.settle_due(purse.database, batch=3) == 8

    with purse.database.unit_of_work() as work:
        rows = work.rows("SELECT user_id, balance, held FROM coinpurse.wallets ORDER BY user_id")
    assert [(row.user_id, row.balance, row.held) for row in rows] == [
        ("holder", 10, 0),
        ("later", 10, 0),
        *((f"user-{number}", 0, 0) for number in range(7)),
    ]
    assert jobs.settle_due(purse.database) == 0


def test_the_worker_settles_what_is_due_every_minute(purse: Coinpurse) -> None:
    app = jobs.application(purse.database.conninfo)
    scheduled = {
        periodic.task.name: periodic.cron
        for periodic in app.periodic_registry.periodic_tasks.values()
    }
    assert scheduled["sweep_due"] == "* * * * *"
