"""One transaction on the sandbox's world: what every flow and resource works with."""

from __future__ import annotations

import json
from dataclasses import dataclass

from stripe_sandbox.api.errors import resource_missing
from stripe_sandbox.config import DEFAULT_API_VERSION, SandboxConfig
from stripe_sandbox.faults import Faults
from stripe_sandbox.json_types import Json
from stripe_sandbox.store import Store

NOUNS = {"checkout.session": "checkout.session", "payment_method": "PaymentMethod"}


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks: copied into the events that a request causes."""

    id: str | None = None
    idempotency_key: str | None = None
    api_version: str = DEFAULT_API_VERSION
    base_url: str = "http://127.0.0.1"
    key: str = ""


class UnitOfWork:
    """Reads and writes of one transaction, with its moment in time.

    Everything done through it is committed together by the world, and the
    background threads are woken afterwards for what it scheduled.
    """

    def __init__(
        self,
        store: Store,
        faults: Faults,
        config: SandboxConfig,
        *,
        now: float,
        request: RequestContext | None = None,
    ) -> None:
        """Bind the parts; only the world makes these."""
        self.store = store
        self.faults = faults
        self.config = config
        self.now = now
        self.request = request or RequestContext()
        self.scheduled = False
        self.sends = False

    @property
    def timestamp(self) -> int:
        """Return the moment in whole seconds, as Stripe stores it."""
        return int(self.now)

    def get(self, kind: str, identifier: str, param: str = "id") -> Json:
        """Return an object. Raises Stripe's resource_missing naming `param`."""
        found = self.store.find(identifier, kind)
        if found is None:
            raise resource_missing(NOUNS.get(kind, kind.rsplit(".", 1)[-1]), identifier, param)
        return found

    def insert(self, body: Json, private: Json | None = None) -> Json:
        """Store a new object and return it."""
        self.store.insert(body, body["object"], body.get("created", self.timestamp), private)
        return body

    def save(self, body: Json) -> Json:
        """Store an object's new state and return it."""
        self.store.update(body)
        return body

    def private(self, identifier: str) -> Json:
        """Return the hidden state of an object."""
        return self.store.private(identifier)

    def switched_methods(self) -> dict[str, bool]:
        """Return the ways to pay that the account has turned on or off."""
        known: dict[str, bool] = json.loads(self.store.setting("payment_methods") or "{}")
        return known

    def switch_method(self, name: str, *, on: bool) -> None:
        """Turn a way to pay on or off for checkouts to come."""
        self.store.set_setting("payment_methods", json.dumps(self.switched_methods() | {name: on}))

    def remember(self, identifier: str, **facts: object) -> None:
        """Add to the hidden state of an object."""
        self.store.update_private(identifier, self.store.private(identifier) | facts)

    def schedule(self, seconds: float, kind: str, subject: str) -> None:
        """Let a timer of `flows.timers` run after so many seconds of sandbox clock."""
        self.store.execute(
            "INSERT INTO timers (due, kind, subject) VALUES (?, ?, ?)",
            (self.now + seconds, kind, subject),
        )
        self.scheduled = True

    def unschedule(self, kind: str, subject: str) -> None:
        """Cancel the timers of one kind for one object."""
        self.store.execute("DELETE FROM timers WHERE kind = ? AND subject = ?", (kind, subject))
