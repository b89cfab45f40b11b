"""A pooler of transactions between us and PostgreSQL: decision 0043.

It may hand each transaction to another process of the server, so nothing may rest on the session: no prepared
statements, no SET, no LISTEN.
"""

from __future__ import annotations

from typing import Any

import psycopg

from coinpurse.errors import ConfigurationError

# The server does not know a statement that we prepared, or knows it from somebody else.
MIXED_UP = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement)

# How often another client is to be met: one that is busy may be elsewhere at each look.
TRIES = 20
CONNECT_SECONDS = 5


def stands_before(connection: psycopg.Connection[Any]) -> bool:
    """Whether who greeted us is not who serves us: PgBouncer gives each client a number of its own."""
    return serving_process(connection) != connection.info.backend_pid


def serving_process(connection: psycopg.Connection[Any]) -> int:
    """Return the number of the server's process that runs our statements at present."""
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    assert row is not None
    return int(row[0])


def shares_sessions(conninfo: str) -> bool:
    """Whether a pooler in front gives the process that just served us to somebody else: opens two connections.

    Never true of PostgreSQL itself and of a pooler in session mode.
    """
    with _asking(conninfo) as one, _asking(conninfo) as other:
        if not stands_before(one):
            return False
        first = serving_process(one)
        for _ in range(TRIES):
            served = serving_process(one)
            with other.transaction():
                if served != first or serving_process(other) == served:
                    return True
    return False


def _asking(conninfo: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        conninfo,
        application_name="coinpurse",
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=CONNECT_SECONDS,
    )


def require_own_session(conninfo: str) -> None:
    """Raise ConfigurationError, with the mend, where a pooler shares sessions."""
    if shares_sessions(conninfo):
        raise ConfigurationError(
            "DATABASE_URL leads to a pooler in transaction mode, and the worker needs a connection of its own to hear"
            " of new jobs. Set COINPURSE_DIRECT_DATABASE_URL to the address of PostgreSQL itself."
        )


def unannounced() -> ConfigurationError:
    """Return what to raise where prepared statements got mixed up."""
    return ConfigurationError(
        "The database does not keep prepared statements with our connection, as a pooler in transaction mode does"
        " not. Set COINPURSE_DATABASE_POOLER=1, or let DATABASE_URL lead to PostgreSQL itself."
    )
