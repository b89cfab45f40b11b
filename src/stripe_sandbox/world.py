"""The sandbox's world: one account's state, its clock, its faults and its background threads.

Everything that changes state runs in `with world.unit(request) as work:`, one
writer at a time. Two kinds of threads run beside the requests: the ticker runs
due timers, the postman delivers webhooks.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stripe_sandbox import events
from stripe_sandbox.clock import Clock
from stripe_sandbox.config import SandboxConfig
from stripe_sandbox.deliveries import Postman
from stripe_sandbox.faults import FaultRule, Faults, rule_from_json
from stripe_sandbox.flows import timers
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.webhook_endpoint import configured_endpoint
from stripe_sandbox.store import Store
from stripe_sandbox.ticker import Ticker
from stripe_sandbox.unit_of_work import RequestContext, UnitOfWork

COMPLETED = "checkout.session.completed"


class World:
    """All of the sandbox but its HTTP face."""

    def __init__(self, config: SandboxConfig) -> None:
        """Open the state; `start` brings the background threads to life."""
        self.config = config
        self.lock = threading.RLock()
        self.timers_changed = threading.Condition()
        self.deliveries_changed = threading.Condition()
        self.delivery_attempted = threading.Condition()
        in_memory = str(config.state) == ":memory:"
        self.store = Store(":memory:" if in_memory else Path(config.state))
        with self.lock, self.store.transaction():
            self.clock = Clock(**json.loads(self.store.setting("clock") or "{}"))
            self.account_id = self.store.setting("account") or new_id("acct_")
            self.store.set_setting("account", self.account_id)
            self.faults = Faults(self.store, config.seed)
        self._configure_endpoint()
        self.ticker = Ticker(self)
        self.postman = Postman(self)

    def start(self) -> None:
        """Start the background threads."""
        self.ticker.start()
        self.postman.start()

    def stop(self) -> None:
        """Stop the background threads and close the state."""
        self.ticker.stop()
        self.postman.stop()
        with self.lock:
            self.store.close()

    def now(self) -> float:
        """Return the sandbox clock's epoch seconds."""
        return self.clock.now()

    def seconds_until(self, moment: float) -> float:
        """Return how long to wait for a moment; for ever while the clock is frozen."""
        if self.clock.frozen_at is not None and moment > self.clock.frozen_at:
            return 3600.0
        return max(0.0, moment - self.now())

    @contextmanager
    def unit(self, request: RequestContext | None = None) -> Iterator[UnitOfWork]:
        """Open the one transaction that may write; commits at the end, rolls back on errors."""
        with self.lock:
            work = UnitOfWork(self.store, self.faults, self.config, now=self.now(), request=request)
            try:
                with self.store.transaction():
                    yield work
            except BaseException:
                self.faults.reload()
                raise
        if work.scheduled:
            with self.timers_changed:
                self.timers_changed.notify_all()
        if work.sends:
            with self.deliveries_changed:
                self.deliveries_changed.notify_all()

    def run_due_timers(self) -> int:
        """Run every timer that is due, each in its own transaction, the oldest first."""
        count = 0
        while True:
            with self.unit() as work:
                row = self.store.row(
                    "SELECT id, kind, subject FROM timers WHERE due <= ? ORDER BY due, id LIMIT 1",
                    (work.now,),
                )
                if row is None:
                    return count
                self.store.execute("DELETE FROM timers WHERE id = ?", (row["id"],))
                timers.HANDLERS[row["kind"]](work, row["subject"])
                count += 1

    def set_clock(self, clock: Clock) -> None:
        """Store the new clock, then run what became due."""
        with self.unit() as work:
            self.clock = clock
            self.store.set_setting("clock", json.dumps(clock.as_json()))
            work.sends = work.scheduled = True
        self.run_due_timers()

    def wait_for_delivery(self, identifier: str, timeout: float) -> bool:
        """Wait until each delivery of an event has had its first attempt.

        identifier: an event, or a checkout session (its `completed` event).
        Returns False when `timeout` seconds of wall time went by first.
        """
        deadline = time.monotonic() + timeout
        with self.delivery_attempted:
            while not self._attempted(identifier):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.delivery_attempted.wait(timeout=min(left, 0.5))
        return True

    def flush_deliveries(self, timeout: float) -> bool:
        """Wait until nothing is due any more; retries in the future do not count."""
        deadline = time.monotonic() + timeout
        while not self.postman.idle():
            if time.monotonic() > deadline:
                return False
            with self.delivery_attempted:
                self.delivery_attempted.wait(timeout=0.02)
        return True

    def redeliver(self, event_id: str, endpoint_id: str | None = None) -> list[int]:
        """Queue an event again, to one endpoint or to all that it had; returns deliveries."""
        with self.unit() as work:
            work.get("event", event_id)
            rows = self.store.rows(
                "SELECT DISTINCT endpoint, style FROM deliveries "
                "WHERE event = ?1 AND (?2 IS NULL OR endpoint = ?2)",
                (event_id, endpoint_id),
            )
            targets = [(self.store.find(row["endpoint"]), row["style"]) for row in rows]
            if not rows and endpoint_id is not None:
                targets = [(work.get("webhook_endpoint", endpoint_id), "snapshot")]
            return [
                events.queue_again(work, event_id, endpoint, style)
                for endpoint, style in targets
                if endpoint is not None
            ]

    def set_fault(self, rule: Json) -> FaultRule:
        """Put a fault in force. Raises InvalidFault."""
        checked = rule_from_json(rule)
        with self.unit():
            return self.faults.add(checked)

    def clear_faults(self, identifier: int | None = None) -> None:
        """Take one fault, or all, out of force."""
        with self.unit():
            self.faults.clear(identifier)

    def fault_counts(self) -> dict[str, int]:
        """Return how often each kind of fault has struck."""
        with self.lock:
            return self.faults.counts()

    def reset(self) -> None:
        """Forget every object, timer, delivery and fault, and let the clock run true."""
        with self.unit():
            self.store.forget_everything()
            self.faults.reload()
            self.faults.seed(self.config.seed)
            self.clock = Clock()
            self.store.set_setting("clock", json.dumps(self.clock.as_json()))
        self._configure_endpoint()

    def _configure_endpoint(self) -> None:
        if self.config.webhook_url is None:
            return
        with self.unit() as work:
            configured_endpoint(work, self.config.webhook_url, self.config.webhook_secret)

    def _attempted(self, identifier: str) -> bool:
        with self.lock:
            event_id = identifier
            if not identifier.startswith("evt_"):
                found = self.store.select(
                    "event", {"subject": identifier, "type": COMPLETED}, limit=1
                )
                if not found:
                    return True
                event_id = found[0]["id"]
            row = self.store.row(
                "SELECT 1 FROM deliveries WHERE event = ? AND status = 'pending' AND attempts = 0",
                (event_id,),
            )
            return row is None
