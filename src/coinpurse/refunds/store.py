"""The SQL of refunds, disputes, fraud warnings and refund requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.ports import Dispute, FraudWarning, Refund
from coinpurse.refunds.rules import RefundRequest

NEXT_LOOK_UP = "SELECT nextval('coinpurse.look_ups') AS number"
NOTE_LOOK_UP = """
    UPDATE coinpurse.payment_sessions SET looked_up = %(number)s
     WHERE id = %(payment_id)s AND looked_up < %(number)s RETURNING id
"""
SAVE_REFUND = """
    INSERT INTO coinpurse.refunds AS r (id, payment_id, payment_intent_id, amount_minor, currency, status, reason,
                                        failure_reason, event_at)
    VALUES (%(id)s, %(payment_id)s, %(payment_intent_id)s, %(amount_minor)s, %(currency)s, %(status)s, %(reason)s,
            %(failure_reason)s, %(event_at)s)
    ON CONFLICT (id) DO UPDATE
       SET amount_minor = excluded.amount_minor, status = excluded.status, failure_reason = excluded.failure_reason,
           updated_at = now()
     -- What has come back stays so, whatever an older look had seen.
     WHERE r.status NOT IN ('failed', 'canceled') AND (r.amount_minor, r.status, r.failure_reason)
           IS DISTINCT FROM (excluded.amount_minor, excluded.status, excluded.failure_reason)
"""
REFUNDS = """
    SELECT id, status, amount_minor, currency, payment_intent_id, event_at, reason, failure_reason
      FROM coinpurse.refunds WHERE payment_id = %(payment_id)s ORDER BY event_at, id
"""
SAVE_DISPUTE = """
    INSERT INTO coinpurse.disputes AS d (id, payment_id, payment_intent_id, amount_minor, currency, status, reason,
                                         withdrawn_minor, reinstated_minor, evidence_due_at, event_at)
    VALUES (%(id)s, %(payment_id)s, %(payment_intent_id)s, %(amount_minor)s, %(currency)s, %(status)s, %(reason)s,
            %(withdrawn_minor)s, %(reinstated_minor)s, %(evidence_due_at)s, %(event_at)s)
    ON CONFLICT (id) DO UPDATE
       SET amount_minor = excluded.amount_minor, status = excluded.status, withdrawn_minor = excluded.withdrawn_minor,
           reinstated_minor = excluded.reinstated_minor, evidence_due_at = excluded.evidence_due_at, updated_at = now()
"""
DISPUTES = """
    SELECT id, status, amount_minor, currency, payment_intent_id, event_at, reason, withdrawn_minor,
           reinstated_minor, evidence_due_at
      FROM coinpurse.disputes WHERE payment_id = %(payment_id)s ORDER BY event_at, id
"""
SAVE_WARNING = """
    INSERT INTO coinpurse.fraud_warnings (id, payment_id, actionable, fraud_type, event_at)
    VALUES (%(id)s, %(payment_id)s, %(actionable)s, %(fraud_type)s, %(event_at)s)
    ON CONFLICT (id) DO UPDATE SET actionable = excluded.actionable
"""
WARNINGS = """
    SELECT id, actionable, fraud_type, event_at FROM coinpurse.fraud_warnings
     WHERE payment_id = %(payment_id)s ORDER BY event_at, id
"""
REQUEST_COLUMNS = ", ".join(field.name for field in fields(RefundRequest))
INSERT_REQUEST = f"""
    INSERT INTO coinpurse.refund_requests (id, payment_id, payment_intent_id, amount_minor, currency, reason, actor,
                                           request_key)
    VALUES (%(id)s, %(payment_id)s, %(payment_intent_id)s, %(amount_minor)s, %(currency)s, %(reason)s, %(actor)s,
            %(request_key)s)
    RETURNING {REQUEST_COLUMNS}
"""
REQUEST_BY_KEY = f"""
    SELECT {REQUEST_COLUMNS} FROM coinpurse.refund_requests
     WHERE payment_id = %(payment_id)s AND request_key = %(request_key)s
"""
REQUESTS = f"""
    SELECT {REQUEST_COLUMNS} FROM coinpurse.refund_requests WHERE payment_id = %(payment_id)s ORDER BY created_at, id
"""
REVIEW = "review:"
ENDED_REVIEWS = """
    SELECT count(*) AS ended FROM coinpurse.refund_requests
     WHERE payment_id = %(payment_id)s AND payment_intent_id = %(intent_id)s AND state <> 'requested'
       AND starts_with(request_key, %(prefix)s)
"""
MADE_AMOUNT = """
    SELECT amount_minor FROM coinpurse.refund_requests
     WHERE payment_id = %(payment_id)s AND payment_intent_id = %(intent_id)s AND state = 'made'
       AND starts_with(request_key, %(prefix)s)
     ORDER BY created_at DESC, id DESC LIMIT 1
"""
# Asked for, or made at Stripe and not yet in our books.
OPEN_AMOUNT = """
    SELECT coalesce(sum(amount_minor), 0)::bigint AS amount_minor FROM coinpurse.refund_requests AS request
     WHERE payment_intent_id = %(intent_id)s
       AND (state = 'requested'
            OR state = 'made' AND NOT EXISTS (SELECT FROM coinpurse.refunds WHERE id = request.refund_id))
"""
# One sender at a time: the turn outlasts every try of the SDK.
TAKE_TURN = f"""
    UPDATE coinpurse.refund_requests SET attempts = attempts + 1, tried_at = now(), updated_at = now()
     WHERE id = %(id)s AND state = 'requested'
       AND (tried_at IS NULL OR tried_at < now() - make_interval(secs => %(turn_seconds)s))
    RETURNING {REQUEST_COLUMNS}
"""
ANSWERED = f"""
    UPDATE coinpurse.refund_requests
       SET state = %(state)s, refund_id = %(refund_id)s, refusal = %(refusal)s, updated_at = now()
     WHERE id = %(id)s AND state = 'requested'
    RETURNING {REQUEST_COLUMNS}
"""
FAILED = "UPDATE coinpurse.refund_requests SET failures = failures + 1 WHERE id = %(id)s"
REQUEST = f"SELECT {REQUEST_COLUMNS} FROM coinpurse.refund_requests WHERE id = %(id)s"
OPEN_REQUESTS = """
    SELECT id FROM coinpurse.refund_requests WHERE state = 'requested' ORDER BY tried_at NULLS FIRST LIMIT %(limit)s
"""


def next_look_up(work: UnitOfWork) -> int:
    """Return the number of a look-up that is about to begin; later ones have larger numbers."""
    row = work.row(NEXT_LOOK_UP)
    assert row is not None
    number: int = row.number
    return number


def note_look_up(work: UnitOfWork, payment_id: UUID, number: int) -> bool:
    """Note the payment's latest look-up; False where a later one is known already."""
    return work.row(NOTE_LOOK_UP, payment_id=payment_id, number=number) is not None


def save_refunds(
    work: UnitOfWork, payment_id: UUID, intent_id: str, refunds: Iterable[Refund]
) -> None:
    """Keep refunds of a payment intent as they stand."""
    for refund in refunds:
        work.execute(
            SAVE_REFUND,
            id=refund.id,
            payment_id=payment_id,
            payment_intent_id=intent_id,
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            status=refund.status,
            reason=refund.reason,
            failure_reason=refund.failure_reason,
            event_at=refund.created_at,
        )


def refunds_of(work: UnitOfWork, payment_id: UUID) -> list[Refund]:
    """Return a payment's refunds, oldest first."""
    return [
        Refund(
            id=row.id,
            status=row.status,
            amount_minor=row.amount_minor,
            currency=row.currency,
            payment_intent_id=row.payment_intent_id,
            created_at=row.event_at,
            reason=row.reason,
            failure_reason=row.failure_reason,
        )
        for row in work.rows(REFUNDS, payment_id=payment_id)
    ]


def save_disputes(
    work: UnitOfWork, payment_id: UUID, intent_id: str, disputes: Iterable[Dispute]
) -> None:
    """Keep disputes of a payment intent as they stand."""
    for dispute in disputes:
        work.execute(
            SAVE_DISPUTE,
            id=dispute.id,
            payment_id=payment_id,
            payment_intent_id=intent_id,
            amount_minor=dispute.amount_minor,
            currency=dispute.currency,
            status=dispute.status,
            reason=dispute.reason,
            withdrawn_minor=dispute.withdrawn_minor,
            reinstated_minor=dispute.reinstated_minor,
            evidence_due_at=dispute.evidence_due_at,
            event_at=dispute.created_at,
        )


def disputes_of(work: UnitOfWork, payment_id: UUID, *, livemode: bool) -> list[Dispute]:
    """Return a payment's disputes, oldest first."""
    return [
        Dispute(
            id=row.id,
            status=row.status,
            amount_minor=row.amount_minor,
            currency=row.currency,
            payment_intent_id=row.payment_intent_id,
            livemode=livemode,
            created_at=row.event_at,
            reason=row.reason,
            withdrawn_minor=row.withdrawn_minor,
            reinstated_minor=row.reinstated_minor,
            evidence_due_at=row.evidence_due_at,
        )
        for row in work.rows(DISPUTES, payment_id=payment_id)
    ]


def save_warnings(
    work: UnitOfWork, payment_id: UUID, warnings: Iterable[FraudWarning]
) -> list[FraudWarning]:
    """Keep fraud warnings; returns those that are new."""
    known = {row.id for row in work.rows(WARNINGS, payment_id=payment_id)}
    new = []
    for warning in warnings:
        work.execute(
            SAVE_WARNING,
            id=warning.id,
            payment_id=payment_id,
            actionable=warning.actionable,
            fraud_type=warning.fraud_type,
            event_at=warning.created_at,
        )
        if warning.id not in known:
            new.append(warning)
    return new


def warnings_of(work: UnitOfWork, payment_id: UUID, *, livemode: bool) -> list[FraudWarning]:
    """Return a payment's fraud warnings, oldest first."""
    return [
        FraudWarning(
            id=row.id,
            actionable=row.actionable,
            fraud_type=row.fraud_type,
            payment_intent_id=None,
            livemode=livemode,
            created_at=row.event_at,
        )
        for row in work.rows(WARNINGS, payment_id=payment_id)
    ]


def requests_of(work: UnitOfWork, payment_id: UUID) -> list[RefundRequest]:
    """Return the refunds that were asked for of a payment, oldest first."""
    return [_request(row) for row in work.rows(REQUESTS, payment_id=payment_id)]


def insert_request(work: UnitOfWork, **values: object) -> RefundRequest:
    """Write a refund request. The payment is locked, and the key is new for it."""
    row = work.row(INSERT_REQUEST, **values)
    assert row is not None
    return _request(row)


def find_request(work: UnitOfWork, payment_id: UUID, request_key: str) -> RefundRequest | None:
    """Return the request that was made for the payment with this key."""
    row = work.row(REQUEST_BY_KEY, payment_id=payment_id, request_key=request_key)
    return row and _request(row)


def next_review_key(work: UnitOfWork, payment_id: UUID, intent_id: str) -> str:
    """Return the key of the refund that settles a review: a new one where the one before has ended."""
    row = work.row(ENDED_REVIEWS, payment_id=payment_id, intent_id=intent_id, prefix=REVIEW)
    assert row is not None
    return f"{REVIEW}{intent_id}:{row.ended}"


def get_request(work: UnitOfWork, request_id: UUID) -> RefundRequest:
    """Return a request that exists."""
    row = work.row(REQUEST, id=request_id)
    assert row is not None
    return _request(row)


def open_amount_minor(work: UnitOfWork, intent_id: str) -> int:
    """Return what was requested of a payment intent and is not in our books yet."""
    row = work.row(OPEN_AMOUNT, intent_id=intent_id)
    assert row is not None
    amount: int = row.amount_minor
    return amount


def take_turn(work: UnitOfWork, request_id: UUID, *, turn_seconds: float) -> RefundRequest | None:
    """Take the turn to ask Stripe; None where it was answered, or somebody else is asking."""
    row = work.row(TAKE_TURN, id=request_id, turn_seconds=turn_seconds)
    return row and _request(row)


def answered(
    work: UnitOfWork,
    request_id: UUID,
    *,
    state: str,
    refund_id: str | None = None,
    refusal: str | None = None,
) -> None:
    """Note how a request ended; nothing where that is known."""
    work.execute(ANSWERED, id=request_id, state=state, refund_id=refund_id, refusal=refusal)


def failed(work: UnitOfWork, request_id: UUID) -> None:
    """Count an answer of Stripe's that was a failure."""
    work.execute(FAILED, id=request_id)


def made_for_review(work: UnitOfWork, payment_id: UUID, intent_id: str) -> int:
    """Return what was last refunded of a payment intent to settle a review, in minor units; 0 where nothing was."""
    row = work.row(MADE_AMOUNT, payment_id=payment_id, intent_id=intent_id, prefix=REVIEW)
    amount: int = 0 if row is None else row.amount_minor
    return amount


def open_requests(work: UnitOfWork, *, limit: int) -> list[UUID]:
    """Return requests that Stripe has not answered, oldest first."""
    return [row.id for row in work.rows(OPEN_REQUESTS, limit=limit)]


def _request(row: Any) -> RefundRequest:
    return RefundRequest(**row._asdict())
