"""What test cards do to a charge after it was paid."""

from __future__ import annotations

from collections.abc import Callable

from stripe_sandbox.flows import disputes, fraud_warnings
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def follow(work: UnitOfWork, paid: Json, name: str | None) -> None:
    """Let the aftermath of this name happen, if there is one."""
    if name is not None:
        AFTERMATHS[name](work, paid)


def _fraudulent(work: UnitOfWork, paid: Json) -> None:
    disputes.open_dispute(work, paid, amount=paid["amount_captured"], reason="fraudulent")


def _not_received(work: UnitOfWork, paid: Json) -> None:
    disputes.open_dispute(work, paid, amount=paid["amount_captured"], reason="product_not_received")


def _inquiry(work: UnitOfWork, paid: Json) -> None:
    disputes.open_dispute(
        work, paid, amount=paid["amount_captured"], reason="fraudulent", inquiry=True
    )


def _several(work: UnitOfWork, paid: Json) -> None:
    first = paid["amount_captured"] // 2
    for amount in (first, paid["amount_captured"] - first):
        disputes.open_dispute(work, paid, amount=amount, reason="fraudulent")


AFTERMATHS: dict[str, Callable[[UnitOfWork, Json], None]] = {
    "dispute_fraudulent": _fraudulent,
    "dispute_not_received": _not_received,
    "inquiry": _inquiry,
    "multiple_disputes": _several,
    "early_fraud_warning": fraud_warnings.issue,
}
