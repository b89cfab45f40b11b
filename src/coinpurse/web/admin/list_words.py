"""What the columns, filters and refusals of lists are called."""

from __future__ import annotations

from coinpurse.errors import InvalidRequest
from coinpurse.web.language import lazy_gettext as _

YES, NO = _("Yes"), _("No")

LABELS: dict[str, object] = {
    "q": _("Search"),
    "from": _("From day"),
    "to": _("To day"),
    "id": _("Id"),
    "created_at": _("Time"),
    "at": _("Time"),
    "received_at": _("Received"),
    "updated_at": _("Changed"),
    "completed_at": _("Completed"),
    "started_at": _("Started"),
    "finished_at": _("Finished"),
    "processed_at": _("Processed"),
    "event_at": _("At Stripe"),
    "next_attempt_at": _("Next try"),
    "evidence_due_at": _("Answer by"),
    "expires_at": _("Expires"),
    "status": _("Status"),
    "state": _("State"),
    "type": _("Type"),
    "kind": _("Kind"),
    "user_id": _("Buyer"),
    "user": _("Buyer"),
    "email": _("E-mail"),
    "pack_sku": _("Pack"),
    "pack": _("Pack"),
    "coins": _("Coins"),
    "total_coins": _("Coins"),
    "bonus": _("Bonus"),
    "amount_minor": _("Amount"),
    "currency": _("Currency"),
    "refunded_minor": _("Refunded"),
    "disputed_minor": _("Disputed"),
    "balance": _("Balance"),
    "balance_after": _("Balance after"),
    "available": _("Available"),
    "held": _("Reserved"),
    "frozen": _("Frozen"),
    "paid": _("Bought"),
    "debt": _("Owed"),
    "blocked": _("May not spend"),
    "payment_id": _("Payment"),
    "session_id": _("Checkout at Stripe"),
    "payment_intent_id": _("Payment at Stripe"),
    "object_id": _("About"),
    "attempts": _("Tries"),
    "note": _("Note"),
    "reason": _("Reason"),
    "failure_reason": _("Why it failed"),
    "description": _("Description"),
    "actor": _("By"),
    "requested_by": _("Asked by"),
    "decided_by": _("Decided by"),
    "since": _("Looks back to"),
    "findings": _("Differences"),
    "left": _("Left"),
    "repaired": _("Repaired"),
    "repairing": _("Repairs"),
    "step": _("Step"),
    "review": _("In review"),
    "in_review": _("In review"),
    "livemode": _("Real money"),
    "run": _("Comparison"),
    "reconciliation_id": _("Comparison"),
    "subject": _("About"),
    "outcome": _("What became of it"),
    "detail": _("Details"),
    "action": _("Action"),
    "subject_kind": _("What"),
    "subject_id": _("Which"),
    "role": _("Role"),
    "url": _("Address"),
    "event_types": _("Events"),
    "receiver": _("To"),
    "failures": _("Failures"),
    "channel": _("Channel"),
    "last_status": _("Answer"),
    "endpoint_id": _("Endpoint's id"),
    "name": _("Name"),
    "by": _("Asked by"),
    "created_by": _("Added by"),
    "changed_at": _("Role since"),
    "prefix": _("Begins with"),
    "scopes": _("May"),
    "last_used_at": _("Last used"),
    "revoked_at": _("Revoked"),
    "locale": _("Language"),
    "facts": _("Details"),
    "decided_at": _("Decided"),
    "transaction_id": _("Transaction"),
}
PROBLEMS: dict[str, object] = {
    "q": _("This list cannot be searched for that. Paste a whole id or e-mail address."),
    "from": _("Write a day such as 2026-11-01, not after the last day."),
    "to": _("Write a day such as 2026-11-01, not before the first day."),
    "older": _("This page of the list does not exist. Start again from the newest."),
    "newer": _("This page of the list does not exist. Start again from the newest."),
    "limit": _("A page has 1 to 200 rows."),
}
OTHER_PROBLEM = _("Choose one of the values that the filter offers.")


def label_of(name: str) -> object:
    """The words for a column or filter."""
    return LABELS.get(name) or name.removesuffix("_minor").replace("_", " ").capitalize()


def choice_of(value: str) -> object:
    """The words for a value of a filter that has no states: event types and the like speak for themselves."""
    return value


def problem_of(error: InvalidRequest) -> object:
    """Say what is wrong with a filter, and what would be right."""
    return PROBLEMS.get(error.field, OTHER_PROBLEM)
