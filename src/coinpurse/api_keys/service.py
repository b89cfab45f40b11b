"""Making, checking and revoking keys."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog

from coinpurse.api_keys import rules, store
from coinpurse.api_keys.rules import ApiKey, NewApiKey
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.identifiers import new_id
from coinpurse.errors import IdempotencyConflict, NotFound

# How long a process may go on accepting a key that was revoked elsewhere.
CACHE_SECONDS = 5.0
LARGEST_CACHE = 4096

# Writes down, in the transaction of a change, what is done to a key.
Note = Callable[[UnitOfWork, ApiKey], object]

log = structlog.get_logger()


class ApiKeys:
    """The keys of one database.

    A key that was found good is believed for CACHE_SECONDS without asking the database: a revocation takes
    effect at once in the process that revokes, and within that time in the others. Only good keys are kept, so
    that guesses cannot fill the memory.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[bytes, tuple[ApiKey, float]] = {}

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        id_: UUID | None = None,
        note: Note | None = None,
    ) -> NewApiKey:
        """Make a key; its text is in the result and nowhere else.

        id_: the same one makes one key. note: called in the transaction that makes it.
        Raises InvalidRequest, and IdempotencyConflict for an id that was used before.
        """
        name, wanted = rules.require_name(name), rules.require_scopes(scopes)
        text = rules.new_text()
        prefix = rules.find_prefix(text)
        assert prefix is not None
        with self._database.unit_of_work() as work:
            key = store.insert(
                work,
                id_=id_ or new_id(),
                name=name,
                prefix=prefix,
                digest=rules.digest_of(text),
                scopes=wanted,
            )
            if key is None:
                raise IdempotencyConflict(str(id_))
            if note is not None:
                note(work, key)
        log.info("api_key.created", prefix=prefix, scopes=wanted)
        return NewApiKey(text, key)

    def find_valid(self, text: str) -> ApiKey | None:
        """Return the key that this text is; None for anything else, also for a revoked one."""
        prefix = rules.find_prefix(text)
        if prefix is None:
            return None
        digest = rules.digest_of(text)
        known = self._known.get(digest)
        if known is not None and self._clock() < known[1]:
            return known[0]
        return self._ask(prefix, digest)

    def list_all(self) -> list[ApiKey]:
        """Return every key, newest first, also the revoked ones."""
        with self._database.unit_of_work() as work:
            return store.list_all(work)

    def revoke(self, prefix: str, *, note: Note | None = None) -> ApiKey:
        """End a key, named by its public beginning, for good. Safe to repeat. Raises NotFound.

        note: called in the transaction that ends it; not by a repeat.
        """
        with self._database.unit_of_work() as work:
            key = store.revoke(work, prefix)
            if key is None:
                key = store.find(work, prefix)
            elif note is not None:
                note(work, key)
        if key is None:
            raise NotFound("key", prefix)
        with self._lock:
            self._known.clear()
        log.info("api_key.revoked", prefix=prefix)
        return key

    def _ask(self, prefix: str, digest: bytes) -> ApiKey | None:
        """Ask the database, and remember a good key from before it was asked."""
        asked_at = self._clock()
        with self._database.unit_of_work() as work:
            found = store.find_usable(work, prefix)
            if found is None or not hmac.compare_digest(found[1], digest):
                return None
            key, _, use_is_stale = found
            if use_is_stale:
                store.note_use(work, key.id)
        with self._lock:
            if len(self._known) >= LARGEST_CACHE:
                self._known.clear()
            self._known[digest] = (key, asked_at + CACHE_SECONDS)
        return key
