"""The commands: who is on the staff, and that what they change is kept in the audit log."""

from __future__ import annotations

import getpass
import json

from coinpurse.accounts import Accounts, Resets
from coinpurse.db import Database
from tests.conftest import Store


def entries(database: Database) -> list[tuple[str, str, str]]:
    with database.unit_of_work() as work:
        rows = work.rows("SELECT actor, action, subject_id FROM coinpurse.audit_log ORDER BY id")
    return [(row.actor, row.action, row.subject_id) for row in rows]


def test_an_owner_is_made_listed_and_kept(store: Store, database: Database) -> None:
    account = Accounts(database).register("olga@example.com", "a long password")

    added = store.run("staff", "add", "Olga@example.com", "--role", "owner")
    assert (added.returncode, added.stdout) == (0, "Olga@example.com is owner now.\n")
    (row,) = json.loads(store.run("staff", "list", "--json").stdout)
    assert (row["user_id"], row["email"], row["role"]) == (account.user_id, account.email, "owner")

    removed = store.run("staff", "remove", "olga@example.com")
    assert removed.returncode == 2
    assert "Somebody must stay an owner." in removed.stderr
    assert entries(database) == [(f"cli:{getpass.getuser()}", "staff.granted", account.user_id)]


def test_a_user_is_helped_in_and_logged_out(store: Store, database: Database) -> None:
    accounts = Accounts(database)
    account = accounts.register("olga@example.com", "a long password")
    resets = Resets.from_settings(database, store.settings)

    printed = store.run("users", "reset-link", "OLGA@example.com")
    assert printed.returncode == 0, printed.stderr
    origin, token = printed.stdout.rstrip("\n").split("/reset/")
    assert origin == store.url
    assert resets.account_of(token) == account
    ended = store.run("users", "end-sessions", "olga@example.com")
    assert (ended.returncode, ended.stdout) == (0, "olga@example.com is logged out everywhere.\n")
    found = accounts.find(account.user_id)
    assert found is not None
    assert found.session_version == account.session_version + 1

    for command in ("reset-link", "end-sessions"):
        refused = store.run("users", command, "eve@example.com")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "There is no account 'eve@example.com'." in refused.stderr
    me = f"cli:{getpass.getuser()}"
    assert entries(database) == [
        (me, "user.reset_link", account.user_id),
        (me, "user.end_sessions", account.user_id),
    ]


def test_what_commands_change_is_kept(store: Store, database: Database) -> None:
    gift = ("wallet", "adjust", "ada", "50", "--reason", "Sorry", "--actor", "sue", "--key", "k")
    for _ in range(2):
        assert store.run(*gift).returncode == 0
    key = json.loads(store.run("keys", "create", "--name", "x", "--scope", "read", "--json").stdout)
    assert store.run("keys", "revoke", key["prefix"]).returncode == 0
    assert store.run("events", "replay", "--failed").returncode == 0

    me = f"cli:{getpass.getuser()}"
    assert entries(database) == [
        (me, "wallet.adjust", "ada"),
        (me, "api_key.create", key["prefix"]),
        (me, "api_key.revoke", key["prefix"]),
        (me, "event.replay", "failed"),
    ]
