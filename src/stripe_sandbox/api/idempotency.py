"""Idempotency keys: the first answer, again and again, for a day of sandbox clock."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.form_encoding import Form, flatten
from stripe_sandbox.store import Store

KEPT_SECONDS = 86_400
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """A first answer."""

    status: int
    body: str
    request_id: str


class InFlight:
    """Keys whose first request is still running, in this process."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    @contextmanager
    def claim(self, key: str | None) -> Iterator[None]:
        """Hold a key for one request. Raises Stripe's 409 for its twin."""
        if key is None:
            yield
            return
        with self._lock:
            if key in self._keys:
                raise ApiError(
                    "There is currently another in-progress request using this Idempotent Key "
                    "(that probably means you submitted twice, and the other request is still "
                    f"going through): {key}. Please try again later.",
                    status=409,
                    type="idempotency_error",
                    code="idempotency_key_in_use",
                    saved=False,
                )
            self._keys.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)


def check_key(key: str | None) -> str | None:
    """Return a usable key or None."""
    if key is None or key == "":
        return None
    if len(key) > LONGEST_KEY:
        raise MalformedRequest(f"Idempotency keys may be at most {LONGEST_KEY} characters long.")
    return key


def fingerprint(method: str, path: str, form: Form) -> str:
    """Return what makes two requests the same: method, path and parameters in any order."""
    pairs = sorted(flatten(form))
    return hashlib.sha256(repr((method, path, pairs)).encode()).hexdigest()


def find(store: Store, key: str, mark: str, now: float) -> SavedAnswer | None:
    """Return the first answer. Raises Stripe's 400 if it was to another request."""
    row = store.row("SELECT * FROM idempotency_keys WHERE key = ?", (key,))
    if row is None:
        return None
    if row["created"] < now - KEPT_SECONDS:
        store.execute("DELETE FROM idempotency_keys WHERE key = ?", (key,))
        return None
    if row["fingerprint"] != mark:
        raise ApiError(
            "Keys for idempotent requests can only be used with the same parameters they were "
            f"first used with. Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            type="idempotency_error",
            saved=False,
        )
    return SavedAnswer(row["status"], row["body"], row["request_id"])


def save(store: Store, key: str, mark: str, answer: SavedAnswer, now: float) -> None:
    """Keep the first answer, in the transaction of its effects."""
    store.execute(
        "INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?, ?)",
        (key, mark, answer.status, answer.body, answer.request_id, now),
    )
