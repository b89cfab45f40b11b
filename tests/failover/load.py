"""Clients that buy and spend without pause, and repeat with the same key whatever was not acknowledged."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
import requests

from coinpurse import Coinpurse
from tests.conftest import Sandbox, Store

PATIENCE_SECONDS = 45.0
PAUSE_SECONDS = 0.1
# What a client may repeat: the database is away for the moment.
RETRYABLE = 503


@dataclass
class Operation:
    """One thing that a client wants, from its first request to its acknowledgement.

    key: as the ledger or the payment row has it. result: the ledger row's id, or the checkout's session id.
    """

    kind: str
    user_id: str
    key: str
    coins: int = 0
    began: float = field(default_factory=time.monotonic)
    acknowledged: float | None = None
    failures: int = 0
    result: int | str | None = None

    def is_under_way_at(self, moment: float) -> bool:
        """Whether it had begun at the moment and was not acknowledged yet."""
        return self.began < moment and (self.acknowledged is None or self.acknowledged > moment)


class Load:
    """Client threads, and what they were told."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.paid: list[str] = []
        self.answers: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def repeat(self, name: str, act: Callable[[str], object]) -> None:
        """Have a thread of its own act again and again, with a fresh key each time."""

        def run() -> None:
            try:
                for number in itertools.count():
                    if self._stop.is_set():
                        return
                    act(f"{name}-{number}-{secrets.token_hex(4)}")
            except Exception as error:  # noqa: BLE001  The test's own thread reports it.
                self.unexpected.append(f"{name}: {error!r}")

        thread = threading.Thread(target=run, name=name)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Let every client end what it has begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS + 30)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def perform(self, operation: Operation, request: Callable[[], int | str | None]) -> None:
        """Send a request until it is acknowledged. request: returns the result, or None to be repeated."""
        self.operations.append(operation)
        while (result := request()) is None:
            operation.failures += 1
            waited = time.monotonic() - operation.began
            assert waited < PATIENCE_SECONDS, f"{operation} was not acknowledged"
            time.sleep(PAUSE_SECONDS)
        operation.acknowledged = time.monotonic()
        operation.result = result

    def acknowledged_since(self, moment: float, kind: str) -> list[Operation]:
        """What was begun and acknowledged after the moment."""
        return [
            operation
            for operation in list(self.operations)
            if operation.kind == kind
            and operation.began > moment
            and operation.acknowledged is not None
        ]

    def post(
        self, session: requests.Session, url: str, key: str, body: dict[str, object], field_: str
    ) -> int | str | None:
        """Post to the store. Returns a field of the answer; None where the answer says to try again."""
        answer = session.post(url, json=body, headers={"Idempotency-Key": key}, timeout=60)
        self.answers[f"HTTP {answer.status_code}"] += 1
        if answer.status_code == RETRYABLE:
            assert "Retry-After" in answer.headers
            return None
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        result: int | str = answer.json()[field_]
        return result


def spend_over_http(load: Load, store: Store, api_key: str, user_id: str) -> Callable[[str], None]:
    """A backend in any language that spends through the service API."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {api_key}"
    url = f"{store.url}/api/v1/wallets/{user_id}/spend"

    def act(key: str) -> None:
        load.perform(
            Operation("spend", user_id, f"api:{key}", coins=2),
            lambda: load.post(session, url, key, {"coins": 2}, "id"),
        )

    return act


def spend_in_python(load: Load, purse: Coinpurse, user_id: str) -> Callable[[str], None]:
    """A host application that calls `purse.spend`."""

    def spend(key: str) -> int | None:
        try:
            return purse.spend(user_id, 3, key=key).id
        except psycopg.OperationalError as error:
            load.answers[type(error).__name__] += 1
            return None

    def act(key: str) -> None:
        load.perform(Operation("spend", user_id, key, coins=3), lambda: spend(key))

    return act


def open_checkouts(
    load: Load, store: Store, customer: requests.Session, opened: Callable[[str], object]
) -> Callable[[str], None]:
    """A buyer who opens a checkout, and then does something with it."""
    url = f"{store.url}/api/payment/create-checkout-session"

    def act(key: str) -> None:
        operation = Operation("checkout", "", key)
        load.perform(
            operation,
            lambda: load.post(
                customer, url, key, {"pack": "chest", "currency": "usd"}, "session_id"
            ),
        )
        opened(str(operation.result))

    return act


def pay(load: Load, sandbox: Sandbox, session_id: str) -> None:
    """Pay a checkout as its buyer does; Stripe then tells the store by webhook."""
    assert sandbox.pay(session_id)["result"] == "paid"
    load.paid.append(session_id)
