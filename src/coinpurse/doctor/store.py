"""The SQL of the checks."""

from __future__ import annotations

from datetime import datetime

from coinpurse.db import UnitOfWork

CLOCK = "SELECT clock_timestamp() AS now, current_setting('server_version') AS version"
LOCK_TIMEOUT = "SELECT setting::int AS milliseconds FROM pg_settings WHERE name = 'lock_timeout'"
INSTALLATION = "SELECT id::text AS id FROM coinpurse.installation"
# The newest tell enough, and are found by index.
OTHER_MODE = """
    SELECT count(*) AS found
      FROM (SELECT livemode FROM coinpurse.payment_sessions ORDER BY created_at DESC LIMIT 10000) AS newest
     WHERE livemode <> %(livemode)s
"""
ACCOUNT = "SELECT 1 FROM coinpurse.users WHERE lower(email) = lower(%(email)s)"
TAKE_BACK = (
    "DELETE FROM coinpurse.stripe_events WHERE id = %(id)s AND type = %(type)s RETURNING state"
)


def clock(work: UnitOfWork) -> tuple[datetime, str]:
    """Return the server's time and its version."""
    row = work.row(CLOCK)
    assert row is not None
    return row.now, row.version


def lock_timeout(work: UnitOfWork) -> int:
    """Return how long a statement waits for a lock, in milliseconds; 0 for ever."""
    row = work.row(LOCK_TIMEOUT)
    assert row is not None
    return int(row.milliseconds)


def installation(work: UnitOfWork) -> str | None:
    """Return which store the database belongs to."""
    row = work.row(INSTALLATION)
    return row and str(row.id)


def payments_of_other_mode(work: UnitOfWork, *, livemode: bool) -> int:
    """Count the newest payments that were made with a key of the other mode."""
    row = work.row(OTHER_MODE, livemode=livemode)
    assert row is not None
    return int(row.found)


def has_account(work: UnitOfWork, email: str) -> bool:
    """Whether somebody is registered with the address."""
    return work.row(ACCOUNT, email=email) is not None


def take_back(work: UnitOfWork, event_id: str, type_: str) -> str | None:
    """Remove an event that we sent ourselves and return its state; None where it is not here."""
    row = work.row(TAKE_BACK, id=event_id, type=type_)
    return row and str(row.state)
