"""Addresses of databases, the version of the server, and a pool that never makes a thread wait."""

from __future__ import annotations

import secrets
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.db import Database
from coinpurse.db.engine import conninfo_of
from coinpurse.db.identifiers import new_id
from coinpurse.errors import ConfigurationError
from coinpurse.settings import Settings


def conninfo(url: str) -> str:
    return conninfo_of(Settings(database_url=url))


@pytest.mark.parametrize(
    "scheme",
    ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2", "postgres+asyncpg"],
)
def test_the_address_is_libpq_s_whatever_driver_it_names(scheme: str) -> None:
    password = secrets.token_hex(8)

    found = conninfo(f" {scheme}://shop:{password}@db.example.com:5433/coins?sslmode=require\n")

    assert found == f"postgresql://shop:{password}@db.example.com:5433/coins?sslmode=require"


def test_several_hosts_reach_libpq_as_they_were_written(database_url: str) -> None:
    url = "postgresql://u@one:5432,two:5433/coins?target_session_attrs=read-write"

    facts = psycopg.conninfo.conninfo_to_dict(conninfo(url))

    assert facts["host"] == "one,two"
    assert facts["port"] == "5432,5433"
    assert facts["target_session_attrs"] == "read-write"


def test_the_host_that_is_down_is_passed_over(database_url: str) -> None:
    facts = psycopg.conninfo.conninfo_to_dict(database_url)
    url = (
        f"postgresql+psycopg://{facts['user']}@/{facts['dbname']}"
        f"?host=/nowhere,{facts['host']}&port=5432,5432&target_session_attrs=read-write"
    )
    database = Database.from_settings(Settings(database_url=url))

    with database.unit_of_work() as work:
        row = work.row("SELECT current_database() AS name")

    assert row is not None
    assert row.name == facts["dbname"]
    database.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:{secret}@db/coins",
        "sqlite:///coins.db?{secret}",
        "mysql+postgresql://u:{secret}@db/coins",
        "http://u:{secret}@db/coins",
        "u:{secret}@db/coins",
        "host=db password={secret}",
        "postgresql:/u:{secret}@db/coins",
        "{secret}",
        "://{secret}",
        "   ",
    ],
)
def test_another_database_is_refused_with_the_form_and_without_the_secret(url: str) -> None:
    secret = secrets.token_hex(8)

    with pytest.raises(ConfigurationError) as refusal:
        conninfo(url.format(secret=secret))

    assert str(refusal.value).startswith("DATABASE_URL must be a PostgreSQL address such as")
    assert secret not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:{secret}%zz@db/coins",
        "postgresql://u:{secret}@[::1/coins",
        "postgresql://u:{secret}@db/coins?no_such_option=1",
        "postgresql://u:{secret}@db/coins?sslmode",
    ],
)
def test_an_address_that_libpq_cannot_read_is_refused_without_the_secret(url: str) -> None:
    secret = secrets.token_hex(8)

    with pytest.raises(ConfigurationError) as refusal:
        conninfo(url.format(secret=secret))

    assert str(refusal.value).startswith("DATABASE_URL cannot be read; write it as postgresql://")
    assert "percent-encode" in str(refusal.value)
    assert secret not in str(refusal.value)
    assert refusal.value.__suppress_context__


@given(st.text(alphabet=st.characters(exclude_characters="\x00")))
def test_no_address_raises_anything_else(written: str) -> None:
    for url in (written, f"postgresql://{written}"):
        with suppress(ConfigurationError):
            assert conninfo(url or "x").startswith("postgresql://")


def test_a_password_may_have_any_character_when_it_is_encoded() -> None:
    facts = psycopg.conninfo.conninfo_to_dict(conninfo("postgresql://u:p%40ss%2Fw%25rd@db/coins"))

    assert facts["password"] == "p@ss/w%rd"


@contextmanager
def server_of_version(version: str) -> Iterator[str]:
    """A server that greets as PostgreSQL of that version does, and no more."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!I", len(body) + 4) + body

    def greet(connection: socket.socket) -> None:
        while True:
            (size,) = struct.unpack("!I", connection.recv(4))
            (code,) = struct.unpack("!I", connection.recv(size - 4)[:4])
            if code not in (80877103, 80877104):  # Neither TLS nor GSSAPI is asked for.
                break
            connection.sendall(b"N")
        parameters = {
            "server_version": version,
            "client_encoding": "UTF8",
            # Old servers would be asked for these two, and this one answers nothing.
            "in_hot_standby": "off",
            "default_transaction_read_only": "off",
        }
        connection.sendall(
            message(b"R", struct.pack("!I", 0))
            + b"".join(
                message(b"S", f"{name}\0{value}\0".encode()) for name, value in parameters.items()
            )
            + message(b"K", struct.pack("!II", 1, 1))
            + message(b"Z", b"I")
        )
        connection.recv(1024)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                greet(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/coins"
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("version", ["14.13", "9.6.24"])
def test_trap_28_a_server_that_is_too_old_is_named_with_the_version_needed(version: str) -> None:
    with server_of_version(version) as url:
        database = Database(url)
        with pytest.raises(ConfigurationError) as refusal, database.connection():
            pass
        database.close()

    assert str(refusal.value) == (
        f"DATABASE_URL: the server is PostgreSQL {version}; 15 or newer is needed."
    )


def test_trap_16_no_thread_waits_for_a_connection(database_url: str) -> None:
    threads = 32
    database = Database(database_url, threads=threads)
    together = threading.Barrier(threads)

    def work(_: int) -> int:
        with database.unit_of_work() as unit:
            # Everybody has a connection before anybody gives his back.
            together.wait(30)
            row = unit.row("SELECT pg_backend_pid() AS pid")
            together.wait(30)
        assert row is not None
        return int(row.pid)

    with ThreadPoolExecutor(threads) as pool:
        first = set(pool.map(work, range(threads)))
        second = set(pool.map(work, range(threads)))

    assert len(first) == threads
    assert first == second
    database.close()


@pytest.mark.parametrize("threads", [1, 8, 64])
def test_trap_16_the_pool_is_never_smaller_than_its_threads(threads: int) -> None:
    settings = Settings(database_url="postgresql://db/coins", threads=threads)

    database = Database.from_settings(settings)

    assert database._pool.max_size >= threads


def test_a_connection_that_died_in_the_pool_is_replaced(
    database: Database, database_url: str
) -> None:
    def pid() -> int:
        with database.connection() as connection:
            return connection.info.backend_pid

    first = pid()
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    assert pid() != first


def test_our_connections_say_whose_they_are(database: Database) -> None:
    with database.unit_of_work() as work:
        row = work.row("SELECT current_setting('application_name') AS name")

    assert row is not None
    assert row.name == "coinpurse"


def test_identifiers_are_of_version_7_and_in_the_order_of_time() -> None:
    made = [new_id() for _ in range(2000)]

    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}
    assert len(set(made)) == len(made)
    moments = [one.int >> 80 for one in made]
    assert moments == sorted(moments)


FORKING = """
import os, sys
from coinpurse.db import Database

def mine(database):
    with database.single_statement() as work:
        return work.call("SELECT pg_backend_pid() AS pid, pg_sleep(0.1)", {}).pid

database = Database(sys.argv[1])
first = mine(database)
if os.fork() == 0:
    print(mine(database), flush=True)
    os._exit(0)
assert mine(database) == first
os.wait()
assert mine(database) == first
print(first)
"""


def test_a_forked_process_has_connections_of_its_own(database_url: str) -> None:
    """Servers that load the app before they fork would have their processes read each other's answers."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING, database_url],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert len(set(done.stdout.split())) == 2
