"""`python -m benchmarks.stripe_stub PORT`: Stripe's API for checkout sessions, on the loopback.

It opens sessions, and gives those that are looked up as paid. It answers at once, with no more work than it takes to
fill in a number: what is measured is who asks. Stripe itself takes a tenth of a second and more.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from itertools import count
from urllib.parse import parse_qs, urlencode

from benchmarks import deliveries

NUMBER = re.compile(rb"^GET /v1/checkout/sessions/cs_test_b*(\d{12})[? ]")
OPEN = re.compile(rb"^POST /v1/checkout/sessions[? ]")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# Numbers of sessions that are opened here; those below are written into the database by whoever measures.
FIRST_OPENED = deliveries.FIRST + 5 * 10**10
# What a delivery about the session must name; the checkout's address carries it there.
TOLD = {"payment_id": "metadata[payment_id]", "user_id": "client_reference_id"}
# dj-stripe asks once whose key it has.
ACCOUNT = {
    "id": "acct_bench",
    "object": "account",
    "business_profile": {"name": "Coin Shop"},
    "business_type": "company",
    "charges_enabled": True,
    "country": "US",
    "created": 1_700_000_000,
    "default_currency": "usd",
    "details_submitted": True,
    "email": "shop@shop.example",
    "metadata": {},
    "payouts_enabled": True,
    "settings": {
        "branding": {"icon": None, "logo": None},
        "dashboard": {"display_name": "Coin Shop", "timezone": "Etc/UTC"},
    },
    "type": "standard",
}


class _Stripe:
    """What is answered."""

    def __init__(self) -> None:
        self._paid = json.dumps(deliveries.session_of(deliveries.FIRST), indent=2)
        self._numbers = count(FIRST_OPENED)

    def answer(self, head: bytes, body: bytes) -> tuple[str, str]:
        found = NUMBER.match(head)
        if found is not None:
            return "200 OK", self._paid.replace(str(deliveries.FIRST), found[1].decode("ascii"))
        if OPEN.match(head):
            return "200 OK", self._opened(parse_qs(body.decode()))
        if head.startswith(b"GET /v1/account "):
            return "200 OK", json.dumps(ACCOUNT)
        print(head.partition(b"\r\n")[0].decode("ascii"), file=sys.stderr, flush=True)
        return "404 Not Found", '{"error": {"message": "not in the stub"}}'

    def _opened(self, given: dict[str, list[str]]) -> str:
        session = deliveries.session_of(next(self._numbers))
        told = {name: given[parameter][0] for name, parameter in TOLD.items()}
        session |= {
            "client_reference_id": told["user_id"],
            "metadata": {},
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "url": f"https://checkout.stripe.example/pay/{session['id']}?{urlencode(told)}",
        }
        return json.dumps(session, indent=2)


class _Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, stripe: _Stripe) -> None:
        self._stripe = stripe
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self._received = rest[size:]
            status, body = self._stripe.answer(head, rest[:size])
            content = body.encode()
            lines = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            self._transport.write(lines.encode() + content)


async def _serve(port: int) -> None:
    stripe = _Stripe()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(stripe), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
