"""Migrations: whole or not at all, safe to repeat and to race, and clear about what is to be done."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager

from coinpurse import ledger
from coinpurse.db import Database, migrate, require_migrated, upgrade
from coinpurse.errors import ConfigurationError
from coinpurse.ledger import NewGrant
from coinpurse.testing import postgresql


@pytest.fixture
def empty_url(server_address: str) -> Iterator[str]:
    """The address of a database in which nothing was ever done."""
    name = f"empty_{secrets.token_hex(6)}"
    with psycopg.connect(server_address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield postgresql.address_of(server_address, name)
    with psycopg.connect(server_address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    opened = Database(empty_url)
    yield opened
    opened.close()


def run(database: Database, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def bring_to(database: Database, revision: str) -> None:
    """Leave the database as the release of that revision did."""
    run(database, "CREATE SCHEMA coinpurse")
    with migrate._connected(database) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_an_empty_database_is_refused_with_the_mend(empty: Database) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        require_migrated(empty)

    assert str(refusal.value) == (
        "The database has no coinpurse tables yet. Run `coinpurse db upgrade` and start again."
    )
    assert run(empty, "SELECT to_regnamespace('coinpurse')") == [(None,)]


def test_an_upgrade_makes_everything_and_a_second_one_nothing(empty: Database) -> None:
    assert upgrade(empty)
    require_migrated(empty)
    before = run(empty, "SELECT oid, xmin::text FROM pg_proc ORDER BY oid")

    assert not upgrade(empty)

    assert run(empty, "SELECT oid, xmin::text FROM pg_proc ORDER BY oid") == before


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005"])
def test_an_older_database_is_refused_and_brought_up(empty: Database, revision: str) -> None:
    bring_to(empty, revision)

    with pytest.raises(ConfigurationError) as refusal:
        require_migrated(empty)
    assert str(refusal.value) == (
        "The database is of an older version. Run `coinpurse db upgrade` and start again."
    )

    assert upgrade(empty)
    require_migrated(empty)


@pytest.mark.parametrize(
    "comment", ["'kernel 0123456789abcdef'", "NULL", "'the host''s own words'"]
)
def test_a_changed_kernel_is_refused_and_laid_anew(database: Database, comment: str) -> None:
    run(database, "DROP FUNCTION coinpurse.credit")
    run(database, f"COMMENT ON SCHEMA coinpurse IS {comment}")

    with pytest.raises(
        ConfigurationError, match=r"of an older version\. Run `coinpurse db upgrade`"
    ):
        require_migrated(database)
    assert upgrade(database)

    require_migrated(database)
    assert run(database, "SELECT count(*) FROM pg_proc WHERE proname = 'credit'") == [(1,)]


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    run(database, "UPDATE coinpurse.alembic_version SET version_num = '9999'")

    for act in (require_migrated, upgrade):
        with pytest.raises(ConfigurationError) as refusal:
            act(database)
        assert "newer version (revision 9999) than this program" in str(refusal.value)
        assert "Install the newer release" in str(refusal.value)
    assert run(database, "SELECT version_num FROM coinpurse.alembic_version") == [("9999",)]


def test_trap_27_a_database_that_was_reset_says_so(database: Database) -> None:
    run(database, "DROP SCHEMA coinpurse CASCADE")

    with pytest.raises(ConfigurationError, match="has no coinpurse tables yet"):
        require_migrated(database)


def test_an_upgrade_that_fails_leaves_nothing_behind(empty: Database) -> None:
    # The host has a table where the second revision wants to put a type.
    run(empty, "CREATE SCHEMA coinpurse")
    run(empty, "CREATE TABLE coinpurse.procrastinate_jobs (id int)")

    with pytest.raises(Exception, match="procrastinate_jobs"):
        upgrade(empty)

    assert run(empty, "SELECT tablename FROM pg_tables WHERE schemaname = 'coinpurse'") == [
        ("procrastinate_jobs",)
    ]
    run(empty, "DROP TABLE coinpurse.procrastinate_jobs")
    assert upgrade(empty)


def test_the_ledger_survives_an_upgrade(database: Database) -> None:
    with database.unit_of_work() as work:
        ledger.credit(
            work,
            "ada",
            [NewGrant("bonus", 7)],
            key="gift",
            type_="adjustment",
            source="promotion",
            description="100 % : a gift",
        )
    run(database, "COMMENT ON SCHEMA coinpurse IS NULL")

    assert upgrade(database)

    with database.unit_of_work() as work:
        assert ledger.get_wallet(work, "ada").balance == 7


# Two grants of one purchase: 40 spent of it, 15 of them reversed into the grant that had expired before. The
# release of that revision neither counted what had expired, nor did what was told of refunds and disputes.
BEFORE_CLAIMS = """
INSERT INTO coinpurse.wallets (user_id, balance, held, frozen, next_due_at)
VALUES ('ada', 70, 10, 20, '2200-01-01');
INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, held, frozen, payment_id,
                                    hold_id, idempotency_key, digest, grant_ids, grant_coins)
VALUES (1, 'ada', 'purchase', 150, 150, 0, 0, '{payment}', NULL, 'a', '', '{{1,2}}', '{{100,50}}'),
       (2, 'ada', 'usage', -40, 110, 0, 0, NULL, NULL, 'b', '', '{{2,1}}', '{{-20,-20}}'),
       (3, 'ada', 'expiry', -30, 80, 0, 0, NULL, NULL, 'c', '', '{{2}}', '{{-30}}'),
       (4, 'ada', 'reversal', 15, 95, 0, 0, NULL, NULL, 'd', '', '{{2}}', '{{15}}'),
       (5, 'ada', 'expiry', -15, 80, 0, 0, NULL, NULL, 'e', '', '{{2}}', '{{-15}}'),
       (6, 'ada', 'hold', 0, 80, 10, 0, NULL, 1, 'f', '', '{{1}}', '{{10}}'),
       (7, 'ada', 'freeze', 0, 80, 0, 20, '{payment}', NULL, 'g', '', '{{1}}', '{{20}}'),
       (8, 'ada', 'refund', -10, 70, 0, 0, '{payment}', NULL, 'h', '', '{{1}}', '{{-10}}');
INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, held, frozen, payment_id, transaction_id,
                              expires_at, exhausted)
VALUES (1, 'ada', 'paid', 'purchase', 100, 70, 10, 20, '{payment}', 1, 'infinity', false),
       (2, 'ada', 'bonus', 'purchase', 50, 0, 0, 0, '{payment}', 1, '2020-01-01', true);
SELECT setval(pg_get_serial_sequence('coinpurse.transactions', 'id'), 8),
       setval(pg_get_serial_sequence('coinpurse.grants', 'id'), 2);
INSERT INTO coinpurse.holds (user_id, coins, grant_ids, grant_coins, expires_at)
VALUES ('ada', 10, '{{1}}', '{{10}}', '2200-01-01');
INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, attempts, error,
                                     next_attempt_at)
VALUES ('evt_1', 'charge.refunded', 'ch_1', false, now(), '{{}}', 'parked', 3, NULL, NULL),
       ('evt_2', 'checkout.session.completed', 'cs_1', false, now(), '{{}}', 'processed', 1, NULL, NULL),
       ('evt_3', 'checkout.session.completed', 'cs_2', false, now(), '{{}}', 'failed', 9, 'why', NULL),
       ('evt_4', 'checkout.session.completed', 'cs_3', false, now(), '{{}}', 'failed', 2, 'why', now());
"""


def test_a_database_from_before_claims_is_brought_up_with_its_rows(empty: Database) -> None:
    payment = uuid4()
    bring_to(empty, "0004")
    run(empty, BEFORE_CLAIMS.format(payment=payment))

    assert upgrade(empty)

    assert run(empty, "SELECT id, taken, expired FROM coinpurse.grants ORDER BY id") == [
        (1, 0, 0),
        (2, 0, 45),
    ]
    assert run(
        empty,
        "SELECT id, state, attempts, next_attempt_at <= now() FROM coinpurse.stripe_events ORDER BY id",
    ) == [
        ("evt_1", "received", 0, True),  # Its effect is owed now.
        ("evt_2", "processed", 1, None),
        ("evt_3", "dead", 9, None),
        ("evt_4", "failed", 2, True),
    ]
    with empty.unit_of_work() as work:
        assert list(ledger.verify(work)) == [(1, [])]
        before = ledger.get_wallet(work, "ada")
        # 150 bought: 25 are used up, 45 expired, 10 went the old way, 10 are held, 60 are there.
        taken = ledger.claim(work, "ada", payment, taking=150)
        assert taken is not None
        assert (before.available, taken.coins, taken.frozen, taken.debt) == (40, -105, -20, 45)
        assert list(ledger.verify(work)) == [(1, [])]


def test_coins_that_expired_before_claims_were_counted_are_not_owed(empty: Database) -> None:
    payment = uuid4()
    bring_to(empty, "0004")
    run(empty, BEFORE_CLAIMS.format(payment=payment))
    upgrade(empty)

    with empty.unit_of_work() as work:
        assert ledger.claim(work, "ada", payment, taking=105) is not None
        assert ledger.get_wallet(work, "ada").debt == 0


def test_processes_that_upgrade_at_once_all_succeed(empty_url: str) -> None:
    processes = 3
    program = """
import sys
from coinpurse.db import Database, require_migrated, upgrade
database = Database(sys.argv[1])
with database.connection():
    print("ready", flush=True)
sys.stdin.readline()
made = upgrade(database)
require_migrated(database)
print(made)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in running]

    assert [process.returncode for process in running] == [0] * processes, answers
    assert sorted(made for made, _ in answers) == ["False\n"] * (processes - 1) + ["True\n"]


def bodies(sql: str) -> list[tuple[str, str]]:
    return re.findall(r"\$(\w*)\$(.*?)\$\1\$", sql, re.DOTALL)


def test_every_function_is_in_the_database_letter_for_letter(database: Database) -> None:
    laid = {body for (body,) in run(database, "SELECT prosrc FROM pg_proc WHERE prokind = 'f'")}
    revisions = files("coinpurse") / "db" / "migrations" / "versions"
    first = (revisions / "0001_first_tables.py").read_text(encoding="utf-8")

    written = [
        body
        for source in (first, migrate._kernel(), SchemaManager.get_schema())
        for _, body in bodies(source)
        if "BEGIN" in body and "CREATE EXTENSION" not in body  # That one runs once and is not kept.
    ]

    assert len(written) > 10
    assert not [body for body in written if body not in laid]
    assert any("%" in body for body in written)


def test_every_comment_is_in_the_database_letter_for_letter(database: Database) -> None:
    laid = {comment for (comment,) in run(database, "SELECT description FROM pg_description")}
    script = ScriptDirectory.from_config(migrate._config())
    sources = [revision.module.__dict__ for revision in script.walk_revisions()]
    texts = [value for names in sources for value in names.values() if isinstance(value, str)]

    # Newest revision first: an older comment on the same thing was replaced.
    written: dict[str, str] = {}
    for text in texts:
        for thing, comment in re.findall(r"COMMENT ON ([^']+) IS\s+'((?:[^']|'')+)'", text):
            written.setdefault(thing, comment.replace("''", "'"))

    assert len(written) > 8
    assert not [comment for comment in written.values() if comment not in laid]


def test_percent_signs_and_colons_in_the_kernel_are_literals(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = migrate._kernel() + (
        "CREATE FUNCTION coinpurse.odd() RETURNS text LANGUAGE plpgsql AS $$\n"
        "BEGIN RETURN format('%s %% :name a:b', 7::text) || ' %(x)s {}'; END $$;\n"
    )
    monkeypatch.setattr(migrate, "_kernel", lambda: following)

    assert upgrade(database)

    assert run(database, "SELECT coinpurse.odd()") == [("7 % :name a:b %(x)s {}",)]
    require_migrated(database)


def test_trap_28_no_table_is_outside_of_our_schema(empty: Database) -> None:
    before = run(empty, "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace")

    upgrade(empty)

    assert (
        run(empty, "SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace") == before
    )
    assert run(empty, "SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []


def test_what_integrators_read_has_its_names(database: Database) -> None:
    def columns(table: str) -> set[object]:
        found = "SELECT attname FROM pg_attribute WHERE attrelid = 'coinpurse.{}'::regclass"
        return {name for (name,) in run(database, found.format(table))}

    assert columns("payment_sessions") >= {
        *("id", "session_id", "user_id", "amount_usd", "coins", "bonus", "status"),
        *("created_at", "updated_at"),
    }
    assert columns("transactions") >= {
        *("id", "user_id", "type", "coins", "amount_usd", "session_id", "description"),
        "created_at",
    }


def test_an_upgrade_gives_up_on_a_table_in_use_instead_of_keeping_everybody_waiting(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    bring_to(empty, "0008")
    with psycopg.connect(empty.conninfo) as user:
        user.execute("LOCK TABLE coinpurse.payment_sessions IN ACCESS SHARE MODE")

        with pytest.raises(ConfigurationError, match="nothing was changed"):
            upgrade(empty)

        user.rollback()
    assert upgrade(empty)
