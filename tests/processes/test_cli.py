"""The command line against a running store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from coinpurse.cli import MODULES, main
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
    listed = store.run("catalog", "list").stdout
    assert "99.99 USD" in listed
    assert "The file is in force: the sample catalog." in listed
    assert "first purchase +30  bonus for 90 days  1 per account" in listed
    packs = json.loads(store.run("catalog", "list", "--json").stdout)
    chest = next(pack for pack in packs if pack["sku"] == "chest")
    assert {key: chest[key] for key in ("sku", "coins", "bonus")} == {
        "sku": "chest",
        "coins": 1000,
        "bonus": 200,
    }


def test_a_catalog_file_is_checked_before_it_is_used(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text('[[packs]]\nsku = "pouch"\ncoins = 100\nprices = { usd = "9.99" }\n')
    good = store.run("catalog", "check", str(file))
    assert (good.returncode, good.stdout) == (
        0,
        f"{file} is sound; packs: 1, on sale now: 1.\n",
    )

    file.write_text(file.read_text().replace("100", "0"))
    bad = store.run("catalog", "check", str(file))
    assert bad.returncode == 2
    assert f"{file}, pack 1 (pouch): coins must be a whole number" in bad.stderr


def test_stripe_gets_the_catalog_when_asked_and_once(store: Store, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        # Databases of tests are clones; the account at Stripe is shared by all of them.
        connection.execute("UPDATE coinpurse.installation SET id = gen_random_uuid()")

    planned = store.run("catalog", "sync")
    assert (planned.returncode, "create_product" in planned.stdout) == (1, True)
    assert "Nothing was done yet" in planned.stdout
    done = json.loads(store.run("catalog", "sync", "--apply", "--json").stdout)
    assert sum(step["action"] == "create_product" for step in done) == 7
    again = store.run("catalog", "sync")

    assert (again.returncode, again.stdout) == (
        0,
        "Stripe has all of the catalog; there is nothing to do.\n",
    )


@pytest.mark.parametrize("path", [(), *((name,) for name in MODULES)])
def test_help_says_what_each_command_is_for_in_whole_words(path: tuple[str, ...]) -> None:
    said = CliRunner().invoke(main, [*path, "--help"])

    assert said.exit_code == 0
    assert "..." not in said.output.replace("[ARGS]...", "")


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
