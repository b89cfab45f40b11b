"""The pool: psycopg's, with the connections that were used a moment ago kept in front of it."""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from functools import cached_property
from types import BuiltinFunctionType
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from coinpurse.counting import counts
from coinpurse.db.direct import DirectCalls
from coinpurse.db.unit_of_work import UnitOfWork, new_cursor

# How long a connection is kept from the pool, which renews old ones and closes those that nobody needs.
KEPT_SECONDS = 30.0
IDLE = TransactionStatus.IDLE


class PooledConnection(psycopg.Connection[Any]):
    """A connection of the pool, with what is made once for all who have it in turn."""

    taken_at = 0.0

    @cached_property
    def kept_cursor(self) -> psycopg.Cursor[Any]:
        """The cursor of the one unit of work that has the connection: making one takes 25 µs of a spend's 600."""
        return new_cursor(self)

    @cached_property
    def direct_calls(self) -> DirectCalls | None:
        """The function calls that it knows; None where they have to go through psycopg's cursor."""
        # Where greenlets stand for threads, a call that blocks outside Python would stop all of them.
        has_threads = isinstance(select.select, BuiltinFunctionType)
        return DirectCalls(self) if has_threads and self.info.encoding == "utf-8" else None

    @cached_property
    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return poll

    def is_open(self) -> bool:
        """Whether the server still has the connection, without asking it.

        A server that is quiet sends nothing; one that has ended the connection has said so already.
        """
        return not self._poll.poll(0)


class SingleStatement(UnitOfWork):
    """A unit of work on a pooled connection that is in no transaction: each statement is one by itself."""

    def __init__(self, connection: PooledConnection) -> None:
        super().__init__(connection, connection.kept_cursor)
        self._direct_calls = connection.direct_calls

    def call(self, sql: str, values: dict[str, object]) -> Any | None:
        """Call an SQL function, past psycopg's cursor where that is possible."""
        if self._direct_calls is None:
            return super().call(sql, values)
        return self._direct_calls.row(sql, values)


class Front:
    """Keeps the connections that came back, and lends the latest first.

    The pool lends the one that has rested longest, so that each call meets another process of the server, whose
    caches are cold; and its own care takes a quarter of a spend's processor time.
    """

    def __init__(self, pool: ConnectionPool[PooledConnection]) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._kept: deque[PooledConnection] = deque()
        self._waiting = 0
        self._sweeping = False

    def take(self) -> PooledConnection | None:
        """Lend the connection that came back last, if there is one."""
        with self._lock:
            return self._kept.pop() if self._kept else None

    def take_from_pool(self, *, tries: int) -> PooledConnection:
        """Lend one of the pool's. tries: how often to ask, each time for the pool's time-out. Raises PoolTimeout."""
        with self._lock:
            if self._kept:
                return self._kept.pop()
            # From here on what is given back goes to the pool, which knows who waits.
            self._waiting += 1
        waited = False
        try:
            while True:
                try:
                    connection = self._pool.getconn()
                    break
                except PoolTimeout:
                    if not waited:
                        counts().pool_waits["waited"].inc()
                    waited = True
                    tries -= 1
                    if tries <= 0:
                        counts().pool_waits["gave_up"].inc()
                        raise
        finally:
            with self._lock:
                self._waiting -= 1
        connection.taken_at = time.monotonic()
        return connection

    def give_back(self, connection: PooledConnection) -> None:
        """Take back a lent connection, in whatever state it is."""
        if connection.pgconn.transaction_status == IDLE:
            with self._lock:
                if not self._waiting and not self._is_due(connection) and not self._pool.closed:
                    self._kept.append(connection)
                    if not self._sweeping:
                        self._sweep_later()
                    return
        self._pool.putconn(connection)

    def close(self) -> None:
        """Close the pool: connections that are not lent now, the others when they come back."""
        with self._lock:
            self._pool.close()
            kept, self._kept = self._kept, deque()
        for connection in kept:
            self._pool.putconn(connection)

    def _is_due(self, connection: PooledConnection) -> bool:
        return time.monotonic() - connection.taken_at > KEPT_SECONDS

    def _sweep_later(self) -> None:
        self._sweeping = True
        timer = threading.Timer(KEPT_SECONDS, self._sweep)
        timer.daemon = True
        timer.start()

    def _sweep(self) -> None:
        """Hand on to the pool what has been kept for long, and come again while there is more."""
        with self._lock:
            due = [connection for connection in self._kept if self._is_due(connection)]
            for connection in due:
                self._kept.remove(connection)
            self._sweeping = False
            if self._kept:
                self._sweep_later()
        for connection in due:
            self._pool.putconn(connection)
