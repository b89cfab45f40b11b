"""Databases for tests: each an empty, migrated one of its own, copied from a template in a moment."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import psycopg

from coinpurse.db import Database, upgrade

TEMPLATE = "coinpurse_template"
# Any number that no other application is likely to lock.
TEMPLATE_LOCK = 0x636F696E74


def prepare(server: str) -> None:
    """Make the template on a server, or bring it up to date. Safe to run by several processes at once.

    server: the address of any database of the server, for a user who may create others.
    """
    with psycopg.connect(server, autocommit=True) as connection:
        # Nobody copies the template meanwhile: PostgreSQL copies no database that somebody is connected to.
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if found.fetchone() is None:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        database = Database(address_of(server, TEMPLATE))
        upgrade(database)
        database.close()


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Lend the address of an empty, migrated database, which is dropped afterwards.

    server: one that `prepare` has seen.
    """
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock_shared(%s)", [TEMPLATE_LOCK])
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    address = address_of(server, name)
    with psycopg.connect(address, autocommit=True) as connection:
        # A store of its own: where several share a sandbox, none restores another's purchases.
        connection.execute("UPDATE coinpurse.installation SET id = DEFAULT")
    try:
        yield address
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def make_fast(server: str) -> None:
    """Let a scratch server forget what it wrote last, should the machine crash. Never for data that matters."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def address_of(server: str, name: str) -> str:
    """Return the address of another database on the same server, as SQLAlchemy and libpq both read it."""
    facts = {**psycopg.conninfo.conninfo_to_dict(server), "dbname": name}
    given = {key: str(value) for key, value in facts.items()}
    return f"postgresql:///?{urlencode(given, quote_via=quote)}"
