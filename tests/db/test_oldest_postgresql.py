"""The oldest PostgreSQL that we support: Debian's 15, where it is installed."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from coinpurse import Coinpurse, Settings, ledger
from coinpurse.db import Database, require_migrated, upgrade
from coinpurse.ledger import NewGrant
from tests.conftest import Sandbox

PROGRAMS = Path("/usr/lib/postgresql/15/bin")

pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "initdb").exists(), reason=f"PostgreSQL 15 is not installed in {PROGRAMS}"
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a scratch server; it listens on a socket in a folder of its own."""
    # Short, because a socket's path is, and outside of pytest's folder, into which no other user can see.
    folder = Path(tempfile.mkdtemp(prefix="pg15-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to be run by root.
        shutil.chown(folder, "nobody")
        as_user = ["runuser", "-u", "nobody", "--"]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_user, str(PROGRAMS / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            timeout=60,
        )

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "shop", "--auth=trust", "--encoding=utf8", "--no-sync")
        options = f"-h '' -k {folder} -c fsync=off"
        run("pg_ctl", "-w", "-D", data, "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://shop@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def old(url: str) -> Iterator[Database]:
    """A migrated database on that server."""
    opened = Database(url)
    assert upgrade(opened)
    yield opened
    opened.close()


def test_trap_28_the_migrations_run_on_the_oldest_version(old: Database) -> None:
    with old.unit_of_work() as work:
        row = work.row("SELECT current_setting('server_version_num')::int / 10000 AS major")

    assert row is not None
    assert row.major == 15
    require_migrated(old)
    assert not upgrade(old)


def test_a_credit_is_posted_once_and_cannot_be_changed(old: Database) -> None:
    def credit() -> ledger.Transaction:
        with old.unit_of_work() as work:
            return ledger.credit(
                work,
                "grace",
                [NewGrant("paid", 5), NewGrant("bonus", 2)],
                key="gift",
                type_="adjustment",
                source="promotion",
                description="a gift",
            )

    assert credit().created
    assert not credit().created
    for statement in (
        "UPDATE coinpurse.transactions SET coins = 100",
        "DELETE FROM coinpurse.transactions",
        "TRUNCATE coinpurse.transactions CASCADE",
    ):
        with pytest.raises(psycopg.Error, match=r"coinpurse.transactions is append-only"):
            change(old, statement)
    with old.unit_of_work() as work:
        assert ledger.get_wallet(work, "grace").balance == 7


def change(database: Database, statement: str) -> None:
    with database.unit_of_work() as work:
        work.execute(statement)


def test_a_whole_purchase_ends_in_the_wallet(old: Database, url: str, sandbox: Sandbox) -> None:
    purse = Coinpurse(
        settings=Settings(
            stripe_secret_key=f"sk_test_{secrets.token_hex(12)}",
            stripe_webhook_secret=f"whsec_{secrets.token_hex(24)}",
            stripe_api_base=sandbox.url,
            database_url=url,
        )
    )
    started = purse.start_checkout(
        "ada",
        pack="chest",
        success_url="http://127.0.0.1:5000/ok",
        cancel_url="http://127.0.0.1:5000/no",
    )
    assert sandbox.pay(started.session_id)["result"] == "paid"

    status = purse.payment_status(started.session_id, "ada")

    assert (status.payment.status, status.new_balance) == ("completed", 1200)
    (row,) = purse.transactions("ada")
    assert (row.coins, row.payment_id) == (1200, started.payment_id)
    purse.database.close()
