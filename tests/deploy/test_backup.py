"""A backup, restored: what was in it is right, and what came after it is fetched again from Stripe."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from pydantic import SecretStr

from coinpurse import Coinpurse
from coinpurse.settings import Settings
from tests.conftest import Sandbox
from tests.failover.cluster import PROGRAMS

URLS = {"success_url": "http://127.0.0.1:5000/", "cancel_url": "http://127.0.0.1:5000/"}


def run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(PROGRAMS / program), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """Another database of the same server, without a table."""
    facts = psycopg.conninfo.conninfo_to_dict(database_url)
    name = f"restored_{secrets.token_hex(6)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield f"postgresql:///?{urlencode({**facts, 'dbname': name})}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_restored_backup_verifies_and_reconciles_to_what_was_lost_with_the_machine(
    purse: Coinpurse, settings: Settings, sandbox: Sandbox, tmp_path: Path, empty_database: str
) -> None:
    assert settings.database_url is not None
    source = settings.database_url.get_secret_value()
    before = purse.start_checkout("ada", pack="chest", **URLS)
    sandbox.pay(before.session_id)
    assert purse.payment_status(before.session_id, "ada").new_balance == 1200
    spent = purse.spend("ada", 200, key="hat")
    held = purse.hold("ada", 100, key="bet")
    later = purse.start_checkout("bob", pack="chest", **URLS)
    dump = tmp_path / "shop.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", source)
    # Paid, credited and spent after the backup: only Stripe will know of it.
    sandbox.pay(later.session_id)
    assert purse.payment_status(later.session_id, "bob").new_balance == 1200
    unknown = purse.start_checkout("eve", pack="chest", **URLS)
    sandbox.pay(unknown.session_id)
    purse.database.close()

    run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={empty_database}", str(dump))
    restored = Coinpurse(
        settings=settings.model_copy(update={"database_url": SecretStr(empty_database)})
    )
    try:
        restored.require_ready()
        assert [list(wrong) for _, wrong in restored.verify()] == [[]]
        report = restored.reconcile()

        assert restored.wallet("ada").balance == 1000
        assert restored.wallet("ada").held == 100
        assert restored.wallet("bob").balance == 1200
        # The keys are part of the backup: a client that repeats gets its first result.
        assert restored.spend("ada", 200, key="hat").id == spent.id
        restored.capture(held.id, key="lost")
        # Her row was lost too; Stripe's session says what she bought.
        assert restored.wallet("eve").balance == 1200
        told = {(each.kind, each.outcome) for each in restored.reconciliation_findings(report.id)}
        assert told == {("paid_not_credited", "repaired"), ("payment_missing", "repaired")}
        assert all(not wrong for _, wrong in restored.verify())
    finally:
        restored.database.close()


def test_the_restored_ledger_still_refuses_changes(
    purse: Coinpurse, settings: Settings, tmp_path: Path, empty_database: str
) -> None:
    assert settings.database_url is not None
    purse.credit("ada", 50, key="gift")
    dump = tmp_path / "shop.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", settings.database_url.get_secret_value())

    run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={empty_database}", str(dump))

    with (
        psycopg.connect(empty_database) as connection,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        connection.execute("UPDATE coinpurse.transactions SET coins = 5000")
