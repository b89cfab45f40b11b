"""What the server does when more is asked than it can do: it refuses what has waited for long, at once and cheaply.

Otherwise everybody's wait would grow without end, and its work would be for clients that have given up.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from coinpurse.counting import counts
from coinpurse.web.measuring import METHODS

# How long a request waits for a thread before it is refused. Longer than a checkpoint or a takeover makes it wait.
LONGEST_WAIT_SECONDS = 5.0
RETRY_AFTER_SECONDS = 2
# How long a new connection may take to begin a request, and an old one to leave after its last answer.
FIRST_BYTE_SECONDS = 5.0
LINGER_SECONDS = 1.0
UNREAD_BYTES = 65_536
# What others judge the process by: it lives, however much it is asked.
ALWAYS_ANSWERED = frozenset({"/healthz", "/readyz", "/metrics"})
SENTENCE = "The store is busy. Please try again in a moment."
FOR_PROGRAMS = json.dumps({"error": SENTENCE, "code": "overloaded"})
FOR_PEOPLE = f"{SENTENCE}\n商店正忙，请稍后再试。\n"


def _answer(kind: str, body: str) -> bytes:
    content = body.encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        f"Retry-After: {RETRY_AFTER_SECONDS}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + content


ANSWERS = {
    True: _answer("application/json", FOR_PROGRAMS),
    False: _answer("text/plain; charset=utf-8", FOR_PEOPLE),
}


class Worker(ThreadWorker):  # type: ignore[misc]  # It has no types.
    """Gunicorn's worker of threads, which knows how long each request has waited for one of them.

    A thread is given requests alone: who has not begun one, or has its answer and does not leave, waits in the poller,
    where waiting costs nothing.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._leaving: dict[TConn, float] = {}

    def enqueue_req(self, conn: TConn) -> None:
        """Queue a connection on which a request is coming; wait for the first one of a new connection."""
        if conn.initialized or conn.data_ready:
            conn.queued_at = time.monotonic()
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + FIRST_BYTE_SECONDS
        self.pending_conns.append(conn)
        self._watch(conn, self.on_pending_socket_readable)

    def handle(self, conn: TConn) -> Any:
        """Handle what came on a connection, on a thread."""
        conn.waited = time.monotonic() - conn.queued_at
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer a request; False closes the connection."""
        if conn.waited <= LONGEST_WAIT_SECONDS or req.path in ALWAYS_ANSWERED:
            answered: bool = super().handle_request(req, conn)
            return answered
        method = req.method if req.method in METHODS else "other"
        counts().requests[method, "refused unread", "503"].inc()
        util.write(conn.sock, ANSWERS[req.path.startswith("/api/")])
        return False

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Wait for more on a connection, or for its client to have read the last answer and to leave."""
        if fs.cancelled() or fs.exception() is not None or fs.result() is not False:
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._watch(conn, self._see_off)
        except (OSError, ValueError):
            # It is gone already.
            self.nr_conns -= 1
            conn.close()
        else:
            self._leaving[conn] = time.monotonic() + LINGER_SECONDS

    def murder_pending(self) -> None:
        """Close connections on which no request came in time, and those that do not leave."""
        super().murder_pending()
        now = time.monotonic()
        # The oldest come first.
        while self._leaving:
            conn, until = next(iter(self._leaving.items()))
            if until > now:
                break
            self._end(conn)

    def _watch(self, conn: TConn, then: Callable[[TConn, Any], None]) -> None:
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _see_off(self, conn: TConn, client: socket.socket) -> None:
        """Pass over what a client still sends; closing with it unread would cost it the answer."""
        try:
            gone = not client.recv(UNREAD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._end(conn)

    def _end(self, conn: TConn) -> None:
        del self._leaving[conn]
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()
