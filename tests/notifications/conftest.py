"""A post office and a listener for alerts: real servers, on this machine."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from coinpurse import Coinpurse, Settings
from tests.conftest import Sandbox
from tests.refunds.conftest import Shop


@dataclass
class PostOffice:
    """An SMTP server that keeps what it takes.

    answer: to each mail. stalls: it never comes to an answer. options: of its controller, such as TLS.
    """

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    answer: str = "250 OK"
    to_recipient: str = "250 OK"
    hangs_up: bool = False
    stalls: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    options: dict[str, Any] = field(default_factory=dict)
    controller: Controller | None = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.asked.set()
        if self.stalls:
            await asyncio.sleep(60)
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.answer

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs_up:
            assert server.transport is not None
            server.transport.close()
        return "221 Bye"

    def open(self) -> None:
        """Begin to listen."""
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **self.options)
        self.controller.start()

    def close(self) -> None:
        """Listen no more."""
        if self.controller is not None:
            self.controller.stop()
            self.controller = None

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to an address."""
        return [mail for mail in self.mails if mail["To"] == address]

    def only(self) -> EmailMessage:
        """The one mail that came."""
        (mail,) = self.mails
        return mail


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def post_office() -> Iterator[PostOffice]:
    """An open post office."""
    office = PostOffice(free_port())
    office.open()
    yield office
    office.close()


@pytest.fixture
def mail_settings(settings: Settings, post_office: PostOffice) -> Settings:
    """Settings of a store that sends mail."""
    return settings.model_copy(
        update={
            "mail_server": "127.0.0.1",
            "mail_port": post_office.port,
            "mail_default_sender": "shop@example.com",
            "store_name": "Ada & Söhne",
        }
    )


@pytest.fixture
def open_shop(settings: Settings, sandbox: Sandbox) -> Iterator[Callable[[Settings], Shop]]:
    """Opens a shop with settings of its own."""
    made: list[Coinpurse] = []

    def make(changed: Settings) -> Shop:
        purse = Coinpurse(settings=changed)
        made.append(purse)
        return Shop(purse, sandbox, settings.require_stripe_key())

    yield make
    for purse in made:
        purse.database.close()


@pytest.fixture
def shop(open_shop: Callable[[Settings], Shop], mail_settings: Settings) -> Shop:
    """A shop that sends mail."""
    return open_shop(mail_settings)


class Listener:
    """An HTTP server that keeps the JSON that it is sent. status: what it answers, by path."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.status: dict[str, int] = {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.heard.append((self.path, json.loads(body)))
                self.send_response(listener.status.get(self.path, 200))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Hears alerts."""
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()
