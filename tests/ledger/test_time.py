"""Moments: which are accepted, and which one counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest

from coinpurse import Coinpurse, ledger
from coinpurse.db import UnitOfWork
from coinpurse.errors import InvalidRequest

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
