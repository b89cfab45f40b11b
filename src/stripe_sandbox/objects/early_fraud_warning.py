"""Early fraud warnings: an issuer's report before any dispute."""

from __future__ import annotations

from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def create(work: UnitOfWork, charge: Json) -> Json:
    """Store a new warning about a charge; emits nothing."""
    body: Json = {
        "id": new_id("issfr_"),
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": charge["id"],
        "created": work.timestamp,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    return work.insert(body)
