"""Early fraud warnings: issued after payment, settled by a refund or a dispute."""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import early_fraud_warning
from stripe_sandbox.unit_of_work import UnitOfWork


def issue(work: UnitOfWork, paid: Json) -> None:
    """Report a paid charge as fraud, before any dispute."""
    warning = early_fraud_warning.create(work, paid)
    events.emit(work, "radar.early_fraud_warning.created", warning)


def settle(work: UnitOfWork, charge: Json) -> None:
    """A charge that is disputed or fully refunded leaves nothing to act on."""
    for warning in work.store.select(
        "radar.early_fraud_warning", {"charge": charge["id"]}, limit=10
    ):
        if warning["actionable"]:
            warning["actionable"] = False
            work.save(warning)
            events.emit(work, "radar.early_fraud_warning.updated", warning, {"actionable": True})
