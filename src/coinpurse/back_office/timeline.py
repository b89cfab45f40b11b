"""Everything that happened to one payment, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args

from coinpurse.back_office.rules import TimelineEntry, TimelineKind, dashboard_url
from coinpurse.back_office.store import audit
from coinpurse.back_office.store import timeline as store
from coinpurse.db import UnitOfWork
from coinpurse.purchases import Payment
from coinpurse.refunds import History, history_of

# Of what happened in the same moment, the cause comes first.
ORDER = {kind: place for place, kind in enumerate(get_args(TimelineKind))}
TOLD_BY_STRIPE = ("refund", "dispute", "fraud_warning")
IN_REVIEW = "payment.in_review"


def timeline_of(work: UnitOfWork, payment: Payment) -> tuple[TimelineEntry, ...]:
    """Return what happened to a payment, oldest first. Reads rows alone; Stripe is not asked."""
    history = history_of(work, payment)
    messages = store.messages_about(work, payment.id)
    entries = [
        *_of_checkout(payment),
        *_of_review(payment, messages),
        *(_of_ledger(row) for row in store.ledger_rows(work, payment.id)),
        *_of_history(payment, history),
        *(
            _of_event(row, livemode=payment.livemode)
            for row in store.events_about(work, _objects_of(payment, history))
        ),
        *(
            TimelineEntry(row.created_at, "message", {"type": row.type}, reference=str(row.id))
            for row in messages
        ),
        *(_of_delivery(row) for row in store.deliveries_about(work, payment.id)),
        *_of_audit(work, payment),
    ]
    return tuple(sorted(entries, key=_place))


def _place(entry: TimelineEntry) -> tuple[datetime, int]:
    """Where an entry stands. Stripe's clock tells whole seconds: what it tells comes last in its second."""
    at = entry.at
    if entry.kind in TOLD_BY_STRIPE and at.microsecond == 0:
        at = at.replace(microsecond=999_999)
    return at, ORDER[entry.kind]


def _objects_of(payment: Payment, history: History) -> list[str]:
    known = {
        payment.session_id,
        payment.payment_intent_id,
        payment.review_intent_id,
        *(each.id for each in history.refunds),
        *(each.id for each in history.disputes),
        *(each.id for each in history.warnings),
    }
    return sorted(each for each in known if each is not None)


def _of_checkout(payment: Payment) -> Iterator[TimelineEntry]:
    price = payment.price
    sold = {
        "pack_sku": payment.pack_sku,
        "coins": payment.coins,
        "bonus": payment.bonus,
        "amount_minor": price.amount_minor,
        "currency": price.currency,
    }
    yield TimelineEntry(payment.created_at, "created", sold, reference=str(payment.id))
    if payment.session_id is not None:
        yield TimelineEntry(payment.created_at, "checkout_opened", reference=payment.session_id)
    intent = payment.payment_intent_id
    page = dashboard_url(intent, livemode=payment.livemode)
    declined = {"code": payment.decline_code, "message": payment.decline_message}
    paid = {"amount_minor": payment.paid.amount_minor, "currency": payment.paid.currency}
    moments: tuple[tuple[datetime | None, TimelineKind, Mapping[str, object]], ...] = (
        (payment.cancel_requested_at, "cancel_requested", {}),
        (payment.declined_at, "declined", declined),
        (payment.settling_at, "settling", {}),
        (payment.completed_at, "completed", paid),
        (
            payment.updated_at if payment.failure_reason else None,
            "checkout_failed",
            {"reason": payment.failure_reason},
        ),
    )
    for moment, kind, facts in moments:
        if moment is not None:
            yield TimelineEntry(moment, kind, facts, reference=intent, stripe_url=page)


def _of_review(payment: Payment, messages: list[Any]) -> Iterator[TimelineEntry]:
    if payment.review_reason is not None:
        # The row does not say since when; its announcement does.
        told = [row.created_at for row in messages if row.type == IN_REVIEW]
        since = told[0] if told else payment.completed_at or payment.created_at
        intent = payment.review_intent_id
        yield TimelineEntry(
            since,
            "review_opened",
            {"reason": payment.review_reason},
            reference=intent,
            stripe_url=dashboard_url(intent, livemode=payment.livemode),
        )
    if payment.reviewed_at is not None:
        yield TimelineEntry(payment.reviewed_at, "review_settled", {"note": payment.review_note})


def _of_ledger(row: Any) -> TimelineEntry:
    facts = {
        name: getattr(row, name)
        for name in ("type", "coins", "balance_after", "held", "frozen", "debt", "forgiven")
        if getattr(row, name) or name in ("coins", "balance_after")
    }
    facts["description"] = row.description
    return TimelineEntry(row.created_at, "ledger", facts, row.actor, str(row.id))


def _of_history(payment: Payment, history: History) -> Iterator[TimelineEntry]:
    def entry(
        kind: TimelineKind, each: Any, actor: str | None = None, **facts: object
    ) -> TimelineEntry:
        if hasattr(each, "amount_minor"):
            facts = {**facts, "amount_minor": each.amount_minor, "currency": each.currency}
        return TimelineEntry(
            each.created_at,
            kind,
            {name: fact for name, fact in facts.items() if fact is not None},
            actor,
            str(each.id),
            dashboard_url(str(each.id), livemode=payment.livemode),
        )

    for asked in history.requests:
        yield entry(
            "refund_requested",
            asked,
            asked.actor,
            state=asked.state,
            reason=asked.reason,
            refusal=asked.refusal,
            refund_id=asked.refund_id,
        )
    for refund in history.refunds:
        yield entry(
            "refund",
            refund,
            status=refund.status,
            reason=refund.reason,
            failure_reason=refund.failure_reason,
        )
    for dispute in history.disputes:
        yield entry(
            "dispute",
            dispute,
            status=dispute.status,
            reason=dispute.reason,
            evidence_due_at=dispute.evidence_due_at,
        )
    for warning in history.warnings:
        yield entry(
            "fraud_warning", warning, type=warning.fraud_type, actionable=warning.actionable
        )


def _of_event(row: Any, *, livemode: bool) -> TimelineEntry:
    facts = {"type": row.type, "state": row.state, "object_id": row.object_id}
    if row.note:
        facts["note"] = row.note
    return TimelineEntry(
        row.received_at,
        "event",
        facts,
        reference=row.id,
        stripe_url=dashboard_url(row.id, livemode=livemode),
    )


def _of_delivery(row: Any) -> TimelineEntry:
    facts = {
        "channel": row.channel,
        "type": row.type,
        "state": row.state,
        "attempts": row.attempts,
        "last_error": row.last_error,
    }
    return TimelineEntry(row.at, "delivery", facts, reference=str(row.id))


def _of_audit(work: UnitOfWork, payment: Payment) -> Iterator[TimelineEntry]:
    for entry in audit.about(work, "payment", str(payment.id)):
        facts = {**entry.facts, "action": entry.action, "reason": entry.reason}
        yield TimelineEntry(entry.at, "audit", facts, entry.actor, str(entry.id))
