"""Working inside a transaction of the host: on its connection, to its commit or rollback."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import structlog
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

from coinpurse.db.forking import begin_anew_in_children
from coinpurse.db.tallying import HostTallies
from coinpurse.db.unit_of_work import Promise, UnitOfWork, count

# Only hosts that have sessions import the ORM.
if TYPE_CHECKING:
    from sqlalchemy.orm import Session, scoped_session

    from coinpurse.db.engine import Database

HostConnection: TypeAlias = "psycopg.Connection[Any] | Connection | Session | scoped_session[Any]"

# How often a host's transaction is asked after, and for how long.
POLL_SECONDS = 0.02
LONGEST_TRANSACTION_SECONDS = 3600.0

# How transactions ended; null where that is too long ago to be known. PostgreSQL refuses to be asked about a number
# that it has not given out, as after a failover that lost some; such a one counts as in progress.
ENDS = """
    SELECT xid, CASE WHEN xid::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status(xid::xid8)
                     ELSE 'in progress' END AS status
      FROM unnest(%(xids)s::text[]) AS asked (xid)
"""
# Asked in a statement of its own after the end is known: one that began before the commit would not see the rows.
KEPT = "SELECT id FROM coinpurse.transactions WHERE id = ANY (%(ids)s)"

log = structlog.get_logger()


def join(connection: HostConnection) -> UnitOfWork:
    """Return a unit of work on the host's connection. The host commits it, or rolls it back.

    connection: a SQLAlchemy session (also Flask-SQLAlchemy's) or connection over psycopg 3, or a psycopg one.
    Raises TypeError for anything else.
    """
    from sqlalchemy.orm import Session, scoped_session

    if isinstance(connection, Session | scoped_session):
        connection = connection.connection()
    if isinstance(connection, Connection):
        if not connection.in_transaction():
            # What the driver begins by itself SQLAlchemy would not commit.
            connection.begin()
        driver = connection.connection.driver_connection
    else:
        driver = connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(
            "connection= takes a connection or session over psycopg 3 (create_engine('postgresql+psycopg://…')),"
            f" not {type(driver).__module__}.{type(driver).__name__}."
        )
    return UnitOfWork(driver)


@dataclass
class _Watched:
    """One transaction of a host, with the promises of all works that joined it, in their order."""

    xid: str
    promises: list[Promise] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)


class CommitWatcher:
    """Keeps the promises of joined works once the host has committed.

    psycopg tells nobody of a commit, so the watcher asks PostgreSQL how the transactions ended; a promise is kept
    if its ledger row is there then, since a savepoint may have been undone. A thread runs only while something is
    promised.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.begin_anew()
        begin_anew_in_children(self)

    def begin_anew(self) -> None:
        """Leave the open transactions to the process that this one was forked from: it tells of them."""
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._thread: threading.Thread | None = None
        self._tallies = HostTallies(self._database)

    def watch(self, work: UnitOfWork) -> None:
        """Take over the promises of a joined work, and what it counts."""
        promises, tallies = work.take_promises(), work.take_tallies()
        if not promises and not tallies:
            return
        if work.connection.info.transaction_status == TransactionStatus.IDLE:
            # In autocommit mode the statement has committed already.
            count(tallies)
            for _, act in promises:
                act()
            return
        if tallies:
            self._tallies.add(tallies)
        if not promises:
            return
        row = work.row("SELECT CAST(pg_current_xact_id() AS text) AS xid")
        assert row is not None
        with self._lock:
            self._watched.setdefault(row.xid, _Watched(row.xid)).promises.extend(promises)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="coinpurse-commits", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                xids = list(self._watched)
            try:
                self._keep_promises(xids)
            except psycopg.OperationalError:
                pass  # Asked again when the server is back.
            except psycopg.Error:
                log.exception("commit.not_asked", transactions=len(xids))
                self._forget(xids)
            self._give_up_the_oldest()
            time.sleep(POLL_SECONDS)

    def _keep_promises(self, xids: list[str]) -> None:
        """Ask how the transactions ended, all at once, and act on those that have."""
        with self._database.single_statement() as work:
            ends = {row.xid: row.status for row in work.rows(ENDS, xids=xids)}
        over = [xid for xid in xids if ends[xid] != "in progress"]
        if not over:
            return
        # Nothing joins a transaction that has ended: its promises are complete.
        promises = {xid: self._watched[xid].promises for xid in over}
        ids = [id_ for made in promises.values() for id_, _ in made if id_ is not None]
        with self._database.single_statement() as work:
            kept = {row.id for row in work.rows(KEPT, ids=ids)}
        self._forget(over)
        for xid, made in promises.items():
            for id_, act in made:
                if id_ in kept or (id_ is None and ends[xid] == "committed"):
                    act()

    def _give_up_the_oldest(self) -> None:
        since = time.monotonic() - LONGEST_TRANSACTION_SECONDS
        oldest = [watched for watched in list(self._watched.values()) if watched.since < since]
        for watched in oldest:
            log.warning("commit.not_seen", promises=len(watched.promises))
        self._forget([watched.xid for watched in oldest])

    def _forget(self, xids: list[str]) -> None:
        with self._lock:
            for xid in xids:
                del self._watched[xid]
