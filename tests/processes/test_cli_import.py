"""`coinpurse import balances`, as an operator runs it, and killed in the middle."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse
from tests.conftest import Store

USERS = 20_000


@pytest.fixture
def old_users(database_url: str) -> str:
    """The old application's table, in the database that it shares with the store."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id int, coin_balance int)")
        connection.execute(
            "INSERT INTO users SELECT n, n %% 10 FROM generate_series(1, %s) AS n", [USERS]
        )
    return database_url


def wallets(address: str) -> tuple[int, int]:
    with psycopg.connect(address) as connection:
        found = connection.execute(
            "SELECT count(*), coalesce(sum(balance), 0)::bigint FROM coinpurse.wallets"
        ).fetchone()
    assert found is not None
    return found


def test_it_only_checks_until_it_is_told_to(store: Store, old_users: str) -> None:
    checked = store.run("import", "balances")

    assert checked.returncode == 0, checked.stderr
    assert "20,000 users, 90,000 coins" in checked.stdout
    assert "--apply does it" in checked.stdout
    assert wallets(old_users) == (0, 0)


def test_bad_rows_and_open_checkouts_stand_against_it(store: Store, old_users: str) -> None:
    with psycopg.connect(old_users, autocommit=True) as connection:
        connection.execute("INSERT INTO users VALUES (7, 1), (90001, -4)")
        connection.execute("CREATE TABLE payment_sessions (session_id text, status text)")
        connection.execute(
            "INSERT INTO payment_sessions VALUES ('cs_open', 'Pending'), ('cs_odd', 'parked')"
        )

    refused = store.run("import", "balances", "--apply", "--json")

    assert refused.returncode == 1, refused.stderr
    report = json.loads(refused.stdout)
    assert [row["problem"] for row in report["problems"]] == [
        "This user id is there twice",
        "The balance is negative",
    ]
    assert (report["open_sessions"], report["applied"]) == (["cs_open"], False)
    assert report["unknown_statuses"] == {"parked": 1}
    assert wallets(old_users) == (0, 0)


def test_a_refusal_of_the_ledger_names_its_user_and_leaves_the_others_in(
    store: Store, database_url: str, purse: Coinpurse
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users (id text, coin_balance int)")
        connection.execute("INSERT INTO users VALUES ('ada', 3), ('rich', 4), ('zoe', 5)")
    purse.credit("rich", 2**53 - 1, key="a fortune", kind="paid")

    refused = store.run("import", "balances", "--apply")

    assert refused.returncode == 1, refused.stderr
    assert "Imported: 2 users, 8 coins. The sums agree." in refused.stdout
    assert re.search(r"rich +4 +4 coins were asked for and 0 are left", refused.stdout)
    assert (purse.wallet("ada").balance, purse.wallet("zoe").balance) == (3, 5)


def test_one_that_was_killed_is_gone_on_with(
    store: Store, old_users: str, purse: Coinpurse, eventually: Callable[..., Any]
) -> None:
    command = [sys.executable, "-m", "coinpurse", "import", "balances", "--apply"]
    killed = subprocess.Popen(
        command, env=store.variables(), cwd=store.directory, stdout=subprocess.DEVNULL
    )
    eventually(lambda: wallets(old_users)[0] > 0)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    half = wallets(old_users)
    assert 0 < half[0] < 18_000
    # Whole users: nobody has some of their coins.
    assert half[0] % 200 == 0

    again = store.run("import", "balances", "--apply")

    assert again.returncode == 0, again.stderr
    assert f"Imported before: {half[0]:,} users, {half[1]:,} coins." in again.stdout
    assert "The sums agree" in again.stdout
    assert wallets(old_users) == (18_000, 90_000)
    assert all(differences == [] for _, differences in purse.verify())
    assert [entry.action for entry in purse.back_office.audit_about("import", "balances")] == [
        "balances.import",
        "balances.import",
    ]
