"""Everything that happens by itself: each kind of timer and what it runs."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox.flows import checkout, disputes, payments, refunds
from stripe_sandbox.unit_of_work import UnitOfWork


def _make_available(work: UnitOfWork, transaction_id: str) -> None:
    booked = work.store.find(transaction_id, "balance_transaction")
    if booked is not None:
        work.save(booked | {"status": "available"})


HANDLERS: dict[str, Callable[[UnitOfWork, str], None]] = {
    "expire_session": checkout.expire_due,
    "settle_payment": payments.settle,
    "book_charge": payments.book_charge_later,
    "succeed_refund": refunds.succeed,
    "fail_refund": refunds.fail,
    "show_refund_reference": refunds.show_reference,
    "decide_dispute": disputes.decide,
    "balance_available": _make_available,
}
