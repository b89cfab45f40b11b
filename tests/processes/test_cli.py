"""The command line against a running store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from coinpurse.settings import Settings
from tests.conftest import Sandbox, Store


def buy(store: Store, sandbox: Sandbox, eventually: Callable[..., Any]) -> dict[str, Any]:
    """Buy a pack; return the payment as the command line shows it."""
    store.start_web()
    customer = store.customer()
    session_id = customer.post(
        f"{store.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    ).json()["session_id"]
    sandbox.pay(session_id)
    status = f"{store.url}/api/payment/status/{session_id}"
    eventually(lambda: customer.get(status, timeout=30).json()["status"] == "completed")
    shown = store.run("payments", "show", session_id)
    assert shown.returncode == 0, shown.stderr
    payment: dict[str, Any] = json.loads(shown.stdout)
    return payment


def test_the_purchase_as_the_operator_sees_it(
    store: Store, sandbox: Sandbox, eventually: Callable[..., Any]
) -> None:
    payment = buy(store, sandbox, eventually)
    assert (payment["status"], payment["amount"], payment["currency"]) == (
        "completed",
        "99.99",
        "usd",
    )

    (listed,) = json.loads(store.run("payments", "list", "--json").stdout)
    assert listed["id"] == payment["id"]
    assert json.loads(store.run("payments", "list", "--json", "--review").stdout) == []
    assert payment["id"][:8] in store.run("payments", "list").stdout

    wallet = json.loads(store.run("wallet", "show", payment["user_id"], "--json").stdout)
    assert (wallet["balance"], wallet["paid"], wallet["bonus"]) == (1200, 1000, 200)
    assert (
        "1200 coins (1000 paid, 200 bonus)"
        in store.run("wallet", "show", payment["user_id"]).stdout
    )

    events = json.loads(store.run("events", "list", "--json", "--state", "processed").stdout)
    completed = next(event for event in events if event["type"] == "checkout.session.completed")
    shown = json.loads(store.run("events", "show", completed["id"]).stdout)
    assert json.loads(shown["payload"])["id"] == completed["id"]
    replayed = store.run("events", "replay", completed["id"], "--json")
    assert (replayed.returncode, json.loads(replayed.stdout)[0]["state"]) == (0, "processed")
    assert (
        json.loads(store.run("wallet", "show", payment["user_id"], "--json").stdout)["balance"]
        == 1200
    )


def test_the_catalog_is_listed(store: Store) -> None:
    assert "99.99 USD" in store.run("catalog", "list").stdout
    packs = json.loads(store.run("catalog", "list", "--json").stdout)
    chest = next(pack for pack in packs if pack["sku"] == "chest")
    assert {key: chest[key] for key in ("sku", "coins", "bonus")} == {
        "sku": "chest",
        "coins": 1000,
        "bonus": 200,
    }


def test_upgrading_twice_says_so(store: Store) -> None:
    again = store.run("db", "upgrade")
    assert (again.returncode, again.stdout) == (0, "The database is of this version already.\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("events", "show", "evt_unknown"), "There is no event 'evt_unknown'"),
        (("events", "replay", "evt_unknown"), "There is no event 'evt_unknown'"),
        (("payments", "show", "cs_unknown"), "There is no payment 'cs_unknown'"),
    ],
)
def test_what_is_not_there_is_named(store: Store, command: tuple[str, ...], words: str) -> None:
    ended = store.run(*command)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [("serve",), ("worker",), ("payments", "list")])
def test_an_unmigrated_database_stops_the_start_with_the_mend(
    store: Store, server_address: str, command: tuple[str, ...]
) -> None:
    store.settings = _with(store.settings, database_url=server_address)

    ended = store.run(*command)

    assert ended.returncode == 2
    assert "Run `coinpurse db upgrade`" in ended.stderr


def test_a_database_that_is_away_is_named(store: Store) -> None:
    store.settings = _with(store.settings, database_url="postgresql://nobody@127.0.0.1:1/nothing")

    ended = store.run("payments", "list")

    assert ended.returncode == 2
    assert "Check DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_key_stops_the_start_and_is_not_shown(store: Store) -> None:
    store.settings = _with(store.settings, stripe_secret_key="pk_test_not_a_secret_key")

    ended = store.run("serve")

    assert ended.returncode == 2
    assert "STRIPE_SECRET_KEY" in ended.stderr
    assert "not_a_secret_key" not in ended.stderr


def _with(settings: Settings, **secrets: str) -> Settings:
    """The same settings with other secrets, unchecked: the command is to check them."""
    assert settings.secret_key is not None
    kind = type(settings.secret_key)
    return settings.model_copy(update={name: kind(value) for name, value in secrets.items()})
