"""The HTTP server: Werkzeug, threaded, keep-alive, on loopback only."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


class NotLoopback(ValueError):
    """The sandbox has no passwords: it only binds to the machine it runs on."""

    def __init__(self, host: str) -> None:
        """Say which host was asked for."""
        super().__init__(
            f"The sandbox binds to loopback only (127.0.0.1, ::1, localhost), not to {host}."
        )


class QuietHandler(WSGIRequestHandler):
    """HTTP/1.1 with keep-alive, without a log line per request."""

    protocol_version = "HTTP/1.1"
    # Headers and body are written apart; with Nagle's algorithm each answer waits 40 ms.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Stay quiet."""

    def log_error(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay quiet about clients that went away."""


def bind(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """Bind the server; port 0 takes a free one. Raises NotLoopback."""
    if host not in LOOPBACK:
        raise NotLoopback(host)
    return make_server(host, port, app, threaded=True, request_handler=QuietHandler)


def serve_until_stopped(server: BaseWSGIServer) -> None:
    """Serve until SIGINT or SIGTERM; call it in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal protocol
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
