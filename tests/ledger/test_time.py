"""Moments: which are accepted, and which one counts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.db import UnitOfWork
from coinpurse.errors import InsufficientCoins, InvalidRequest
from coinpurse.ledger import Spend

FORGED = """
    INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, idempotency_key, digest, grant_ids,
                                        grant_coins, created_at)
    VALUES (%(id)s, 'ada', 'grant', 0, 10, 'forged', '', '{}', '{}', %(at)s) RETURNING created_at
"""
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    "moment",
    [
        datetime.max.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=WEST),
        datetime(9999, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=EAST),
        datetime(1, 12, 31, tzinfo=UTC),
    ],
)
def test_a_moment_that_could_be_stored_and_not_read_is_refused(
    purse: Coinpurse, moment: datetime
) -> None:
    with pytest.raises(InvalidRequest, match="expires_at: must be in the years 2 to 9998"):
        purse.credit("ada", 5, key="k", expires_at=moment)
    with pytest.raises(InvalidRequest, match="at: must be in the years 2 to 9998"):
        purse.explain("ada", at=moment)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_the_first_and_the_last_moment_can_be_read_everywhere(
    purse: Coinpurse, database_url: str, zone: str
) -> None:
    last = datetime(9998, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    purse.credit("ada", 5, key="last", expires_at=last)
    purse.credit("ada", 5, key="first", expires_at=datetime(2, 1, 1, tzinfo=UTC))

    with psycopg.connect(database_url) as connection:
        connection.execute(f"SET timezone = '{zone}'")
        explained = ledger.explain(UnitOfWork(connection), "ada")

    assert {grant.expires_at for grant in explained.grants} == {
        last,
        datetime(2, 1, 1, tzinfo=UTC),
    }


@pytest.fixture
def long_transaction(purse: Coinpurse, database_url: str) -> Iterator[psycopg.Connection]:
    """A host's transaction that began before anything else happened."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT now()")
        yield connection


def test_a_long_transaction_does_not_spend_what_expired_meanwhile(
    purse: Coinpurse, long_transaction: psycopg.Connection
) -> None:
    end = datetime.now(UTC) + timedelta(seconds=0.2)
    for user in ("ada", "bob", "cyd"):
        purse.credit(user, 10, key="c", expires_at=end)
    time.sleep(0.3)

    with pytest.raises(InsufficientCoins):
        purse.spend("ada", 1, key="s", connection=long_transaction)
    (refused,) = purse.spend_many([Spend("bob", 1, "s")], connection=long_transaction)
    assert isinstance(refused, InsufficientCoins)
    assert purse.wallet("cyd", connection=long_transaction).balance == 0


def test_a_hold_lasts_from_when_it_was_made(
    purse: Coinpurse, long_transaction: psycopg.Connection
) -> None:
    purse.credit("ada", 10, key="c")
    time.sleep(0.3)
    before = datetime.now(UTC)

    held = purse.hold("ada", 5, key="h", ttl_seconds=0.2, connection=long_transaction)

    assert held.expires_at - before >= timedelta(seconds=0.2)
    assert held.expires_at - held.created_at <= timedelta(seconds=0.2)


def test_what_is_explained_stays_so(purse: Coinpurse, long_transaction: psycopg.Connection) -> None:
    purse.credit("ada", 100, key="c")
    moment = purse.explain("ada").at
    assert purse.explain("ada", at=moment).balance == 100

    purse.spend("ada", 60, key="own")
    purse.spend("ada", 1, key="joined", connection=long_transaction)
    long_transaction.commit()

    assert purse.explain("ada", at=moment).balance == 100
    assert purse.explain("ada").balance == 39


def test_the_rows_of_a_wallet_never_go_back_in_time(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    credited = purse.credit("ada", 10, key="c")

    row = sql.execute(FORGED, {"id": credited.id + 1, "at": "2000-01-01"}).fetchone()

    assert row == (credited.created_at,)


def test_the_rows_of_a_wallet_are_in_the_order_of_their_ids(
    purse: Coinpurse, sql: psycopg.Connection
) -> None:
    credited = purse.credit("ada", 10, key="c")

    for id_ in (credited.id - 1, credited.id, -5):
        with pytest.raises(psycopg.DatabaseError) as refused:
            sql.execute(FORGED, {"id": id_, "at": "2100-01-01"})
        assert refused.value.sqlstate == "CP500"
