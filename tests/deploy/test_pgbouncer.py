"""The store behind PgBouncer in transaction mode, set up by the file of `deploy/`."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from pydantic import SecretStr

from coinpurse import Coinpurse, jobs
from coinpurse.db import pooler
from coinpurse.doctor import Patient, database_checks
from coinpurse.ledger import Spend, Transaction
from coinpurse.settings import Settings
from tests.conftest import Sandbox, Store
from tests.deploy.conftest import DEPLOY, free_port
from tests.deploy.load import assert_each_once, more, spending
from tests.waiting import wait_until

CLIENTS = 16
EACH = 10
CONNECT_QUERY = " connect_query='SET lock_timeout = 15000'"


@dataclass
class Bouncer:
    """A PgBouncer that may be ended and started again."""

    folder: Path
    port: int
    url: str
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        as_user = [] if self.user is None else ["-u", self.user]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["pgbouncer", *as_user, str(self.folder / "pgbouncer.ini")],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/sbin:/usr/bin:/bin"},
            )
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(30)

    def change(self, written: str, new: str) -> None:
        """Start again with another configuration."""
        self.end()
        ini = self.folder / "pgbouncer.ini"
        text = ini.read_text(encoding="utf-8")
        assert written in text
        ini.write_text(text.replace(written, new), encoding="utf-8")
        self.start()


@pytest.fixture
def bouncer(database_url: str) -> Iterator[Bouncer]:
    """PgBouncer with the file of `deploy/`; only addresses and paths are this test's."""
    if shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("no PgBouncer: apt-get install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="bouncer-"))
    folder.chmod(0o755)
    facts = psycopg.conninfo.conninfo_to_dict(database_url)
    host, password, port = str(facts["host"]), secrets.token_hex(12), free_port()
    text = (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text(encoding="utf-8")
    for written, here in {
        "host=127.0.0.1 port=5432 dbname=coinpurse": f"host={host} port={facts.get('port', 5432)}"
        f" dbname={facts['dbname']}",
        "listen_port = 6432": f"listen_port = {port}",
        "/var/run/postgresql": str(folder),
        "/etc/pgbouncer/userlist.txt": str(folder / "userlist.txt"),
    }.items():
        assert written in text, written
        text = text.replace(written, here)
    (folder / "pgbouncer.ini").write_text(text, encoding="utf-8")
    (folder / "userlist.txt").write_text(f'"{facts["user"]}" "{password}"\n', encoding="ascii")
    # The server's socket is its owner's alone, and PgBouncer refuses to run as root.
    user = None
    if os.geteuid() == 0:
        user = Path(host).owner() if host.startswith("/") else "nobody"
        shutil.chown(folder, user)
    made = Bouncer(
        folder, port, f"postgresql://{facts['user']}:{password}@127.0.0.1:{port}/coinpurse", user
    )
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.end()
    shutil.rmtree(folder)


@pytest.fixture
def behind(store: Store, bouncer: Bouncer, database_url: str) -> Store:
    """The store as `docs/deployment.md` sets it up."""
    store.settings = with_database(store.settings, bouncer.url)
    store.environment["COINPURSE_DIRECT_DATABASE_URL"] = database_url
    return store


def with_database(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"database_url": SecretStr(url)})


def test_sold_and_spent_behind_pgbouncer_and_the_books_agree(
    behind: Store,
    settings: Settings,
    sandbox: Sandbox,
    bouncer: Bouncer,
    purse: Coinpurse,
    eventually: Callable[..., Any],
) -> None:
    behind.start_web("--workers", "2")
    behind.start_worker()
    browser, user_id = buy(behind, sandbox, purse, eventually)

    secret = purse.api_keys.create("load", ["spend"]).text
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(
            pool.map(lambda number: spend(behind, secret, user_id, number), range(CLIENTS * EACH))
        )
    assert set(answers) == {200}

    pooled = Coinpurse(settings=with_database(settings, bouncer.url))

    def from_python(number: int) -> int:
        batch = [Spend(user_id, 1, f"batch-{number}-{n}", "") for n in range(5)]
        done = pooled.spend_many(batch)
        held = pooled.hold(user_id, 3, key=f"hold-{number}")
        pooled.capture(held.id, key=f"capture-{number}", coins=2)
        return sum(isinstance(one, Transaction) for one in done)

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(from_python, range(CLIENTS))) == 5 * CLIENTS
    pooled.back_office.grant_role(user_id, "owner", actor="a test")
    pages = [
        browser.get(f"{behind.url}/admin/{page}", timeout=30).status_code
        for page in ("", "payments/", "wallets/", "events/", "payments/export.csv")
    ]

    assert pages == [200] * len(pages)
    assert pooled.wallet(user_id).balance == 1200 - CLIENTS * (EACH + 5 + 2)
    assert all(not wrong for _, wrong in pooled.verify())
    assert "prepared statement" not in (behind.directory / "serve.log").read_text()
    pooled.database.close()


def buy(
    store: Store, sandbox: Sandbox, purse: Coinpurse, eventually: Callable[..., Any]
) -> tuple[requests.Session, str]:
    """Buy 1200 coins and have the worker do a job meanwhile; returns the browser and whose it is."""
    with purse.database.unit_of_work() as work:
        jobs.schedule_event(
            jobs.application(purse.database.conninfo), work, "evt_unknown", datetime.now(UTC)
        )
    browser = store.customer()
    session_id = browser.post(
        f"{store.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    ).json()["session_id"]
    sandbox.pay(session_id)
    status = f"{store.url}/api/payment/status/{session_id}"
    eventually(lambda: browser.get(status, timeout=30).json()["status"] == "completed")
    with purse.database.single_statement() as work:
        owner = work.row("SELECT user_id FROM coinpurse.wallets WHERE balance = 1200")
    assert owner is not None
    eventually(lambda: not jobs_left(purse))
    return browser, owner.user_id


def jobs_left(purse: Coinpurse) -> int:
    with purse.database.single_statement() as work:
        return len(
            work.rows(
                "SELECT FROM coinpurse.procrastinate_jobs"
                " WHERE task_name = 'process_event' AND status IN ('todo', 'doing')"
            )
        )


def spend(store: Store, secret: str, user_id: str, number: int) -> int:
    return requests.post(
        f"{store.url}/api/v1/wallets/{user_id}/spend",
        json={"coins": 1},
        headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": f"spell-{number}"},
        timeout=30,
    ).status_code


def test_a_pgbouncer_restarted_under_load_loses_nothing_that_was_acknowledged(
    behind: Store,
    bouncer: Bouncer,
    purse: Coinpurse,
    database_url: str,
    eventually: Callable[..., Any],
) -> None:
    behind.start_web("--workers", "2")
    with spending(behind, purse) as load:
        # As systemd stops it, at once, and as the kernel does where memory runs out.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            more(load, eventually)
            bouncer.end(number)
            bouncer.start()
        more(load, eventually)

    assert load.broken == []
    assert set(load.refused) <= {503}
    assert_each_once(load, purse, database_url)


def test_only_a_pooler_that_shares_sessions_is_taken_for_one(
    bouncer: Bouncer, database_url: str
) -> None:
    assert pooler.shares_sessions(bouncer.url)
    assert not pooler.shares_sessions(database_url)

    bouncer.change("pool_mode = transaction", "pool_mode = session")

    assert not pooler.shares_sessions(bouncer.url)


def test_doctor_finds_what_a_pooler_lacks(
    settings: Settings, bouncer: Bouncer, database_url: str, tmp_path: Path
) -> None:
    def said(direct: str | None) -> list[tuple[str, str]]:
        changed = with_database(settings, bouncer.url).model_copy(
            update={"direct_database_url": direct and SecretStr(direct)}
        )
        patient = Patient(changed, None, tmp_path)
        found = [(one.state, one.mend) for one in database_checks.pooler(patient)]
        patient.close()
        return found

    assert [state for state, _ in said(database_url)] == ["ok"]
    ((state, mend),) = said(None)
    assert (state, "COINPURSE_DIRECT_DATABASE_URL" in mend) == ("finding", True)
    ((state, _), _) = said(bouncer.url)
    assert state == "finding"

    bouncer.change(CONNECT_QUERY, "")
    ((state, mend),) = said(database_url)
    assert (state, "connect_query" in mend) == ("finding", True)


def test_a_worker_that_cannot_hear_of_jobs_does_not_start(behind: Store) -> None:
    del behind.environment["COINPURSE_DIRECT_DATABASE_URL"]

    ended = behind.run("worker")

    assert ended.returncode == 2
    assert "COINPURSE_DIRECT_DATABASE_URL" in ended.stderr
