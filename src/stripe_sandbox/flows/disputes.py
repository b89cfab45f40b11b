"""Disputes: opened by test cards, moved by evidence, decided by a timer."""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.flows import fraud_warnings
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import balance_transaction, dispute
from stripe_sandbox.unit_of_work import UnitOfWork

# Evidence that decides a test dispute, and how. Anything else leaves it under review.
WORDS = {
    "winning_evidence": "win",
    "losing_evidence": "lose",
    "escalate_inquiry_evidence": "escalate",
}
# How a chargeback ends by its verdict.
ENDINGS = {"win": "won", "lose": "lost"}


def open_dispute(
    work: UnitOfWork, charge: Json, *, amount: int, reason: str, inquiry: bool = False
) -> Json:
    """Dispute a charge; a chargeback takes the money at once, an inquiry none."""
    opened = dispute.create(work, charge, amount=amount, reason=reason, inquiry=inquiry)
    charge["disputed"] = True
    work.save(charge)
    if not inquiry:
        _withdraw(work, opened)
    events.emit(work, "charge.dispute.created", opened)
    if not inquiry:
        events.emit(work, "charge.dispute.funds_withdrawn", opened)
    fraud_warnings.settle(work, charge)
    return opened


def submit_evidence(work: UnitOfWork, disputed: Json, evidence: Json, *, submit: bool) -> None:
    """Add evidence; when it is submitted, a timer decides by its words."""
    disputed["evidence"] = disputed["evidence"] | evidence
    details = disputed["evidence_details"]
    details["has_evidence"] = any(evidence.values()) or details["has_evidence"]
    if not submit:
        return
    details["submission_count"] += 1
    inquiry = disputed["status"].startswith("warning_")
    disputed["status"] = "warning_under_review" if inquiry else "under_review"
    work.remember(
        disputed["id"], verdict=WORDS.get(disputed["evidence"]["uncategorized_text"] or "")
    )
    work.schedule(work.config.delays.dispute_decided, "decide_dispute", disputed["id"])


def close(work: UnitOfWork, disputed: Json) -> Json:
    """Give up: a chargeback is lost. An inquiry, in which no money moved, just ends."""
    require_open(disputed)
    inquiry = disputed["status"].startswith("warning_")
    return _close(work, disputed, "warning_closed" if inquiry else "lost")


def require_open(disputed: Json) -> None:
    """Refuse to touch what is decided."""
    if disputed["status"] not in dispute.OPEN:
        raise ApiError("This dispute is already closed")


def decide(work: UnitOfWork, dispute_id: str) -> None:
    """Let the bank decide on the submitted evidence (timer)."""
    disputed = work.store.find(dispute_id, "dispute")
    if disputed is None or disputed["status"] not in dispute.OPEN:
        return
    verdict = work.private(dispute_id).get("verdict")
    inquiry = disputed["status"].startswith("warning_")
    if inquiry and verdict == "escalate":
        _escalate(work, disputed)
    elif inquiry and verdict in {"win", "lose"}:
        _close(work, disputed, "warning_closed")
    elif verdict in ENDINGS:
        _end(work, disputed, verdict)


def require_share(disputed: Json, verdict: object, reinstate: object) -> None:
    """Refuse to give back what is no part of a decided chargeback."""
    if not isinstance(reinstate, int) or isinstance(reinstate, bool):
        raise ApiError("reinstate must be a whole number of minor units")
    if disputed["status"].startswith("warning_") or verdict not in ENDINGS:
        raise ApiError("reinstate belongs to a chargeback that is won or lost")
    if not 0 <= reinstate <= disputed["amount"]:
        raise ApiError(f"reinstate must be from 0 to {disputed['amount']}")


def _end(work: UnitOfWork, disputed: Json, verdict: str) -> None:
    """Decide a chargeback, whose winner gets all back and whose loser nothing, unless told otherwise."""
    share = work.private(disputed["id"]).get("reinstate")
    amount = share if share is not None else disputed["amount"] if verdict == "win" else 0
    disputed |= {"status": ENDINGS[verdict], "is_charge_refundable": verdict == "win"}
    if amount:
        _reinstate(work, disputed, amount)
    _close(work, disputed, ENDINGS[verdict])


def _reinstate(work: UnitOfWork, disputed: Json, amount: int) -> None:
    booked = balance_transaction.create(
        work,
        source=disputed,
        kind="adjustment",
        amount=amount,
        description=f"Chargeback reversal for {disputed['charge']}",
        reporting="dispute_reversal",
    )
    disputed["balance_transactions"].append(booked)
    work.save(disputed)
    events.emit(work, "charge.dispute.funds_reinstated", disputed)


def _escalate(work: UnitOfWork, disputed: Json) -> None:
    before = dict(disputed)
    disputed |= {"status": "needs_response", "is_charge_refundable": False}
    details = disputed.get("payment_method_details", {}).get("card")
    if details is not None:
        details |= {"case_type": "chargeback", "network_reason_code": "10.4"}
    _withdraw(work, disputed)
    events.emit(work, "charge.dispute.updated", disputed, {"status": before["status"]})
    events.emit(work, "charge.dispute.funds_withdrawn", disputed)


def _withdraw(work: UnitOfWork, disputed: Json) -> None:
    booked = balance_transaction.create(
        work,
        source=disputed,
        kind="adjustment",
        amount=-disputed["amount"],
        description=f"Chargeback withdrawal for {disputed['charge']}",
        fee=balance_transaction.DISPUTE_FEE,
        fee_description="Dispute fee",
        reporting="dispute",
    )
    disputed["balance_transactions"].append(booked)
    work.save(disputed)


def _close(work: UnitOfWork, disputed: Json, status: str) -> Json:
    work.unschedule("decide_dispute", disputed["id"])
    disputed["status"] = status
    if status == "warning_closed":
        disputed["is_charge_refundable"] = True
    work.save(disputed)
    events.emit(work, "charge.dispute.closed", disputed)
    return disputed
