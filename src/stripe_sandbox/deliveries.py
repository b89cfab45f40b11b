"""Sends queued events to registered endpoints and keeps a record of every attempt.

A few threads each take the delivery that is due first. One attempt is: read in
a short transaction, post without any lock, write what came back. What is left
in the queue when the process dies is sent after the next start.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from stripe_sandbox import events, signatures
from stripe_sandbox.json_types import Json

if TYPE_CHECKING:
    from stripe_sandbox.world import World

THREADS = 6
EXCERPT = 2000
USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery taken from the queue, ready to be posted."""

    id: int
    attempts: int
    copies: int
    url: str
    payload: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or an error before there was one."""

    seconds: float
    status: int | None = None
    response: str | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether Stripe would call it delivered: any 2xx, nothing else."""
        return self.status is not None and 200 <= self.status < 300


class Postman:
    """The delivering threads."""

    def __init__(self, world: World) -> None:
        """Prepare; `start` begins."""
        self._world = world
        self._stopped = threading.Event()
        self._taken: set[int] = set()
        self._threads = [
            threading.Thread(target=self._run, name=f"delivery-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each thread end after its present attempt; does not wait for slow endpoints."""
        self._stopped.set()
        with self._world.deliveries_changed:
            self._world.deliveries_changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=0.2)

    def idle(self) -> bool:
        """Tell whether nothing is due and nothing is on its way."""
        with self._world.lock:
            return not self._taken and self._first_due() is None

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stopped.is_set():
                outgoing = self._take()
                if outgoing is None:
                    self._wait()
                    continue
                answer = _post(session, outgoing, self._world)
                if self._stopped.is_set():
                    # The state may be closed by now; this attempt is made again at the next start.
                    return
                self._record(outgoing, answer)

    def _wait(self) -> None:
        changed = self._world.deliveries_changed
        with changed:
            with self._world.lock:
                if self._first_due() is not None:
                    return
                row = self._world.store.row(
                    "SELECT min(due) AS due FROM deliveries WHERE status = 'pending' AND due > ?",
                    (self._world.now(),),
                )
            pause = 60.0
            if row is not None and row["due"] is not None:
                pause = self._world.seconds_until(row["due"])
            changed.wait(timeout=max(0.005, min(pause, 60.0)))

    def _first_due(self) -> sqlite3.Row | None:
        rows = self._world.store.rows(
            "SELECT * FROM deliveries WHERE status = 'pending' AND due <= ? "
            "ORDER BY due, id LIMIT ?",
            (self._world.now(), THREADS + 1),
        )
        return next((row for row in rows if row["id"] not in self._taken), None)

    def _take(self) -> Outgoing | None:
        with self._world.unit() as work:
            row = self._first_due()
            if row is None:
                return None
            event = work.store.find(row["event"], "event")
            endpoint = work.store.find(row["endpoint"])
            if event is None or endpoint is None or endpoint["status"] != "enabled":
                work.store.execute(
                    "UPDATE deliveries SET status = 'abandoned', due = NULL WHERE id = ?",
                    (row["id"],),
                )
                return None
            self._taken.add(row["id"])
            private = work.private(endpoint["id"])
            if row["style"] == "thin":
                payload = json.dumps(events.thin_event(event))
            else:
                payload = events.snapshot_payload(event, _version_of(endpoint))
            return Outgoing(
                row["id"],
                row["attempts"],
                row["copies"],
                _url_of(endpoint),
                payload,
                private["secret"],
            )

    def _record(self, outgoing: Outgoing, answer: Answer) -> None:
        with self._world.unit() as work:
            status, due, copies = "failed", None, outgoing.copies
            delays = self._world.config.retry_delays
            if answer.succeeded and copies > 0:
                status, due, copies = "pending", work.now, copies - 1
            elif answer.succeeded:
                status = "succeeded"
            elif outgoing.attempts < len(delays):
                status, due = "pending", work.now + delays[outgoing.attempts]
            work.store.execute(
                "UPDATE deliveries SET status = ?, due = ?, copies = ?, attempts = attempts + 1 "
                "WHERE id = ?",
                (status, due, copies, outgoing.id),
            )
            work.store.execute(
                "INSERT INTO attempts (delivery, at, seconds, status, response, error) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    outgoing.id,
                    work.now,
                    answer.seconds,
                    answer.status,
                    answer.response,
                    answer.error,
                ),
            )
            work.sends = True
            self._taken.discard(outgoing.id)
        with self._world.delivery_attempted:
            self._world.delivery_attempted.notify_all()


def _post(session: requests.Session, outgoing: Outgoing, world: World) -> Answer:
    # The signature carries wall time: receivers compare it with their own clock, not with ours.
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Cache-Control": "no-cache",
        "Stripe-Signature": signatures.header(outgoing.payload, outgoing.secret, int(time.time())),
    }
    begun = time.monotonic()
    try:
        response = session.post(
            outgoing.url,
            data=outgoing.payload.encode(),
            headers=headers,
            timeout=world.config.delivery_timeout_seconds,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return Answer(time.monotonic() - begun, error=f"{type(error).__name__}: {error}"[:EXCERPT])
    text = response.content[:EXCERPT].decode("utf-8", "replace")
    return Answer(time.monotonic() - begun, status=response.status_code, response=text)


def _url_of(endpoint: Json) -> str:
    if endpoint["object"] == "webhook_endpoint":
        return str(endpoint["url"])
    return str(endpoint["webhook_endpoint"]["url"])


def _version_of(endpoint: Json) -> str | None:
    version = endpoint.get("api_version") or endpoint.get("snapshot_api_version")
    return None if version is None else str(version)


def is_deliverable(url: str) -> bool:
    """Tell whether a webhook URL is one that can be posted to."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
