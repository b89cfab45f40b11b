"""Refunds: at once, later, or failing after they seemed to succeed."""

from __future__ import annotations

import secrets

from stripe_sandbox import events
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.currencies import check_granularity, display
from stripe_sandbox.flows import behaviour, fraud_warnings
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import balance_transaction, refund
from stripe_sandbox.unit_of_work import UnitOfWork

WAITING = "requires_action"
# Paid from no account that money could go back to: the buyer is asked by email for one.
ASKS_BUYER = frozenset({"konbini", "customer_balance", "boleto", "oxxo"})


def create(work: UnitOfWork, charge: Json, amount: int | None, given: Json) -> Json:
    """Give back all that is left of a charge, or `amount` of it."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    _require_refundable(work, charge, wanted, left)
    will = behaviour.of_method(work, work.get("payment_method", charge["payment_method"]))
    paid_with = charge["payment_method_details"]["type"]
    status = _first_status(will.refund, paid_with)
    created = refund.create(work, charge, amount=wanted, status=status, given=given)
    kind = "refund" if paid_with == "card" else "payment_refund"
    booked = balance_transaction.create(
        work,
        source=created,
        kind=kind,
        amount=-wanted,
        description=f"REFUND FOR CHARGE ({charge['description'] or charge['id']})",
    )
    created["balance_transaction"] = booked["id"]
    work.save(created)
    charge["amount_refunded"] += wanted
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    work.save(charge)
    events.emit(work, "refund.created", created)
    events.emit(work, "charge.refunded", charge)
    _schedule(work, created, will.refund)
    if charge["refunded"]:
        fraud_warnings.settle(work, charge)
    return created


def succeed(work: UnitOfWork, refund_id: str) -> None:
    """A pending refund was sent (timer)."""
    pending = work.store.find(refund_id, "refund")
    if pending is not None and pending["status"] == "pending":
        pending.pop("pending_reason", None)
        _update(work, pending | {"status": "succeeded"}, {"status": "pending"})


def show_reference(work: UnitOfWork, refund_id: str) -> None:
    """The network's reference of a card refund became known (timer)."""
    known = work.store.find(refund_id, "refund")
    if (
        known is None
        or known["status"] != "succeeded"
        or "card" not in known["destination_details"]
    ):
        return
    before = known["destination_details"]
    details = before["card"] | {
        "reference": f"{secrets.randbelow(10**16):016}",
        "reference_status": "available",
    }
    after = known | {"destination_details": {"type": "card", "card": details}}
    _update(work, after, {"destination_details": before})


def accept(work: UnitOfWork, refund_id: str) -> None:
    """The buyer said where the money shall go: the refund is on its way."""
    waiting = work.get("refund", refund_id)
    if waiting["status"] != WAITING:
        raise ApiError("This refund asks for no action.")
    waiting.pop("next_action", None)
    work.unschedule("fail_refund", refund_id)
    accepted = waiting | {"status": "pending", "pending_reason": "processing"}
    _update(work, accepted, {"status": WAITING})
    _schedule(work, accepted, "succeeds")


def cancel(work: UnitOfWork, refund_id: str) -> Json:
    """Take back a refund that waits for the buyer. Stripe refuses it for every other one."""
    canceled = work.get("refund", refund_id, "refund")
    if canceled["status"] != WAITING:
        raise ApiError("Canceling this refund is unsupported.")
    work.unschedule("fail_refund", refund_id)
    _return_money(work, canceled, "canceled", "merchant_request")
    return canceled


def fail(work: UnitOfWork, refund_id: str) -> None:
    """The bank sent a refund back, or the buyer never asked for it (timer)."""
    failed = work.store.find(refund_id, "refund")
    if failed is None or failed["status"] not in {WAITING, "pending", "succeeded"}:
        return
    unclaimed = failed["status"] == WAITING
    reason = "unknown" if unclaimed else "lost_or_stolen_card"
    _return_money(work, failed, "failed", reason)
    events.emit(work, "refund.failed", failed)


def _return_money(work: UnitOfWork, failed: Json, status: str, reason: str) -> None:
    """End a refund; its money returns to the account and counts as not refunded."""
    former = failed["status"]
    booked = balance_transaction.create(
        work,
        source=failed,
        kind="refund_failure",
        amount=failed["amount"],
        description=f"REFUND FAILURE ({failed['id']})",
    )
    failed |= {
        "status": status,
        "failure_reason": reason,
        "failure_balance_transaction": booked["id"],
    }
    failed.pop("pending_reason", None)
    failed.pop("next_action", None)
    charge = work.get("charge", failed["charge"])
    charge["amount_refunded"] -= failed["amount"]
    charge["refunded"] = False
    work.save(charge)
    _update(work, failed, {"status": former})


def _update(work: UnitOfWork, changed: Json, previous: Json) -> None:
    work.save(changed)
    events.emit(work, "refund.updated", changed, previous)
    events.emit(work, "charge.refund.updated", changed, previous)


def _first_status(ending: str, paid_with: str) -> str:
    if paid_with in ASKS_BUYER:
        return WAITING
    return "pending" if ending == "pending" or paid_with != "card" else "succeeded"


def _schedule(work: UnitOfWork, created: Json, ending: str) -> None:
    delays = work.config.delays
    if created["status"] == WAITING:
        work.schedule(delays.refund_unclaimed, "fail_refund", created["id"])
    elif ending == "fails":
        work.schedule(delays.refund_fails, "fail_refund", created["id"])
    elif created["status"] == "pending":
        work.schedule(delays.refund_succeeds, "succeed_refund", created["id"])
    else:
        work.schedule(delays.refund_reference, "show_refund_reference", created["id"])


def _require_refundable(work: UnitOfWork, charge: Json, wanted: int, left: int) -> None:
    if charge["status"] != "succeeded":
        raise ApiError(f"Charge {charge['id']} has not been paid; cannot issue a refund.")
    if not charge["captured"]:
        raise ApiError(
            f"This uncaptured Charge was created by a PaymentIntent ({charge['payment_intent']}). "
            "You must cancel the PaymentIntent instead of refunding the charge directly."
        )
    open_disputes = work.store.select("dispute", {"charge": charge["id"]}, limit=10)
    if any(not known["is_charge_refundable"] for known in open_disputes):
        raise ApiError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left == 0:
        raise ApiError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if wanted > left:
        currency = charge["currency"]
        raise ApiError(
            f"Refund amount ({display(wanted, currency)}) is greater than unrefunded amount on "
            f"charge ({display(left, currency)})",
            param="amount",
        )
    check_granularity(wanted, charge["currency"])
