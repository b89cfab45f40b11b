"""Coins that are about to expire, announced once to each owner for each day."""

from __future__ import annotations

from datetime import timedelta

from coinpurse import ledger
from coinpurse.db import Database
from coinpurse.outbox import announce


def announce_expiring(
    database: Database, *, notice_days: int, time_zone: str, page: int = 500
) -> int:
    """Announce what expires within the days, a page of wallets to a transaction; returns how many
    days of owners it were.

    Safe to repeat: an owner hears once of a day. time_zone: whose midnight ends a day.
    """
    found = 0
    after: str | None = "" if notice_days else None
    while after is not None:
        with database.unit_of_work() as work:
            expiring, after = ledger.list_expiring(
                work, within=timedelta(days=notice_days), zone=time_zone, after=after, limit=page
            )
            for each in expiring:
                day = each.day.isoformat()
                announce(
                    work,
                    "coins.expiring",
                    cause=f"{each.user_id}:{day}",
                    user_id=each.user_id,
                    facts={
                        "user_id": each.user_id,
                        "coins": each.coins,
                        "expires_on": day,
                        "expires_at": each.first_at.isoformat(),
                    },
                )
        found += len(expiring)
    return found
