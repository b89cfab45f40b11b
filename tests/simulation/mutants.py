"""Deliberate bugs, by which the simulator is measured. The product has no hook for them: they are put into it here."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# The kernel's function without its FOR NO KEY UPDATE.
UNLOCKED_WALLET = """
CREATE OR REPLACE FUNCTION coinpurse.lock_wallet(wallet_of text) RETURNS coinpurse.wallets
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
BEGIN
    SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = wallet_of;
    IF wallet.next_due_at <= now() THEN
        PERFORM coinpurse.settle_due(wallet_of);
        SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = wallet_of;
    END IF;
    RETURN wallet;
END $$;
"""


@dataclass(frozen=True)
class Mutant:
    """A bug. patch: puts it into the imported application. sql: into its database."""

    about: str
    patch: Callable[[], None]
    sql: str = ""


def _record_event_first() -> None:
    from coinpurse.inbox import service, store

    def receive(self: Any, body: bytes, signature: str | None) -> Any:
        event = self._gateway.read_event(body, signature)
        with self._database.unit_of_work() as work:
            store.insert(work, event)
            stored = store.lock(work, event.id)
            if not stored.is_open:
                return stored
            store.finished(work, event.id, state="processed", note=None)
        about = self._ask(event)
        with self._database.unit_of_work() as work:
            self._act(work, event, about)
        return stored

    service.Inbox.receive = receive  # type: ignore[method-assign]


def _count_latest_refund_alone() -> None:
    from coinpurse.refunds import service

    whole = service.claim_of

    @functools.wraps(whole)
    def claim_of(payment: Any, refunds: Any, disputes: Any, policies: Any) -> Any:
        latest = sorted(refunds, key=lambda refund: (refund.created_at, refund.id))[-1:]
        return whole(payment, latest, disputes, policies)

    service.claim_of = claim_of


def _fulfil_without_locks() -> None:
    from coinpurse.purchases import service, store

    store.LOCK = store.BY_ID
    locked = service.credit

    class Unprotected:
        """The ledger, credited with a new key each time."""

        def __init__(self, ledger: Any) -> None:
            self._ledger = ledger

        def credit(self, *args: Any, key: str, **kwargs: Any) -> Any:
            return self._ledger.credit(*args, key=f"{key}:{uuid.uuid4()}", **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ledger, name)

    def credit(work: Any, payment: Any, spend_order: Any) -> Any:
        # Checked, and then credited: in between another one may do the same.
        if payment.completed_at is not None:
            return None, payment
        return locked(work, payment, spend_order)

    service.ledger = Unprotected(service.ledger)  # type: ignore[assignment]
    service.credit = credit


MUTANTS: dict[str, Mutant] = {
    "event-first": Mutant(
        "the event is recorded as done in a transaction of its own, before its effect",
        _record_event_first,
    ),
    "latest-refund": Mutant(
        "the claw-back is computed from the latest refund alone, not from all of them",
        _count_latest_refund_alone,
    ),
    "no-lock": Mutant(
        "fulfilment reads the payment without its lock, and checks before it credits without a key of its own",
        _fulfil_without_locks,
        UNLOCKED_WALLET,
    ),
}
