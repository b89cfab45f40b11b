"""`python -m benchmarks.arrivals`: visitors who arrive whether or not the store keeps up, in a process of their own.

A load generator that waits for each answer before it asks again slows down with the server and hides what buyers
would see. Here requests are due at moments that chance has drawn beforehand, and an answer's time counts from then.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qsl, urlsplit

from benchmarks import deliveries

# Of a hundred requests; each purchase is a checkout, its webhook, and a look at its status.
SHARES = {"spend": 60, "wallet": 25, "checkout": 5, "webhook": 5, "status": 5}
GIVEN_UP_SECONDS = 30.0
NO_ANSWER = "none"


@dataclass(frozen=True)
class Order:
    """What to send. rate: requests a second. connections: at most, kept open. cookies: of buyers who are logged in."""

    port: int
    rate: float
    seconds: float
    connections: int
    wallets: int
    api_key: str
    webhook_secret: str
    cookies: list[str]
    seed: int


@dataclass(frozen=True)
class Came:
    """What came of it, times in milliseconds. wrong: answers that are not what they should be, a few of them."""

    asked: int
    seconds: float
    statuses: dict[str, dict[str, int]]
    p50: float
    p99: float
    worst: float
    wrong: list[str]
    sent_late: float

    @property
    def answered(self) -> int:
        """How many requests were served."""
        return sum(by.get("200", 0) for by in self.statuses.values())

    def refused(self) -> int:
        """How many were refused in good order."""
        return sum(by.get("503", 0) for by in self.statuses.values())

    def failed(self) -> int:
        """How many had an answer that nobody should get, or none."""
        return self.asked - self.answered - self.refused()


def send(order: Order) -> Came:
    """Run the visitors in a process of their own."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.arrivals"],
        input=json.dumps(asdict(order)),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=order.seconds + 4 * GIVEN_UP_SECONDS,
    )
    return Came(**json.loads(ran.stdout))


@dataclass
class _Answer:
    status: str
    headers: bytes
    body: bytes


@dataclass
class _Visitors:
    """Everybody who comes, and what they know of each other's purchases."""

    order: Order
    choice: random.Random
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    opened: deque[str] = field(default_factory=deque)
    bought: deque[tuple[str, str]] = field(default_factory=deque)
    cookie_of: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    late: float = 0.0

    def __post_init__(self) -> None:
        self.room = asyncio.Semaphore(self.order.connections)
        self.template = deliveries.event_of(deliveries.FIRST)

    async def come(self) -> float:
        """Send everything at its time and wait for the last answer; returns how many seconds that took."""
        kinds, weights = list(SHARES), list(SHARES.values())
        begun = due = time.perf_counter()
        tasks = []
        while (due := due + self.choice.expovariate(self.order.rate)) < begun + self.order.seconds:
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            self.late = max(self.late, -wait)
            kind = self.choice.choices(kinds, weights)[0]
            tasks.append(asyncio.create_task(self._visit(kind, due)))
        await asyncio.gather(*tasks)
        for _, writer in self.idle:
            writer.close()
        return time.perf_counter() - begun

    async def _visit(self, kind: str, due: float) -> None:
        kind, request, heed = KINDS[kind](self)
        status = NO_ANSWER
        try:
            async with asyncio.timeout(GIVEN_UP_SECONDS), self.room:
                answer = await self._ask(request)
            status = answer.status
            if status == "200":
                self.times.append(1000 * (time.perf_counter() - due))
                heed(answer)
            elif status != "503" or b"\r\nretry-after:" not in answer.headers.lower():
                self._complain(f"{kind}: {status} {answer.body[:200]!r}")
        except (TimeoutError, OSError, EOFError) as error:
            self._complain(f"{kind}: {type(error).__name__} {error}")
        self.statuses.setdefault(kind, Counter())[status] += 1

    async def _ask(self, request: bytes) -> _Answer:
        while True:
            kept = bool(self.idle)
            reader, writer = (
                self.idle.pop()
                if kept
                else await asyncio.open_connection("127.0.0.1", self.order.port)
            )
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
            except (OSError, EOFError):
                writer.close()
                # A server closes connections that rest, maybe just now.
                if kept:
                    continue
                raise
            except asyncio.CancelledError:
                writer.close()
                raise
            length = next(
                int(line[15:])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            body = await reader.readexactly(length)
            if b"\r\nconnection: close" in head.lower():
                writer.close()
            else:
                self.idle.append((reader, writer))
            return _Answer(head[9:12].decode("ascii"), head, body)

    def _complain(self, about: str) -> None:
        if len(self.wrong) < 10:
            self.wrong.append(about)

    def user(self) -> str:
        """Draw one of the users who have coins."""
        return f"user-{self.choice.randint(1, self.order.wallets)}"


Heed = Callable[[_Answer], None]
Visit = tuple[str, bytes, Heed]


def _ignore(_: _Answer) -> None:
    """Take the answer as it is."""


def _request(
    visitors: _Visitors, method: str, path: str, body: bytes = b"", **headers: str
) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{visitors.order.port}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _spend(visitors: _Visitors) -> Visit:
    body = b'{"coins": 1, "description": "A spell"}'
    path = f"/api/v1/wallets/{visitors.user()}/spend"
    key = f"load-{visitors.choice.getrandbits(62)}"
    bearer = f"Bearer {visitors.order.api_key}"
    request = _request(visitors, "POST", path, body, Authorization=bearer, Idempotency_Key=key)
    return "spend", request, _ignore


def _wallet(visitors: _Visitors) -> Visit:
    path = f"/api/v1/wallets/{visitors.user()}"
    bearer = f"Bearer {visitors.order.api_key}"
    return "wallet", _request(visitors, "GET", path, Authorization=bearer), _ignore


def _checkout(visitors: _Visitors) -> Visit:
    cookie = visitors.choice.choice(visitors.order.cookies)
    origin = f"http://127.0.0.1:{visitors.order.port}"

    def heed(answer: _Answer) -> None:
        url = json.loads(answer.body)["checkout_url"]
        visitors.opened.append(url)
        visitors.cookie_of[url] = cookie

    path, body = "/api/payment/create-checkout-session", b'{"pack": "chest"}'
    return "checkout", _request(visitors, "POST", path, body, Cookie=cookie, Origin=origin), heed


def _webhook(visitors: _Visitors) -> Visit:
    if not visitors.opened:
        return _checkout(visitors)
    url = visitors.opened.popleft()
    session_id = urlsplit(url).path.rpartition("/")[2]
    told = dict(parse_qsl(urlsplit(url).query))
    text = visitors.template
    for placeholder in (deliveries.PAYMENT_ID, deliveries.USER_ID):
        name = "payment_id" if placeholder == deliveries.PAYMENT_ID else "user_id"
        text = text.replace(placeholder, told[name])
    body = text.replace(str(deliveries.FIRST), session_id[-12:]).encode()

    def heed(_: _Answer) -> None:
        visitors.bought.append((session_id, visitors.cookie_of.pop(url)))

    signature = deliveries.signed(body, visitors.order.webhook_secret)
    request = _request(visitors, "POST", "/api/payment/webhook", body, Stripe_Signature=signature)
    return "webhook", request, heed


def _status(visitors: _Visitors) -> Visit:
    if not visitors.bought:
        return _webhook(visitors)
    session_id, cookie = visitors.bought.popleft()

    def heed(answer: _Answer) -> None:
        if json.loads(answer.body)["status"] != "completed":
            visitors.wrong.append(f"{session_id} was delivered and is not completed")

    path = f"/api/payment/status/{session_id}"
    return "status", _request(visitors, "GET", path, Cookie=cookie), heed


KINDS: dict[str, Callable[[_Visitors], Visit]] = {
    "spend": _spend,
    "wallet": _wallet,
    "checkout": _checkout,
    "webhook": _webhook,
    "status": _status,
}


def _open_many() -> None:
    """Allow as many open connections as the system does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(order: Order) -> Came:
    _open_many()
    # Not for secrets: users and keys of a load.
    visitors = _Visitors(order, random.Random(order.seed))  # noqa: S311
    seconds = await visitors.come()
    times = visitors.times or [0.0]
    hundredths = statistics.quantiles(times, n=100) if len(times) > 1 else [times[0]] * 99
    return Came(
        asked=sum(by.total() for by in visitors.statuses.values()),
        seconds=seconds,
        statuses={kind: dict(by) for kind, by in visitors.statuses.items()},
        p50=hundredths[49],
        p99=hundredths[98],
        worst=max(times),
        wrong=visitors.wrong,
        sent_late=1000 * visitors.late,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(Order(**json.load(sys.stdin)))))))
