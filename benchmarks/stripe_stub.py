"""`python -m benchmarks.stripe_stub PORT`: Stripe's API for look-ups of paid sessions, on the loopback.

It answers at once, with no more work than it takes to fill in a number: what is measured is who asks. Stripe itself
takes a tenth of a second and more.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

from benchmarks import deliveries

NUMBER = re.compile(rb"^GET /v1/checkout/sessions/cs_test_b*(\d{12})[? ]")
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


class _Connection(asyncio.Protocol):
    """One client's connection; requests have no bodies."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._transport.write(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        found = NUMBER.match(head)
        status, body = "404 Not Found", '{"error": {"message": "not in the stub"}}'
        if found is not None:
            status = "200 OK"
            body = self._session.replace(str(deliveries.FIRST), found[1].decode("ascii"))
        elif head.startswith(b"GET /v1/account "):
            status, body = "200 OK", json.dumps(ACCOUNT)
        else:
            print(head.partition(b"\r\n")[0].decode("ascii"), file=sys.stderr, flush=True)
        content = body.encode()
        lines = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return lines.encode() + content


async def _serve(port: int) -> None:
    session = json.dumps(deliveries.session_of(deliveries.FIRST), indent=2)
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(session), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
