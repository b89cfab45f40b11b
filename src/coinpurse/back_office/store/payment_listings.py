"""The lists of payments, of what comes after them, and of what Stripe said."""

from __future__ import annotations

from coinpurse.back_office.listing import Column, Filter, Listing, Search
from coinpurse.back_office.store.forms import (
    ACCOUNT,
    ANYTHING,
    DISPUTE,
    EMAIL,
    EVENT,
    INTENT,
    NUMBER,
    REFUND,
    SESSION,
    UUID,
)
from coinpurse.inbox import STATES
from coinpurse.purchases import STATUSES

REFUND_STATUSES = ("pending", "requires_action", "succeeded", "failed", "canceled")

REQUEST_STATES = ("requested", "made", "refused")

DISPUTE_STATUSES = (
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "prevented",
)


def _searches_of_payment(payment: str, own: Search) -> tuple[Search, ...]:
    """How what comes after payments is looked up: by itself, its payment, its intent or its buyer."""

    def payments(condition: str) -> str:
        return f"{payment} IN (SELECT id FROM coinpurse.payment_sessions WHERE {condition})"

    return (
        own,
        Search(INTENT, (payments("payment_intent_id = %(q)s"),)),
        Search(SESSION, (payments("session_id = %(q)s"),)),
        Search(UUID, (f"{payment} = %(q)s", payments("user_id = %(q)s"))),
        Search(EMAIL, (payments(f"user_id = {ACCOUNT}"),)),
        Search(ANYTHING, (payments("user_id = %(q)s"),)),
    )


PAYMENTS = Listing(
    name="payments",
    source="coinpurse.payment_sessions AS p",
    columns=(
        Column("created_at", "time", "p.created_at"),
        Column("id", "payment", "p.id"),
        Column("user_id", "user", "p.user_id"),
        Column("buyer_email", sql="p.buyer_email"),
        Column("pack_sku", sql="p.pack_sku"),
        Column("coins", "coins", "p.coins + p.bonus"),
        Column("amount_minor", "money", "p.amount_minor"),
        Column("refunded_minor", "money", "p.refunded_minor"),
        Column("currency", sql="p.currency"),
        Column("status", "status", "p.status"),
        Column("in_review", "flag", "(p.review_reason IS NOT NULL AND p.reviewed_at IS NULL)"),
        Column("completed_at", "time", "p.completed_at"),
        Column("session_id", "stripe", "p.session_id"),
        Column("payment_intent_id", "stripe", "p.payment_intent_id"),
        Column("livemode", "flag", "p.livemode"),
    ),
    order=(("p.created_at", "timestamptz"), ("p.id", "uuid")),
    time="p.created_at",
    filters=(
        Filter("status", "p.status = %(status)s", "choice", STATUSES),
        Filter("in_review", "p.review_reason IS NOT NULL AND p.reviewed_at IS NULL", "flag"),
        Filter("user", "p.user_id = %(user)s"),
    ),
    searches=(
        Search(SESSION, ("p.session_id = %(q)s",)),
        Search(INTENT, ("p.payment_intent_id = %(q)s", "p.review_intent_id = %(q)s")),
        Search(UUID, ("p.id = %(q)s", "p.user_id = %(q)s")),
        Search(
            EMAIL,
            (
                "lower(p.buyer_email) = lower(%(q)s)",
                f"p.user_id = {ACCOUNT}",
                "p.user_id = %(q)s",
            ),
        ),
        Search(ANYTHING, ("p.user_id = %(q)s",)),
    ),
)

EVENTS = Listing(
    name="events",
    source="coinpurse.stripe_events AS e",
    columns=(
        Column("received_at", "time", "e.received_at"),
        Column("id", "stripe", "e.id"),
        Column("type", sql="e.type"),
        Column("object_id", "stripe", "e.object_id"),
        Column("state", "status", "e.state"),
        Column("attempts", "number", "e.attempts"),
        Column("note", sql="e.note"),
        Column("next_attempt_at", "time", "e.next_attempt_at"),
        Column("livemode", "flag", "e.livemode"),
    ),
    order=(("e.received_at", "timestamptz"), ("e.id", "text")),
    time="e.received_at",
    filters=(
        Filter("state", "e.state = %(state)s", "choice", STATES),
        Filter("type", "e.type = %(type)s"),
    ),
    searches=(
        Search(EVENT, ("e.id = %(q)s",)),
        Search(ANYTHING, ("e.object_id = %(q)s", "e.type = %(q)s")),
    ),
)

REFUNDS = Listing(
    name="refunds",
    source="coinpurse.refunds AS r JOIN coinpurse.payment_sessions AS p ON p.id = r.payment_id",
    columns=(
        Column("event_at", "time", "r.event_at"),
        Column("id", "stripe", "r.id"),
        Column("payment_id", "payment", "r.payment_id"),
        Column("user_id", "user", "p.user_id"),
        Column("amount_minor", "money", "r.amount_minor"),
        Column("currency", sql="r.currency"),
        Column("status", "status", "r.status"),
        Column("reason", sql="r.reason"),
        Column("failure_reason", sql="r.failure_reason"),
    ),
    order=(("r.event_at", "timestamptz"), ("r.id", "text")),
    time="r.event_at",
    filters=(Filter("status", "r.status = %(status)s", "choice", REFUND_STATUSES),),
    searches=_searches_of_payment("r.payment_id", Search(REFUND, ("r.id = %(q)s",))),
)

REFUND_REQUESTS = Listing(
    name="refund_requests",
    source="coinpurse.refund_requests AS q JOIN coinpurse.payment_sessions AS p ON p.id = q.payment_id",
    columns=(
        Column("created_at", "time", "q.created_at"),
        Column("id", "id", "q.id"),
        Column("payment_id", "payment", "q.payment_id"),
        Column("user_id", "user", "p.user_id"),
        Column("amount_minor", "money", "q.amount_minor"),
        Column("currency", sql="q.currency"),
        Column("state", "status", "q.state"),
        Column("reason", sql="q.reason"),
        Column("actor", "user", "q.actor"),
        Column("refund_id", "stripe", "q.refund_id"),
        Column("refusal", sql="q.refusal"),
        Column("attempts", "number", "q.attempts"),
    ),
    order=(("q.created_at", "timestamptz"), ("q.id", "uuid")),
    time="q.created_at",
    filters=(Filter("state", "q.state = %(state)s", "choice", REQUEST_STATES),),
    searches=_searches_of_payment(
        "q.payment_id",
        Search(
            REFUND,
            ("q.payment_id = (SELECT payment_id FROM coinpurse.refunds WHERE id = %(q)s)",),
        ),
    ),
)

DISPUTES = Listing(
    name="disputes",
    source="coinpurse.disputes AS d JOIN coinpurse.payment_sessions AS p ON p.id = d.payment_id",
    columns=(
        Column("event_at", "time", "d.event_at"),
        Column("id", "stripe", "d.id"),
        Column("payment_id", "payment", "d.payment_id"),
        Column("user_id", "user", "p.user_id"),
        Column("amount_minor", "money", "d.amount_minor"),
        Column("withdrawn_minor", "money", "d.withdrawn_minor"),
        Column("reinstated_minor", "money", "d.reinstated_minor"),
        Column("currency", sql="d.currency"),
        Column("status", "status", "d.status"),
        Column("reason", sql="d.reason"),
        Column("evidence_due_at", "time", "d.evidence_due_at"),
    ),
    order=(("d.event_at", "timestamptz"), ("d.id", "text")),
    time="d.event_at",
    filters=(Filter("status", "d.status = %(status)s", "choice", DISPUTE_STATUSES),),
    searches=_searches_of_payment("d.payment_id", Search(DISPUTE, ("d.id = %(q)s",))),
)

RECONCILIATIONS = Listing(
    name="reconciliations",
    source="coinpurse.reconciliations AS n",
    columns=(
        Column("started_at", "time", "n.started_at"),
        Column("id", "id", "n.id"),
        Column("since", "time", "n.since"),
        Column("repairing", "flag", "n.repairing"),
        Column("step", "status", "n.step"),
        Column("looked_at", "json", "n.looked_at"),
        Column(
            "findings",
            "number",
            "(SELECT count(*) FROM coinpurse.reconciliation_findings AS f WHERE f.reconciliation_id = n.id)",
        ),
        Column("finished_at", "time", "n.finished_at"),
    ),
    order=(("n.id", "bigint"),),
    searches=(Search(NUMBER, ("n.id = %(q)s",)),),
)

FINDINGS = Listing(
    name="findings",
    source="coinpurse.reconciliation_findings AS f",
    columns=(
        Column("created_at", "time", "f.created_at"),
        Column("reconciliation_id", "id", "f.reconciliation_id"),
        Column("kind", sql="f.kind"),
        Column("subject", "stripe", "f.subject"),
        Column("payment_id", "payment", "f.payment_id"),
        Column("outcome", "status", "f.outcome"),
        Column("detail", sql="f.detail"),
    ),
    order=(("f.id", "bigint"),),
    filters=(Filter("run", "f.reconciliation_id = %(run)s", "number"),),
)
