"""Fixtures with which a host's own tests sell coins, without a network and without a Stripe account.

In the host's top `conftest.py`:

    pytest_plugins = ["coinpurse.testing"]

    @pytest.fixture
    def app(coinpurse_config):
        return create_app(coinpurse_config)

    def test_a_hat_costs_30_coins(client, buy_coins):      # client: logged in
        bought = buy_coins(client, pack="pouch")           # checkout, payment and webhook
        client.post("/hats", data={"colour": "red"})
        assert bought.refund().status == "refunded"

Fixtures:

    coinpurse_config     what the app is configured with: a dict of Flask config
    coinpurse_database   the address of an empty, migrated PostgreSQL database of the test's own
    buy_coins            buys a pack for a user and returns a Bought, which can be refunded and disputed
    stripe_sandbox       Stripe's stand-in: pay, stripe, control, deliver
    coinpurse_server     the PostgreSQL server of the run; `new_database(coinpurse_server)` makes further databases
    stripe_sandbox_url   the sandbox of the run; `stripe_account(stripe_sandbox_url)` lends a further StripeSandbox

All is real but Stripe: PostgreSQL, the HTTP between app and sandbox, the signatures. It needs `pip install
'coinpurse[demo]'`. The embedded PostgreSQL is used unless COINPURSE_TEST_DATABASE_URL names a server whose user may
create databases; the named database itself is not touched.

PYTEST_DONT_REWRITE: a conftest that imports from here, too, gets no warning that this came too late.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from coinpurse.db import embedded
from coinpurse.testing import postgresql
from coinpurse.testing.buying import Bought, BuyCoins
from coinpurse.testing.postgresql import new_database
from coinpurse.testing.sandbox import StripeSandbox, running_sandbox, stripe_account

__all__ = [
    "Bought",
    "BuyCoins",
    "StripeSandbox",
    "buy_coins",
    "coinpurse_config",
    "coinpurse_database",
    "coinpurse_server",
    "new_database",
    "stripe_account",
    "stripe_sandbox",
    "stripe_sandbox_url",
]


@pytest.fixture(scope="session")
def coinpurse_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a PostgreSQL server on which databases may be made, shared by all workers of a run."""
    given = os.environ.get("COINPURSE_TEST_DATABASE_URL")
    if given:
        # SQLAlchemy's addresses name a driver, libpq's do not.
        scheme, _, rest = given.partition("://")
        server = f"{scheme.partition('+')[0]}://{rest}"
    else:
        server = embedded.start(shared_folder(tmp_path_factory) / "coinpurse")
        postgresql.make_fast(server)
    postgresql.prepare(server)
    return server


@pytest.fixture
def coinpurse_database(coinpurse_server: str) -> Iterator[str]:
    """The address of an empty, migrated database of this test's own, for DATABASE_URL and SQLAlchemy."""
    with new_database(coinpurse_server) as address:
        yield address


@pytest.fixture(scope="session")
def stripe_sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a sandbox that runs as a process of its own, one for each worker."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "state.sqlite") as url:
        yield url


@pytest.fixture
def stripe_sandbox(stripe_sandbox_url: str) -> Iterator[StripeSandbox]:
    """The sandbox, and its webhooks, which wait until `deliver` hands them to the app under test."""
    with stripe_account(stripe_sandbox_url) as account:
        yield account


@pytest.fixture
def coinpurse_config(coinpurse_database: str, stripe_sandbox: StripeSandbox) -> dict[str, object]:
    """Flask config of an app that sells at the sandbox into a database of its own."""
    return {
        "TESTING": True,
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": coinpurse_database,
        **stripe_sandbox.config,
    }


@pytest.fixture
def buy_coins(stripe_sandbox: StripeSandbox) -> BuyCoins:
    """Buys coins the real way: `buy_coins(client, pack=…)`, or `buy_coins(purse, user_id, pack=…)`."""
    stripe_sandbox.skip()
    return BuyCoins(stripe_sandbox)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all workers of a run see."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
