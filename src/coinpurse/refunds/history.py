"""What came after a payment, as we know it, for people and programs that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coinpurse.db import UnitOfWork
from coinpurse.ports import Dispute, FraudWarning, Refund
from coinpurse.purchases import Payment
from coinpurse.refunds import store
from coinpurse.refunds.rules import RefundRequest


@dataclass(frozen=True, slots=True)
class History:
    """Each list is in the order of time. requests: the refunds that were asked of us, made or not."""

    refunds: Sequence[Refund]
    disputes: Sequence[Dispute]
    warnings: Sequence[FraudWarning]
    requests: Sequence[RefundRequest]


def history_of(work: UnitOfWork, payment: Payment) -> History:
    """Return what came after a payment, as Stripe said when it was last asked."""
    return History(
        refunds=store.refunds_of(work, payment.id),
        disputes=store.disputes_of(work, payment.id, livemode=payment.livemode),
        warnings=store.warnings_of(work, payment.id, livemode=payment.livemode),
        requests=store.requests_of(work, payment.id),
    )
