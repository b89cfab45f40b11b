"""The database, the clocks, and the worker that lives on both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from coinpurse.db import Database, require_migrated
from coinpurse.db import pooler as pooling
from coinpurse.doctor import store
from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import (
    LARGEST_SKEW,
    LEAST_FREE_BYTES,
    LONGEST_WAIT_SECONDS,
    NotChecked,
    Said,
    found,
    ok,
    seconds_apart,
    unchecked,
)
from coinpurse.errors import ConfigurationError
from coinpurse.logs import redact
from coinpurse.monitoring import Monitoring

MEND_CLOCK = "Let the machine follow a time server (timedatectl set-ntp true)."
GIB = 1024**3


def reachable(patient: Patient) -> Iterator[Said]:
    """Whether the database answers."""
    try:
        database = patient.database()
    except psycopg.OperationalError as error:
        yield found(redact(str(error).strip()), "Check DATABASE_URL, and whether the server runs.")
        return
    except (ConfigurationError, NotChecked) as error:
        yield found(
            str(error),
            "Set DATABASE_URL=postgresql://user:password@host/database, or change to the store's folder.",
        )
        return
    with database.read_aside(seconds=5) as work:
        _, version = store.clock(work)
    yield ok(f"PostgreSQL {version}{', embedded' if patient.is_embedded else ''}")


def tables(patient: Patient) -> Iterator[Said]:
    """Whether the tables are those of this version."""
    try:
        require_migrated(patient.database())
    except ConfigurationError as error:
        yield found(str(error), "Run `coinpurse db upgrade`.")
        return
    yield ok("those of this version of Coinpurse")


def pooler(patient: Patient) -> Iterator[Said]:
    """Whether what stands between us and PostgreSQL is known to us, and fit for what goes through it."""
    settings, database = patient.settings, patient.database()
    if not pooling.shares_sessions(database.conninfo):
        yield ok("no pooler in transaction mode, such as PgBouncer, stands before the database")
        return
    with database.read_aside(seconds=5) as work:
        lock_timeout = store.lock_timeout(work)
    if lock_timeout == 0:
        yield found(
            "DATABASE_URL leads to a pooler in transaction mode, and nothing ends a wait for a lock",
            "Give the database connect_query='SET lock_timeout = 15000' in pgbouncer.ini, as deploy/pgbouncer/ does.",
        )
    direct = settings.direct_database_url
    if direct is None:
        yield found(
            "DATABASE_URL leads to a pooler in transaction mode, which the worker cannot use",
            "Set COINPURSE_DIRECT_DATABASE_URL to the address of PostgreSQL itself.",
        )
        return
    yield from _direct(patient)
    if lock_timeout:
        yield ok("a pooler in transaction mode; nothing is prepared, and locks end after a while")


def _direct(patient: Patient) -> Iterator[Said]:
    """Whether the other address goes past the pooler, into the same database."""
    direct = Database.from_settings(patient.settings.direct())
    try:
        shares = pooling.shares_sessions(direct.conninfo)
        with direct.read_aside(seconds=5) as work:
            there = store.installation(work)
    except psycopg.Error as error:
        yield found(
            f"COINPURSE_DIRECT_DATABASE_URL: {redact(str(error).strip())}", "Correct the address."
        )
        return
    with patient.database().read_aside(seconds=5) as work:
        here = store.installation(work)
    if shares:
        yield found(
            "COINPURSE_DIRECT_DATABASE_URL leads to a pooler in transaction mode too",
            "Give the address of PostgreSQL itself.",
        )
    elif here != there:
        yield found(
            "COINPURSE_DIRECT_DATABASE_URL leads to another database than DATABASE_URL",
            "Give the address of the same database.",
        )


def embedded(patient: Patient) -> Iterator[Said]:
    """Whether the embedded database is used only where it may be lost, and has room."""
    if not patient.is_embedded:
        yield ok("not used")
        return
    if patient.settings.livemode:
        yield found(
            "the embedded database holds coins that were paid for, and nothing makes copies of it",
            "Set DATABASE_URL to a server with backups.",
        )
    folder = patient.settings.state_dir
    if not folder.exists():
        yield unchecked(f"{folder.resolve()} does not exist")
        return
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        yield found(
            f"{free / GIB:.1f} GiB are free on its disk; a full disk stops it",
            "Make room, or name another folder with COINPURSE_STATE_DIR.",
        )
    elif not patient.settings.livemode:
        yield ok(f"in {folder.resolve()}, {free / GIB:.0f} GiB free")


def stripe_clock(patient: Patient) -> Iterator[Said]:
    """Whether this machine's clock is Stripe's: signatures are only good for a while."""
    answered_at = patient.account().answered_at
    if answered_at is None:
        yield unchecked("the answer does not say when it was made")
        return
    yield _judged(patient.heard_at(Patient.account) - answered_at, "Stripe's")


def database_clock(patient: Patient) -> Iterator[Said]:
    """Whether this machine's clock is the database's, by which coins expire."""
    database = patient.database()
    with database.read_aside(seconds=5) as work:
        before = datetime.now(UTC)
        there, _ = store.clock(work)
        after = datetime.now(UTC)
    yield _judged(before + (after - before) / 2 - there, "the database's")


def _judged(skew: timedelta, whose: str) -> Said:
    if abs(skew) > LARGEST_SKEW:
        return found(f"this machine's clock is {seconds_apart(skew)} of {whose}", MEND_CLOCK)
    return ok(f"this machine's clock agrees with {whose}")


def worker(patient: Patient) -> Iterator[Said]:
    """Whether a worker lives, and keeps up."""
    states = Monitoring(patient.database()).states()
    if states.workers == 0:
        age = states.heartbeat_age_seconds
        # A worker that is stopped in good order leaves no trace.
        seen = (
            "none was started, or it was stopped"
            if age is None
            else f"the last was seen {age:.0f} seconds ago"
        )
        yield found(
            f"no worker runs; {seen}", "Start `coinpurse worker`, and have the system restart it."
        )
    else:
        yield ok(f"{states.workers} running")
    waited = states.oldest_job_seconds or 0.0
    if waited > LONGEST_WAIT_SECONDS:
        yield found(
            f"{states.jobs_waiting} jobs are due, the oldest for {waited:.0f} seconds",
            "Start more workers, or read in the worker's log what keeps them.",
        )
    elif states.workers:
        yield ok(f"{states.jobs_waiting} jobs due")
