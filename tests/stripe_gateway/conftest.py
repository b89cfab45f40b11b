"""A real HTTP server in Stripe's place, and payloads signed as Stripe signs them."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe

from coinpurse.stripe_gateway import Gateway

NOW = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes = b""


class StripeServer:
    """Answers from a list, the last answer for ever, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.received: list[Received] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                form = dict(parse_qsl(body.decode()))
                server.received.append(
                    Received(
                        self.command,
                        self.path,
                        {k.lower(): v for k, v in self.headers.items()},
                        form,
                        body,
                    )
                )
                answer = server.answers[0] if len(server.answers) == 1 else server.answers.pop(0)
                time.sleep(answer.delay_seconds)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    if "Content-Length" not in answer.headers:
                        self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.close_connection = True

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def answer(
        self, status: int = 200, body: object = None, delay_seconds: float = 0.0, **headers: str
    ) -> None:
        """Add an answer. A header's name has underscores for its hyphens."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(Answer(status, content, named, delay_seconds))

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[StripeServer]:
    server = StripeServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def secret_key() -> str:
    return "sk_test_" + "x" * 24


@pytest.fixture(scope="session")
def webhook_secret() -> str:
    return "whsec_" + secrets.token_hex(16)


@pytest.fixture
def gateway(server: StripeServer, secret_key: str, webhook_secret: str) -> Gateway:
    """A gateway to the local server, at a fixed time."""
    return Gateway(
        secret_key,
        webhook_secrets=[webhook_secret],
        api_base=server.url + "/",
        clock=lambda: NOW,
    )


@pytest.fixture
def sandbox_gateway(sandbox: Any, secret_key: str) -> Gateway:
    """A gateway to the sandbox."""
    return Gateway(secret_key, webhook_secrets=[], api_base=sandbox.url)


@pytest.fixture
def hasty_gateway(server: StripeServer, secret_key: str) -> Gateway:
    """A gateway that waits half a second for an answer."""
    return Gateway(secret_key, webhook_secrets=[], api_base=server.url, timeout_seconds=(5.0, 0.5))


@pytest.fixture(scope="session")
def reader(secret_key: str, webhook_secret: str) -> Gateway:
    """A gateway that only reads events, at a fixed time."""
    return Gateway(secret_key, webhook_secrets=[webhook_secret], clock=lambda: NOW)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def sign(webhook_secret: str) -> Callable[..., str]:
    """Sign a body as Stripe does, some seconds after the fixed time."""

    def sign(body: bytes | str, secret: str = webhook_secret, age_seconds: int = 0) -> str:
        text = body if isinstance(body, str) else body.decode()
        signed_at = int(NOW.timestamp()) - age_seconds
        header: str = stripe.WebhookSignature.generate_signature_header(text, secret, signed_at)
        return header

    return sign


@pytest.fixture
def session_json() -> dict[str, Any]:
    """A paid checkout session as Stripe sends it, cut to a part of its fields."""
    return {
        "id": "cs_test_1",
        "object": "checkout.session",
        "amount_subtotal": 9999,
        "amount_total": 9999,
        "client_reference_id": "user-7",
        "created": 1_793_000_000,
        "currency": "usd",
        "customer_details": {"email": "buyer@example.com"},
        "customer_email": None,
        "expires_at": 1_793_086_400,
        "livemode": False,
        "metadata": {"payment_id": "42", "coins": "1000"},
        "mode": "payment",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "status": "complete",
        "url": None,
    }


@pytest.fixture
def intent_json() -> dict[str, Any]:
    """A declined payment intent."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 9999,
        "currency": "usd",
        "livemode": False,
        "metadata": {"payment_id": "42"},
        "status": "requires_payment_method",
        "last_payment_error": {
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "message": "Your card has insufficient funds.",
        },
    }


@pytest.fixture
def charge_json() -> dict[str, Any]:
    """A paid charge."""
    return {"id": "ch_1", "object": "charge", "livemode": False, "payment_intent": "pi_1"}


@pytest.fixture
def refund_json() -> dict[str, Any]:
    """A refund of a part."""
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 500,
        "charge": "ch_1",
        "created": 1_793_000_200,
        "currency": "usd",
        "metadata": {"refund_request": "7"},
        "payment_intent": "pi_1",
        "reason": "requested_by_customer",
        "status": "succeeded",
    }


@pytest.fixture
def dispute_json() -> dict[str, Any]:
    """A chargeback that was won in part."""
    return {
        "id": "du_1",
        "object": "dispute",
        "amount": 9999,
        "balance_transactions": [
            {
                "id": "txn_1",
                "object": "balance_transaction",
                "amount": -9999,
                "fee": 1500,
                "reporting_category": "dispute",
                "type": "adjustment",
            },
            {
                "id": "txn_2",
                "object": "balance_transaction",
                "amount": 4000,
                "fee": 0,
                "reporting_category": "dispute_reversal",
                "type": "adjustment",
            },
        ],
        "charge": "ch_1",
        "created": 1_793_000_300,
        "currency": "usd",
        "evidence_details": {"due_by": 1_793_600_000},
        "livemode": False,
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "won",
    }


@pytest.fixture
def warning_json() -> dict[str, Any]:
    """An early fraud warning."""
    return {
        "id": "issfr_1",
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": "ch_1",
        "created": 1_793_000_250,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": "pi_1",
    }


@pytest.fixture
def movement_json(refund_json: dict[str, Any]) -> dict[str, Any]:
    """A balance transaction with its source."""
    return {
        "id": "txn_3",
        "object": "balance_transaction",
        "amount": -500,
        "created": 1_793_000_200,
        "currency": "usd",
        "fee": 0,
        "reporting_category": "refund",
        "source": refund_json,
        "type": "refund",
    }


@pytest.fixture
def event_json(session_json: dict[str, Any]) -> dict[str, Any]:
    """A snapshot event."""
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_793_000_100,
        "data": {"object": session_json},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }


@pytest.fixture
def thin_json() -> dict[str, Any]:
    """A thin event."""
    return {
        "id": "evt_test_2",
        "object": "v2.core.event",
        "context": None,
        "created": "2026-11-02T11:59:58.250Z",
        "livemode": False,
        "reason": None,
        "related_object": {
            "id": "cs_test_1",
            "type": "checkout.session",
            "url": "/v1/checkout/sessions/cs_test_1",
        },
        "type": "v1.checkout.session.completed",
    }
