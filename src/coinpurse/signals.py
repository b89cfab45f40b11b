"""Blinker signals for the host. They fire after the commit, in the process that did the work.

Each is sent with `payment` or `transaction` (frozen values). A receiver that raises is logged and does not
disturb the others: the work is done.
"""

from __future__ import annotations

import structlog
from blinker import NamedSignal, Namespace

from coinpurse.db import UnitOfWork

_signals = Namespace()
coins_credited = _signals.signal("coins-credited")
coins_spent = _signals.signal("coins-spent")
payment_completed = _signals.signal("payment-completed")

log = structlog.get_logger()


def send_after_commit(
    work: UnitOfWork, signal: NamedSignal, *, transaction_id: int, **facts: object
) -> None:
    """Send the signal once the ledger row has committed, and never if it rolls back."""
    if not signal.receivers:
        return

    def send() -> None:
        for receiver in signal.receivers_for(None):
            try:
                receiver(None, **facts)
            except Exception:
                # A host's receiver; whatever it raises must not turn finished work into an error.
                log.exception("signal.receiver_failed", signal=signal.name)

    work.after_commit(send, transaction_id=transaction_id)
