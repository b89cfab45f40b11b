"""Balances of a hand-made integration become wallets: whole, once, and with the same sums."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse import Coinpurse, ConfigurationError
from coinpurse.importing import ImportFailed, Importing, Source, SourceTable
from coinpurse.testing.postgresql import new_database

Query = Callable[..., Any]


@pytest.fixture
def old(server_address: str) -> Any:
    """Another database, as a recipe for Flask and Stripe makes it."""
    with new_database(server_address) as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE users (id serial PRIMARY KEY, coin_balance integer DEFAULT 0)"
            )
            connection.execute(
                "CREATE TABLE payment_sessions (session_id text UNIQUE, user_id int, status text)"
            )
            connection.execute(
                "INSERT INTO users (coin_balance) SELECT n % 7 FROM generate_series(1, 500) AS n"
            )
        yield address


def run(address: str, sql: str, *values: object) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(sql, values)


def importing(purse: Coinpurse, url: str, **table: str) -> Importing:
    source = Source(url, SourceTable(**table))
    return Importing(purse.database, source, name="old", spend_order="bonus_first")


def plan(made: Importing) -> Any:
    return made.plan(sessions_table="payment_sessions", open_statuses=["pending"])


def apply(made: Importing, **options: Any) -> None:
    made.apply(plan(made), kind="paid", description="Balance brought over", **options)


def ledger_sum(purse: Coinpurse) -> tuple[int, int]:
    with purse.database.unit_of_work() as work:
        row = work.row(
            "SELECT count(*) AS users, coalesce(sum(balance), 0)::bigint AS coins FROM coinpurse.wallets"
        )
    assert row is not None
    return row.users, row.coins


def test_every_user_has_afterwards_what_they_had(purse: Coinpurse, old: str) -> None:
    made = importing(purse, old)
    found = plan(made)
    through: list[int] = []

    apply(made, progress=through.append)

    assert ledger_sum(purse) == (found.balances.owners, found.balances.total)
    assert purse.wallet("5").paid == 5
    assert purse.wallet("7").balance == 0
    assert [row.description for row in purse.transactions("5")] == ["Balance brought over"]
    assert through == [200, 400, 429]
    assert all(differences == [] for _, differences in purse.verify())


def test_a_repeat_brings_nothing_twice(purse: Coinpurse, old: str) -> None:
    made = importing(purse, old)
    apply(made)
    before = ledger_sum(purse)
    purse.spend("5", 2, key="hat")

    assert plan(made).to_do == {}
    apply(made)

    assert ledger_sum(purse) == (before[0], before[1] - 2)


def test_one_bad_row_lets_nothing_in(purse: Coinpurse, old: str) -> None:
    run(old, "UPDATE users SET coin_balance = -1 WHERE id = 500")
    run(old, "UPDATE users SET coin_balance = NULL WHERE id = 499")
    made = importing(purse, old)

    with pytest.raises(ImportFailed, match="2 rows cannot be imported"):
        apply(made)

    assert ledger_sum(purse) == (0, 0)
    assert {row.user_id for row in plan(made).problems} == {"499", "500"}


def test_a_view_mends_rows_without_touching_the_table(purse: Coinpurse, old: str) -> None:
    run(old, "UPDATE users SET coin_balance = -1 WHERE id = 500")
    run(old, "CREATE VIEW clean AS SELECT id, greatest(coin_balance, 0) AS coins FROM users")

    apply(importing(purse, old, name="public.clean", coins_column="coins"))

    assert purse.wallet("500").balance == 0


def test_a_balance_that_changed_after_its_import_is_left_to_a_person(
    purse: Coinpurse, old: str
) -> None:
    made = importing(purse, old)
    apply(made)
    run(old, "UPDATE users SET coin_balance = 0 WHERE id = 5")

    run(old, "INSERT INTO users (coin_balance) VALUES (3)")

    assert [(row.user_id, row.value) for row in plan(made).changed] == [("5", "0")]
    with pytest.raises(ImportFailed):
        apply(made)
    assert purse.wallet("501").balance == 0

    kept = made.plan(sessions_table=None, open_statuses=[], keep_changed=True)
    made.apply(kept, kind="paid", description="")

    assert (purse.wallet("5").balance, purse.wallet("501").balance) == (5, 3)


def test_a_source_that_moves_during_the_import_is_told(purse: Coinpurse, old: str) -> None:
    made = importing(purse, old)

    def spend_in_the_old_application(through: int) -> None:
        if through == 200:
            run(old, "UPDATE users SET coin_balance = coin_balance - 1 WHERE id = 5")

    with pytest.raises(ImportFailed, match=r"the source changed meanwhile.*Users: 5\."):
        apply(made, progress=spend_in_the_old_application)


def test_open_checkouts_are_listed(purse: Coinpurse, old: str) -> None:
    run(old, "INSERT INTO payment_sessions VALUES ('cs_1', 1, 'pending'), ('cs_2', 1, 'completed')")

    assert plan(importing(purse, old)).sessions.open == ("cs_1",)


def test_a_status_is_read_however_it_is_written_and_one_that_says_nothing_is_named(
    purse: Coinpurse, old: str
) -> None:
    run(
        old,
        "INSERT INTO payment_sessions VALUES ('cs_1', 1, ' Pending'), ('cs_2', 1, 'COMPLETED '),"
        " ('cs_3', 1, 'in Review'), ('cs_4', 1, NULL), ('cs_5', 1, 'archived')",
    )
    made = importing(purse, old)

    found = plan(made).sessions
    told = made.plan(
        sessions_table="payment_sessions",
        open_statuses=["pending", "IN REVIEW"],
        ended_statuses=["Archived"],
    ).sessions

    assert (found.open, found.unknown) == (("cs_1",), {"NULL": 1, "archived": 1, "in Review": 1})
    assert (told.open, told.unknown) == (("cs_1", "cs_3"), {"NULL": 1})


def test_whom_the_ledger_refuses_is_named_and_the_others_come_over(
    purse: Coinpurse, old: str
) -> None:
    full = 2**53 - 1
    purse.credit("5", full, key="a fortune", kind="paid")
    made = importing(purse, old)
    found = plan(made)

    refused = made.apply(found, kind="paid", description="")

    assert [(row.user_id, row.value) for row in refused] == [("5", "5")]
    assert "0 are left" in refused[0].problem
    assert ledger_sum(purse)[1] == full + found.balances.total - 5
    assert plan(made).to_do == {"5": 5}
    purse.spend("5", 5, key="room")
    assert made.apply(plan(made), kind="paid", description="") == ()
    assert purse.wallet("5").balance == full


def test_sqlite_is_read_too(purse: Coinpurse, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, coin_balance INTEGER)")
        connection.executemany("INSERT INTO users VALUES (?, ?)", [(1, 30), (2, 12)])
    connection.close()

    apply(importing(purse, f"sqlite:///{path}"))

    assert ledger_sum(purse) == (2, 42)


@pytest.mark.parametrize(
    ("url", "table", "said"),
    [
        ("{old}", {"coins_column": "coins"}, "column .*coins.* does not exist"),
        ("{old}", {"name": "people"}, "people.* does not exist"),
        ("sqlite:////nowhere/old.db", {}, "there is no file"),
        ("mysql+nothing://host/db", {}, "not installed"),
        ("what?", {}, "must be a database address"),
        ("postgresql://127.0.0.1:1/none", {}, "cannot be read"),
    ],
)
def test_a_source_that_cannot_be_read_names_the_mend(
    purse: Coinpurse, old: str, url: str, table: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        plan(importing(purse, url.format(old=old), **table))
