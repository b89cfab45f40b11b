"""Working inside a transaction of the host: on its connection, to its commit or rollback."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from coinpurse.db.unit_of_work import Promise, UnitOfWork

if TYPE_CHECKING:
    from coinpurse.db.engine import Database

HostConnection = psycopg.Connection[Any] | Connection | Session | scoped_session[Any]

# How often a host's transaction is asked after, and for how long.
POLL_SECONDS = 0.02
LONGEST_TRANSACTION_SECONDS = 3600.0

# None: the transaction was rolled back. The rows say whether a savepoint of it was.
OUTCOME = """
    SELECT pg_xact_status(CAST(CAST(%(xid)s AS text) AS xid8)) AS status,
           ARRAY(SELECT id FROM coinpurse.transactions WHERE id = ANY (%(ids)s)) AS kept
"""

log = structlog.get_logger()


def join(connection: HostConnection) -> UnitOfWork:
    """Return a unit of work on the host's connection. The host commits it, or rolls it back.

    connection: a SQLAlchemy session (also Flask-SQLAlchemy's) or connection over psycopg 3, or a psycopg one.
    Raises TypeError for anything else.
    """
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

    psycopg tells nobody of a commit, so the watcher asks PostgreSQL how the transaction ended; a promise is kept
    if its ledger row is there then. A thread runs only while something is promised.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._thread: threading.Thread | None = None

    def watch(self, work: UnitOfWork) -> None:
        """Take over the promises of a joined work."""
        promises = work.take_promises()
        if not promises:
            return
        if work.connection.info.transaction_status == TransactionStatus.IDLE:
            # In autocommit mode the statement has committed already.
            for _, act in promises:
                act()
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
                waiting = list(self._watched.values())
                if not waiting:
                    self._thread = None
                    return
            for watched in waiting:
                if self._is_over(watched):
                    with self._lock:
                        del self._watched[watched.xid]
            time.sleep(POLL_SECONDS)

    def _is_over(self, watched: _Watched) -> bool:
        if time.monotonic() - watched.since > LONGEST_TRANSACTION_SECONDS:
            log.warning("commit.not_seen", promises=len(watched.promises))
            return True
        promises = list(watched.promises)
        try:
            with self._database.unit_of_work() as work:
                row = work.row(OUTCOME, xid=watched.xid, ids=[id_ for id_, _ in promises])
        except psycopg.OperationalError:
            return False  # Asked again when the server is back.
        except psycopg.Error:
            log.exception("commit.not_asked", promises=len(watched.promises))
            return True
        assert row is not None
        if row.status == "in progress" or len(promises) < len(watched.promises):
            return False
        for id_, act in promises:
            if id_ in row.kept or (id_ is None and row.status == "committed"):
                act()
        return True
