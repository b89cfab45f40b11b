"""Receivers of webhooks on this machine: a well-behaved one, and others that are not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Conversation = Callable[[socket.socket, threading.Event], None]


@dataclass(frozen=True)
class Received:
    """One webhook as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Callers may hang up."""


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent. statuses: its next answers, then 204 for ever."""

    statuses: list[int] = field(default_factory=list)
    answer: bytes = b""
    location: str | None = None
    received: list[Received] = field(default_factory=list)
    arriving: threading.Event = field(default_factory=threading.Event)
    held: threading.Event | None = None

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append(Received(self.path, headers, body))
                receiver.arriving.set()
                if receiver.held is not None:
                    receiver.held.wait(90)
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                self.send_response(status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?shop=1"

    def stop(self) -> None:
        if self.held is not None:
            self.held.set()
        self.server.shutdown()
        self.server.server_close()


class Rogue:
    """A server that says to every caller what it likes."""

    def __init__(self, conversation: Conversation, tls: ssl.SSLContext | None = None) -> None:
        self._conversation = conversation
        self._tls = tls
        self.over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self.over.set()
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._talk, args=(caller,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, caller: socket.socket) -> None:
        with suppress(OSError), caller:
            if self._tls is not None:
                caller = self._tls.wrap_socket(caller, server_side=True)
            with caller:
                self._conversation(caller, self.over)


def read_request(caller: socket.socket) -> None:
    """Read what a sender sends, up to the end of its short body."""
    caller.settimeout(5)
    data = b""
    while not data.endswith(b"}"):
        part = caller.recv(65536)
        if not part:
            return
        data += part
