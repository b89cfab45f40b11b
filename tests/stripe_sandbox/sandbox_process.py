"""The sandbox as a real process, and a real receiver for its webhooks."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import stripe

from tests.waiting import wait_until

KEY = "sk_test_" + "sandbox"
SECRET = "whsec_" + "for_tests_only"
LATEST = "2026-10-28.endive"
SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass
class Sandbox:
    """A running sandbox."""

    url: str
    state: Path
    process: subprocess.Popen[str]
    arguments: tuple[str, ...] = ()

    @property
    def stripe(self) -> stripe.StripeClient:
        return self.client()

    def client(self, version: str = LATEST, key: str = KEY) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.url}, stripe_version=version)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {KEY}"} | options.pop("headers", {})
        return requests.request(
            method, self.url + path, headers=headers, timeout=options.pop("timeout", 30), **options
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox{path}", json=body, timeout=30)
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.control("POST", "/clock/advance", {"seconds": seconds})

    def flush(self, **options: Any) -> None:
        assert self.control("POST", "/deliveries/flush", options)["flushed"]

    def pay(self, session_id: str, **details: Any) -> Any:
        return self.control("POST", f"/checkout/{session_id}/pay", details)

    def session(self, amount: int = 9999, currency: str = "usd", **more: Any) -> Any:
        return self.stripe.v1.checkout.sessions.create(
            params={**cart(amount, currency), **more}  # type: ignore[arg-type]
        )

    def paid_session(self, amount: int = 9999, currency: str = "usd", **details: Any) -> Any:
        session = self.session(amount, currency)
        result = self.pay(session.id, **details)
        assert result["result"] in {"paid", "processing"}, result
        return self.stripe.v1.checkout.sessions.retrieve(session.id)

    def charge_of(self, session: Any) -> Any:
        intent = self.stripe.v1.payment_intents.retrieve(session.payment_intent)
        return self.stripe.v1.charges.retrieve(intent.latest_charge)

    def event_types(self, about: str | None = None) -> list[str]:
        """Types of all events so far, oldest first; of one object where given."""
        found = list(self.stripe.v1.events.list(params={"limit": 100}).auto_paging_iter())
        return [
            event.type
            for event in reversed(found)
            if about is None or event.data.object["id"] == about
        ]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def cart(amount: int = 9999, currency: str = "usd") -> dict[str, Any]:
    """A session's parameters: one pack of coins."""
    return {
        "mode": "payment",
        "success_url": "https://shop.example/done?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/cancel",
        "line_items": [
            {
                "price_data": {
                    "currency": currency,
                    "unit_amount": amount,
                    "product_data": {
                        "name": "1000 Coins",
                        "description": "Get 1000 coins + 200 bonus coins",
                    },
                },
                "quantity": 1,
            }
        ],
    }


@contextlib.contextmanager
def running(state: Path, *arguments: str) -> Iterator[Sandbox]:
    """Run a sandbox on a free port; it is gone at the end, whatever happens."""
    sandbox = start(state, *arguments)
    try:
        yield sandbox
    finally:
        if sandbox.process.poll() is None:
            sandbox.stop()
        if sandbox.process.stdout is not None:
            sandbox.process.stdout.close()


def start(state: Path, *arguments: str) -> Sandbox:
    """Start the process and wait for its address."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRIPE_SANDBOX")
    }
    process = subprocess.Popen(
        [sys.executable, "-c", "from stripe_sandbox.cli import main; main()", "serve",
         "--port", "0", "--state", str(state), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("stripe-sandbox listening on http://127.0.0.1:"), line
    return Sandbox(line.split()[-1], state, process, arguments)


@dataclass
class Receiver:
    """A webhook endpoint that checks signatures and remembers."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], int] = lambda event: 200
    secret: str = SECRET

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def wait_for(self, type_: str, count: int = 1) -> list[dict[str, Any]]:
        def came() -> list[dict[str, Any]]:
            return [event for event in self.events if event["type"] == type_]

        wait_until(lambda: len(came()) >= count, lambda: f"{count} x {type_}: {self.types()}")
        return came()


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signature = self.headers["Stripe-Signature"]
            status = 400
            if stripe.WebhookSignature.verify_header(
                body.decode(), signature, receiver.secret, 300
            ):
                event = json.loads(body)
                receiver.bodies.append(body)
                receiver.headers.append(signature)
                receiver.events.append(event)
                status = receiver.answer(event)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/webhook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
