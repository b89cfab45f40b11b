"""What the ledger's tests share: a database for many examples, direct SQL, a purse without Stripe."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from coinpurse import Coinpurse
from coinpurse.db import Database
from coinpurse.settings import Settings
from coinpurse.testing import postgresql
from tests.ledger.buyer import Buyer

# HYPOTHESIS_PROFILE=long looks for rare faults for as long as it takes.
for name, examples in (("ci", 520), ("long", 20_000)):
    settings.register_profile(
        f"ledger_{name}",
        max_examples=examples,
        stateful_step_count=40 if name == "ci" else 80,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
PROFILE = settings.get_profile(
    "ledger_long" if os.environ.get("HYPOTHESIS_PROFILE") == "long" else "ledger_ci"
)


@pytest.fixture(scope="session")
def profile() -> settings:
    """How long property tests of the ledger look."""
    return PROFILE


@pytest.fixture(scope="session")
def shared_database(server_address: str) -> Iterator[Database]:
    """One database for all examples of a worker; each example has users of its own."""
    with postgresql.new_database(server_address) as address:
        opened = Database(address, threads=4)
        yield opened
        opened.close()


@pytest.fixture
def sql(database_url: str) -> Iterator[psycopg.Connection]:
    """Somebody else's connection to the same database, in autocommit mode."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def make_purse(database_url: str, **changes: object) -> Coinpurse:
    """A purse that never meets Stripe."""
    return Coinpurse(
        settings=Settings(
            stripe_secret_key="sk_test_unused",
            stripe_webhook_secret="whsec_unused",
            secret_key=secrets.token_hex(32),
            database_url=database_url,
            **changes,
        )
    )


@pytest.fixture
def purse(database_url: str) -> Iterator[Coinpurse]:
    """Coinpurse without Flask and without a sandbox."""
    made = make_purse(database_url)
    yield made
    made.database.close()


@pytest.fixture
def ada(database: Database, sql: psycopg.Connection) -> Buyer:
    """A buyer with nothing yet."""
    return Buyer(database, sql)
