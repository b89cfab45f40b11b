"""Blinker signals for the host. They fire after the commit, in the process that did the work.

Each is sent with frozen values: `payment`, `transaction`, and for disputes also `dispute`; `operator_alerted` with
`event` (what happened, a stable dotted name) and `facts`. A receiver that raises is logged and does not
disturb the others: the work is done.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from blinker import NamedSignal, Namespace

from coinpurse import outbox
from coinpurse.db import UnitOfWork

__all__ = [
    "alert_operator",
    "coins_credited",
    "coins_spent",
    "dispute_closed",
    "dispute_opened",
    "operator_alerted",
    "payment_completed",
    "payment_refunded",
    "send_after_commit",
]

_signals = Namespace()
coins_credited = _signals.signal("coins-credited")
coins_spent = _signals.signal("coins-spent")
payment_completed = _signals.signal("payment-completed")
payment_refunded = _signals.signal("payment-refunded")
dispute_opened = _signals.signal("dispute-opened")
dispute_closed = _signals.signal("dispute-closed")
operator_alerted = _signals.signal("operator-alerted")

log = structlog.get_logger()


def send_after_commit(
    work: UnitOfWork, signal: NamedSignal, *, transaction_id: int | None = None, **facts: object
) -> None:
    """Send the signal once the work has committed, and never if it rolls back.

    transaction_id: the ledger row that it is about, where there is one.
    """
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


def alert_operator(
    work: UnitOfWork, event: str, *, cause: str, facts: Mapping[str, object]
) -> None:
    """Tell whoever runs the store of trouble, once for each cause, if this work commits."""
    outbox.announce(
        work, "operator.alert", cause=f"{event}:{cause}", facts={**facts, "event": event}
    )
    send_after_commit(work, operator_alerted, event=event, facts=facts)
