"""What comes of a request, whatever the other side does."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coinpurse.endpoints.addresses import Reach
from coinpurse.endpoints.sender import KEPT_CHARACTERS, Sender
from tests.endpoints.receivers import Receiver, Rogue, read_request

BODY = b'{"type":"webhook.test"}'
MakeRogue = Callable[..., Rogue]


def _sender(seconds: float = 5.0, **given: object) -> Sender:
    return Sender(Reach(private=True), total_seconds=seconds, **given)  # type: ignore[arg-type]


def test_a_post_arrives_whole_and_its_answer_comes_back(receiver: Receiver) -> None:
    receiver.answer = b"thank you"
    receiver.statuses = [202]

    answer = _sender().post(receiver.url, BODY, {"webhook-id": "msg_1", "User-Agent": "x"})

    assert (answer.status, answer.body, answer.error) == (202, "thank you", None)
    assert answer.accepted
    (came,) = receiver.received
    assert (came.path, came.body) == ("/hooks?shop=1", BODY)
    assert came.headers["webhook-id"] == "msg_1"
    assert came.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_redirect_is_a_failure_and_not_followed(receiver: Receiver) -> None:
    elsewhere = Receiver()
    receiver.statuses, receiver.location = [307], elsewhere.url

    answer = _sender().post(receiver.url, BODY, {})
    elsewhere.stop()

    assert answer.status == 307
    assert not answer.accepted
    assert elsewhere.received == []


def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Receiver()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    answer = _sender().post(receiver.url, BODY, {})
    proxy.stop()

    assert answer.accepted
    assert proxy.received == []


def _drip(caller: socket.socket, over: threading.Event, first: bytes) -> None:
    read_request(caller)
    caller.sendall(first)
    while not over.wait(0.1):
        caller.sendall(b"x")


def test_a_receiver_that_drips_its_headers_is_left_at_the_deadline(rogue: MakeRogue) -> None:
    server = rogue(lambda caller, over: _drip(caller, over, b"HTTP/1.1 200 OK\r\nX-Slow: "))
    begun = time.monotonic()

    answer = _sender(1.0).post(server.url, BODY, {})

    assert (answer.status, answer.error) == (None, "There was no answer within 1 seconds")
    assert time.monotonic() - begun < 4


def test_a_receiver_that_sends_continue_for_ever_is_left_at_the_deadline(rogue: MakeRogue) -> None:
    def go_on(caller: socket.socket, over: threading.Event) -> None:
        read_request(caller)
        while not over.wait(0.05):
            caller.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    answer = _sender(1.0).post(rogue(go_on).url, BODY, {})

    assert answer.error == "There was no answer within 1 seconds"


def test_an_accepted_webhook_stays_accepted_when_the_rest_of_the_answer_drips(
    rogue: MakeRogue,
) -> None:
    server = rogue(
        lambda caller, over: _drip(
            caller, over, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        )
    )
    begun = time.monotonic()

    answer = _sender(1.0).post(server.url, BODY, {})

    assert answer.accepted
    assert time.monotonic() - begun < 4


def test_a_receiver_that_never_answers_is_left_at_the_deadline(rogue: MakeRogue) -> None:
    answer = _sender(0.5).post(rogue(lambda caller, over: over.wait(20)).url, BODY, {})

    assert (answer.status, answer.accepted) == (None, False)
    assert answer.seconds < 4


def test_a_receiver_that_drips_its_encryption_is_left_at_the_deadline(rogue: MakeRogue) -> None:
    def drip(caller: socket.socket, over: threading.Event) -> None:
        # A record of a handshake that says to be 16 KB long.
        caller.sendall(b"\x16\x03\x03\x40\x00")
        while not over.wait(0.1):
            caller.sendall(b"\x02")

    server = rogue(drip)

    answer = _sender(1.0).post(f"https://127.0.0.1:{server.port}/", BODY, {})

    assert answer.status is None
    assert answer.seconds < 4


def test_names_that_nobody_resolves_in_time_are_a_failure() -> None:
    over = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        over.wait(20)
        return ["127.0.0.1"]

    answer = _sender(0.5, resolve=resolve).post("https://slow.test/", BODY, {})
    over.set()

    assert "did not answer in time" in (answer.error or "")
    assert answer.seconds < 4


GARBAGE = {
    "nothing": b"",
    "no http": b"220 mail.example.com ESMTP\r\n",
    "no status": b"HTTP/1.1 abc def\r\n\r\n",
    "a status out of range": b"HTTP/1.1 99999 OK\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 500 + b"\r\n",
    "a line without end": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "random bytes": bytes(range(256)) * 20,
}


@pytest.mark.parametrize("said", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_a_failure_with_words(said: bytes, rogue: MakeRogue) -> None:
    def speak(caller: socket.socket, over: threading.Event) -> None:
        read_request(caller)
        caller.sendall(said)

    answer = _sender().post(rogue(speak).url, BODY, {})

    assert not answer.accepted
    assert answer.error
    assert len(answer.error) <= 300
    assert "\n" not in answer.error


def test_of_a_huge_answer_the_beginning_is_kept(rogue: MakeRogue) -> None:
    def speak(caller: socket.socket, over: threading.Event) -> None:
        read_request(caller)
        caller.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            caller.sendall(b"\x00\xff<b>" * 10_000)

    answer = _sender().post(rogue(speak).url, BODY, {})

    assert answer.status == 500
    assert len(answer.body) == KEPT_CHARACTERS
    assert "\x00" not in answer.body
    assert answer.seconds < 4


def test_a_packed_answer_is_not_unpacked(rogue: MakeRogue) -> None:
    def speak(caller: socket.socket, over: threading.Event) -> None:
        read_request(caller)
        caller.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
        )

    answer = _sender().post(rogue(speak).url, BODY, {})

    assert (answer.status, answer.body) == (200, "abcd")


def test_a_refusal_before_the_body_was_read_is_understood(rogue: MakeRogue) -> None:
    def speak(caller: socket.socket, over: threading.Event) -> None:
        caller.recv(10)
        caller.sendall(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
        caller.shutdown(socket.SHUT_WR)
        over.wait(5)

    assert _sender().post(rogue(speak).url, BODY * 1000, {}).status == 413


def test_a_closed_port_and_a_dropped_connection_are_failures(rogue: MakeRogue) -> None:
    server = rogue(lambda caller, over: None)

    dropped = _sender().post(server.url, BODY, {})
    server.stop()
    closed = _sender().post(server.url, BODY, {})

    assert (dropped.status, closed.status) == (None, None)
    assert dropped.error
    assert "refused" in (closed.error or "")
    assert "Connection(" not in (closed.error or "")


def _accept(caller: socket.socket, over: threading.Event) -> None:
    read_request(caller)
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def _tls(certificate: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    return serving, ssl.create_default_context(cafile=str(certificate))


def test_encryption_verifies_the_name_and_not_the_address(
    rogue: MakeRogue, certificate: Path
) -> None:
    serving, trusting = _tls(certificate)
    server = rogue(_accept, serving)
    sender = _sender(resolve=lambda host, port: ["127.0.0.1"], ssl_context=trusting)

    right = sender.post(f"https://hooks.shop.test:{server.port}/", BODY, {})
    wrong = sender.post(f"https://other.shop.test:{server.port}/", BODY, {})

    assert right.accepted, right.error
    assert wrong.status is None
    assert "mismatch" in (wrong.error or "").lower()


def test_a_certificate_of_nobody_is_refused(rogue: MakeRogue, certificate: Path) -> None:
    server = rogue(_accept, _tls(certificate)[0])
    sender = _sender(resolve=lambda host, port: ["127.0.0.1"])

    answer = sender.post(f"https://hooks.shop.test:{server.port}/", BODY, {})

    assert answer.status is None
    assert "certificate" in (answer.error or "").lower()
