"""`python -m benchmarks.sender`: send deliveries over some connections and wait for every answer.

A process of its own, which costs a few hundredths of one core. Unlike a load generator that stops by the clock it
leaves nothing half done: what it sent was answered, so every payment of it must be credited.
"""

from __future__ import annotations

import json
import re
import resource
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass

from benchmarks import deliveries

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# An answer that takes longer than Stripe would wait.
STALLED_SECONDS = 30
SPREAD_SECONDS = 0.01


@dataclass(frozen=True)
class Order:
    """What to send. count: at most; the numbers go up from `first`. seconds: when no further one is sent."""

    port: int
    path: str
    secret: str
    first: int
    count: int
    seconds: float
    connections: int


@dataclass(frozen=True)
class Sent:
    """What came of it. seconds: to the last answer. processor_seconds: what the sending itself cost."""

    answers: int
    seconds: float
    statuses: dict[str, int]
    processor_seconds: float


def send(order: Order) -> Sent:
    """Run the sender in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.sender"],
        input=json.dumps(asdict(order)),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=order.seconds + 120,
    )
    return Sent(**json.loads(ran.stdout))


def _run(order: Order) -> Sent:
    pending = list(
        deliveries.requests(
            first=order.first,
            count=order.count,
            host=f"127.0.0.1:{order.port}",
            path=order.path,
            secret=order.secret,
        )
    )
    pending.reverse()
    # One after the other: of a burst the first process of the server that wakes takes all.
    connections = []
    for _ in range(min(order.connections, len(pending))):
        connections.append(_connect(order.port))
        time.sleep(SPREAD_SECONDS)
    statuses: Counter[str] = Counter()
    before = _processor_seconds()
    begun = time.perf_counter()
    end = begun + order.seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            _post(selector, connection, pending.pop())
        while selector.get_map():
            ready = selector.select(STALLED_SECONDS)
            if not ready:
                raise SystemExit(f"no answer for {STALLED_SECONDS} seconds")
            for key, _ in ready:
                answering = key.fileobj
                assert isinstance(answering, socket.socket)
                answer = _read(answering, key.data)
                if answer is None:
                    continue
                selector.unregister(answering)
                statuses[answer.status] += 1
                goes_on = bool(pending) and time.perf_counter() < end
                if answer.closes or not goes_on:
                    answering.close()
                if goes_on:
                    again = _connect(order.port) if answer.closes else answering
                    _post(selector, again, pending.pop())
    return Sent(
        answers=statuses.total(),
        seconds=time.perf_counter() - begun,
        statuses=dict(statuses),
        processor_seconds=_processor_seconds() - before,
    )


@dataclass(frozen=True)
class _Answer:
    status: str
    closes: bool


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=STALLED_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _post(selector: selectors.BaseSelector, connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    selector.register(connection, selectors.EVENT_READ, bytearray())


def _read(connection: socket.socket, received: bytearray) -> _Answer | None:
    """Take what has come; return the answer once it is whole."""
    chunk = connection.recv(65536)
    if not chunk:
        raise SystemExit(f"the server closed the connection after {bytes(received)!r}")
    received += chunk
    head, separator, body = bytes(received).partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    if not separator:
        return None
    if length is None:
        raise SystemExit(f"an answer without a length: {head!r}")
    if len(body) < int(length[1]):
        return None
    return _Answer(
        status=head[9:12].decode("ascii"), closes=b"\r\nconnection: close" in head.lower()
    )


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asdict(_run(Order(**json.load(sys.stdin))))))
