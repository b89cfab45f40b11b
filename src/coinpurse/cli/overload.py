"""What the server does when more is asked than it can do: it refuses what has waited for long, at once and cheaply.

Otherwise everybody's wait would grow without end, and its work would be for clients that have given up.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

from coinpurse.counting import counts
from coinpurse.web.measuring import METHODS

# How long a request waits for a thread before it is refused. Longer than a checkpoint or a takeover makes it wait.
LONGEST_WAIT_SECONDS = 5.0
RETRY_AFTER_SECONDS = 2
# How long a client may take to close its end after the last answer on a connection.
LINGER_SECONDS = 0.5
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

    It takes connections in one thread, where nothing may wait.
    """

    def enqueue_req(self, conn: TConn) -> None:
        """Queue a connection on which a request is coming."""
        conn.queued_at = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Handle what came on a connection, on a thread; False means that it is closed.

        Closing waits for the client to have read. Gunicorn does it where it takes new connections, so that a slow
        client would keep all others waiting.
        """
        outcome = super().handle(conn)
        if outcome is False:
            util.close_graceful(conn.sock, timeout=LINGER_SECONDS)
        return outcome

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Count a connection that was closed, or wait for more on it."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is False:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer a request; False closes the connection."""
        waited = time.monotonic() - conn.queued_at
        if waited <= LONGEST_WAIT_SECONDS or req.path in ALWAYS_ANSWERED:
            answered: bool = super().handle_request(req, conn)
            return answered
        method = req.method if req.method in METHODS else "other"
        counts().requests[method, "refused unread", "503"].inc()
        util.write(conn.sock, ANSWERS[req.path.startswith("/api/")])
        return False
