"""Stripe's stand-in for tests: the sandbox as a process, and what it sends, handed to the app under test."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from flask import Flask

from coinpurse.errors import ConfigurationError
from coinpurse.extension import Coinpurse

WEBHOOK_PATH = "/api/payment/webhook"
ANSWER_SECONDS = 30
# How long the sandbox may take to send what it has written down already.
DELIVERY_SECONDS = 15


@contextmanager
def running_sandbox(state: Path) -> Iterator[str]:
    """Run a sandbox on a free port and lend its address. state: the file that keeps what it knows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stripe_sandbox", "serve", "--port", "0", "--state", str(state)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said.startswith("stripe-sandbox listening on "):
            raise ConfigurationError(
                "The sandbox did not start; `pip install 'coinpurse[demo]'` installs what it needs."
            )
        yield said.split()[-1]
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook as it came: the raw body and what signs it."""

    body: bytes
    signature: str


@dataclass
class StripeSandbox:
    """The one account of a running sandbox, with a webhook endpoint that keeps what comes until `deliver`.

    url: its origin. secret_key, webhook_secret: what the app under test is configured with.
    """

    url: str
    secret_key: str
    webhook_secret: str
    _arrived: dict[str, Delivery] = field(default_factory=dict, repr=False)
    _news: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _seen: str | None = field(default=None, repr=False)

    @property
    def config(self) -> dict[str, str]:
        """Flask config, or environment, of an app whose Stripe is this sandbox."""
        return {
            "STRIPE_SECRET_KEY": self.secret_key,
            "STRIPE_WEBHOOK_SECRET": self.webhook_secret,
            "STRIPE_API_BASE": self.url,
        }

    def pay(self, session_id: str, **details: object) -> str:
        """Pay a checkout as the buyer would on Stripe's page: `paid`, `declined`, `processing` or `challenge`.

        details: card (its number; by default one that works), iban, challenge ("pass" or "fail"), email, name …
        """
        answer = self.control(f"checkout/{session_id}/pay", **details)
        result: str = answer.json()["result"]
        if result == "refused":
            raise AssertionError(f"The payment page refuses: {answer.text}")
        return result

    def control(self, path: str, **body: object) -> requests.Response:
        """Ask the control API: faults, the clock, what banks do. The sandbox's `control.py` lists it."""
        return requests.post(f"{self.url}/_sandbox/{path}", json=body, timeout=ANSWER_SECONDS)

    def stripe(self, method: str, path: str, **fields: object) -> dict[str, Any]:
        """Call Stripe's API beside the app, as its Dashboard does: `stripe("POST", "refunds", payment_intent=…)`."""
        where = "params" if method == "GET" else "data"
        answer = requests.request(
            method,
            f"{self.url}/v1/{path}",
            auth=(self.secret_key, ""),
            timeout=ANSWER_SECONDS,
            **{where: fields},  # type: ignore[arg-type]
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def deliver(self, host: Flask | Coinpurse) -> list[str]:
        """Hand every event since the last call to the app's webhook, oldest first, and return their types.

        The deliveries are the sandbox's own, signed by it; they go in through WSGI in the calling thread, or
        straight into the inbox of a purse without Flask.
        """
        events = self._new_events()
        for event in events:
            _hand_over(host, self._wait_for(event["id"]))
        return [event["type"] for event in events]

    def skip(self) -> None:
        """Forget what has happened until now: it was another test's."""
        self._new_events()

    def keep(self, event_id: str, delivery: Delivery) -> None:
        """Take in what the sandbox has sent."""
        with self._news:
            self._arrived[event_id] = delivery
            self._news.notify_all()

    def _new_events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = {} if self._seen is None else {"ending_before": self._seen}
            page = self.stripe("GET", "events", limit=100, **after)
            if not page["data"]:
                return found
            found += reversed(page["data"])
            self._seen = found[-1]["id"]
            if not after:
                return found

    def _wait_for(self, event_id: str) -> Delivery:
        until = time.monotonic() + DELIVERY_SECONDS
        with self._news:
            while event_id not in self._arrived:
                if not self._news.wait(until - time.monotonic()):
                    raise AssertionError(f"The sandbox has not delivered {event_id}.")
            return self._arrived.pop(event_id)


@contextmanager
def stripe_account(url: str) -> Iterator[StripeSandbox]:
    """Use the account of a running sandbox, and have its webhooks kept until they are delivered."""
    sandbox = StripeSandbox(url, f"sk_test_{secrets.token_hex(12)}", "")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _receiving(sandbox))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    endpoint = sandbox.stripe("POST", "webhook_endpoints", url=address, **{"enabled_events[]": "*"})
    sandbox.webhook_secret = endpoint["secret"]
    sandbox.skip()
    try:
        yield sandbox
    finally:
        sandbox.stripe("DELETE", f"webhook_endpoints/{endpoint['id']}")
        server.shutdown()
        thread.join()
        server.server_close()


def _hand_over(host: Flask | Coinpurse, delivery: Delivery) -> None:
    if isinstance(host, Coinpurse):
        host.inbox.receive(delivery.body, delivery.signature)
        return
    answer = host.test_client().post(
        WEBHOOK_PATH,
        data=delivery.body,
        content_type="application/json",
        headers={"Stripe-Signature": delivery.signature},
    )
    if answer.status_code != 200:
        raise AssertionError(f"The app's webhook answers {answer.status}: {answer.text}")


def _receiving(sandbox: StripeSandbox) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        """Answers 200 and keeps the delivery."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sandbox.keep(json.loads(body)["id"], Delivery(body, self.headers["Stripe-Signature"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing: tests have their own output."""

    return Receiver
