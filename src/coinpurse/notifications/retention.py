"""Messages that are old enough to go."""

from __future__ import annotations

from datetime import timedelta

import structlog

from coinpurse.db import Database
from coinpurse.notifications import store

log = structlog.get_logger()


def clear_old(database: Database, *, kept_days: int, page: int = 500) -> int:
    """Delete what messages older than the days told and to whom, a page to a transaction; returns how many it were.

    kept_days: 0 for ever. A message with a delivery that still waits stays whole. Of the others the deliveries and
    their attempts are deleted, and the facts, the user and the request are taken out of the row. The row itself stays
    with its type and cause, some 200 bytes: it alone keeps the same cause from being announced again, by an event that
    is replayed years later or by coins whose notice went out long before they expire. Safe to repeat, and beside
    deliveries and replays: what is replayed meanwhile stays.
    """
    cleared = 0
    after = store.BEGINNING if kept_days else None
    while after is not None:
        with database.unit_of_work() as work:
            found, after = store.clear_old(
                work, older_than=timedelta(days=kept_days), after=after, limit=page
            )
        cleared += found
    if cleared:
        log.info("messages.cleared", messages=cleared)
    return cleared
