"""The SQL of payment sessions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from coinpurse.db import UnitOfWork
from coinpurse.money import Money
from coinpurse.purchases.rules import Payment
from coinpurse.purchases.terms import Standing

COLUMNS = ", ".join(
    [
        *(field.name for field in fields(Payment) if field.name != "price"),
        "amount_minor",
        "currency",
    ]
)
INSERT = f"""
    INSERT INTO coinpurse.payment_sessions (id, user_id, pack_sku, coins, bonus, amount_minor, currency, livemode,
                                            request_key, request_digest, stripe_parameters, locale,
                                            first_bonus, bonus_expires_days)
    VALUES (%(id)s, %(user_id)s, %(pack_sku)s, %(coins)s, %(bonus)s, %(amount_minor)s, %(currency)s, %(livemode)s,
            %(request_key)s, %(request_digest)s, %(stripe_parameters)s, %(locale)s, %(first_bonus)s,
            %(bonus_expires_days)s)
    ON CONFLICT (user_id, request_key) DO NOTHING
    RETURNING {COLUMNS}
"""
BY_REQUEST = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE user_id = %(user_id)s AND request_key = %(request_key)s
"""
BY_SESSION = f"SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE session_id = %(session_id)s"
BY_INTENT = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE payment_intent_id = %(intent_id)s
     ORDER BY completed_at NULLS LAST LIMIT 1
"""
BY_ID = f"SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE id = %(id)s"
LOCK = f"{BY_ID} FOR NO KEY UPDATE"
OF_USER = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions
     WHERE user_id = %(user_id)s ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
LATEST = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions
     WHERE (CAST(%(status)s AS text) IS NULL OR status = %(status)s)
       AND (NOT %(in_review)s OR (review_reason IS NOT NULL AND reviewed_at IS NULL))
     ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
MATCHING = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE id = ANY (%(ids)s) OR session_id = ANY (%(session_ids)s)
"""
OF_INTENTS = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions WHERE payment_intent_id = ANY (%(intent_ids)s)
"""
RECONCILED = """
    UPDATE coinpurse.payment_sessions SET reconciled_at = %(at)s WHERE id = ANY (%(ids)s)
"""
# Open ones of any age: a delayed method may outlive every window.
UNRECONCILED = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions
     WHERE id > %(after)s AND (status = 'pending' OR (created_at >= %(since)s AND transaction_id IS NOT NULL))
       AND created_at < %(at)s AND (reconciled_at IS NULL OR reconciled_at < %(at)s)
     ORDER BY id LIMIT %(limit)s
"""
REBUILD = f"""
    INSERT INTO coinpurse.payment_sessions (id, session_id, user_id, pack_sku, coins, bonus, amount_minor, currency,
                                            livemode, request_digest, stripe_parameters, review_reason,
                                            review_intent_id, created_at, first_bonus, bonus_expires_days)
    VALUES (%(id)s, %(session_id)s, %(user_id)s, %(pack_sku)s, %(coins)s, %(bonus)s, %(amount_minor)s, %(currency)s,
            %(livemode)s, '', '{{}}', %(review_reason)s, %(review_intent_id)s, %(created_at)s, %(first_bonus)s,
            %(bonus_expires_days)s)
    ON CONFLICT DO NOTHING RETURNING {COLUMNS}
"""
# Nobody else starts a checkout for this user meanwhile; that others share the number costs a wait.
LOCK_BUYER = "SELECT pg_advisory_xact_lock(hashtextextended('coinpurse.buyer:' || %(user_id)s, 0))"
# Paid, whatever became of it, or with money that is on its way or waits for a person.
BOUGHT = (
    "(transaction_id IS NOT NULL OR (status = 'pending' AND settling_at IS NOT NULL)"
    " OR (review_reason IS NOT NULL AND reviewed_at IS NULL))"
)
STANDING = f"""
    SELECT pack_sku, count(*) AS times, bool_or(transaction_id IS NOT NULL OR first_bonus > 0) AS takes_first
      FROM coinpurse.payment_sessions
     WHERE user_id = %(user_id)s AND livemode = %(livemode)s AND {BOUGHT} GROUP BY pack_sku
"""
# One whose call of Stripe has no answer after this time was given up; its repeat asks for its place again.
OPEN = f"""
    SELECT {COLUMNS} FROM coinpurse.payment_sessions
     WHERE user_id = %(user_id)s AND livemode = %(livemode)s AND id <> %(besides)s AND status = 'pending'
       AND reviewed_at IS NULL AND NOT {BOUGHT}
       AND (session_id IS NOT NULL OR updated_at > now() - make_interval(secs => %(opening_seconds)s))
     ORDER BY created_at, id
"""
REOPEN = """
    UPDATE coinpurse.payment_sessions SET status = 'pending', failure_reason = NULL, updated_at = now()
     WHERE id = %(id)s AND status IN ('pending', 'failed') AND session_id IS NULL
"""
NOW = "SELECT clock_timestamp() AS now"
OPENED = """
    UPDATE coinpurse.payment_sessions
       SET session_id = %(session_id)s, checkout_url = %(checkout_url)s, updated_at = now(),
           status = CASE WHEN status = 'failed' THEN 'pending' ELSE status END, failure_reason = NULL
     WHERE id = %(id)s AND (session_id IS NULL OR session_id = %(session_id)s)
"""
FAILED = """
    UPDATE coinpurse.payment_sessions
       SET status = 'failed', failure_reason = %(reason)s, updated_at = now()
     WHERE id = %(id)s AND status = 'pending' AND session_id IS NULL
"""
CHANGED = """
    UPDATE coinpurse.payment_sessions
       SET status = %(status)s, session_id = %(session_id)s, payment_intent_id = %(payment_intent_id)s,
           settling_at = %(settling_at)s, decline_code = %(decline_code)s, decline_message = %(decline_message)s,
           declined_at = %(declined_at)s, failure_reason = %(failure_reason)s, review_reason = %(review_reason)s,
           paid_minor = %(paid_minor)s, paid_currency = %(paid_currency)s,
           review_intent_id = %(review_intent_id)s, review_note = %(review_note)s, reviewed_at = %(reviewed_at)s,
           refunded_minor = %(refunded_minor)s, disputed_minor = %(disputed_minor)s,
           fraud_warning_at = %(fraud_warning_at)s, buyer_email = %(buyer_email)s,
           completed_at = %(completed_at)s, transaction_id = %(transaction_id)s, updated_at = now()
     WHERE id = %(id)s
"""
CANCEL_REQUESTED = """
    UPDATE coinpurse.payment_sessions SET cancel_requested_at = coalesce(cancel_requested_at, now()),
           updated_at = now()
     WHERE id = %(id)s AND status = 'pending'
"""
MAY_CHECK = """
    UPDATE coinpurse.payment_sessions SET checked_at = now()
     WHERE id = %(id)s AND (checked_at IS NULL OR checked_at <= now() - make_interval(secs => %(interval_seconds)s))
    RETURNING id
"""


def insert(
    work: UnitOfWork,
    *,
    id_: UUID,
    user_id: str,
    pack_sku: str,
    coins: int,
    bonus: int,
    price: Money,
    livemode: bool,
    request_key: str | None,
    request_digest: bytes,
    stripe_parameters: dict[str, object],
    locale: str | None = None,
    first_bonus: int = 0,
    bonus_expires_days: int | None = None,
) -> Payment | None:
    """Write the row of a new checkout. None where the user has used the request key before."""
    row = work.row(
        INSERT,
        id=id_,
        user_id=user_id,
        pack_sku=pack_sku,
        coins=coins,
        bonus=bonus,
        amount_minor=price.amount_minor,
        currency=price.currency,
        livemode=livemode,
        request_key=request_key,
        request_digest=request_digest,
        stripe_parameters=json.dumps(stripe_parameters),
        locale=locale,
        first_bonus=first_bonus,
        bonus_expires_days=bonus_expires_days,
    )
    return row and _payment(row)


def find_by_request(work: UnitOfWork, user_id: str, request_key: str) -> Payment | None:
    """Return the checkout that the user opened with this request key."""
    row = work.row(BY_REQUEST, user_id=user_id, request_key=request_key)
    return row and _payment(row)


def find_by_session(work: UnitOfWork, session_id: str) -> Payment | None:
    """Return the payment of Stripe's checkout session."""
    row = work.row(BY_SESSION, session_id=session_id)
    return row and _payment(row)


def find_by_intent(work: UnitOfWork, intent_id: str) -> Payment | None:
    """Return the payment that was paid, or tried, with Stripe's payment intent."""
    row = work.row(BY_INTENT, intent_id=intent_id)
    return row and _payment(row)


def find(work: UnitOfWork, payment_id: UUID) -> Payment | None:
    """Return the payment."""
    row = work.row(BY_ID, id=payment_id)
    return row and _payment(row)


def lock(work: UnitOfWork, payment_id: UUID) -> Payment | None:
    """Return the payment as it stands once nobody else is changing it; holds it to the end of the work."""
    row = work.row(LOCK, id=payment_id)
    return row and _payment(row)


def payments_of(work: UnitOfWork, user_id: str, *, limit: int) -> list[Payment]:
    """Return the user's payments, newest first."""
    return [_payment(row) for row in work.rows(OF_USER, user_id=user_id, limit=limit)]


def all_payments(
    work: UnitOfWork, *, status: str | None, in_review: bool, limit: int
) -> list[Payment]:
    """Return everybody's payments, newest first."""
    return [
        _payment(row) for row in work.rows(LATEST, status=status, in_review=in_review, limit=limit)
    ]


def matching(work: UnitOfWork, ids: Sequence[UUID], session_ids: Sequence[str]) -> list[Payment]:
    """Return the payments that have one of our ids or of Stripe's session ids."""
    return [_payment(row) for row in work.rows(MATCHING, ids=ids, session_ids=session_ids)]


def of_intents(work: UnitOfWork, intent_ids: Sequence[str]) -> list[Payment]:
    """Return the payments that were paid, or tried, with one of the payment intents."""
    return [_payment(row) for row in work.rows(OF_INTENTS, intent_ids=intent_ids)]


def mark_reconciled(work: UnitOfWork, ids: Sequence[UUID], *, at: datetime) -> None:
    """Note that the payments were compared with Stripe by the reconciliation that began at the moment."""
    work.execute(RECONCILED, ids=ids, at=at)


def unreconciled(
    work: UnitOfWork, *, after: UUID, since: datetime, at: datetime, limit: int
) -> list[Payment]:
    """Return payments that are open, or credited since a moment, and were not compared by that reconciliation."""
    rows = work.rows(UNRECONCILED, after=after, since=since, at=at, limit=limit)
    return [_payment(row) for row in rows]


def rebuild(work: UnitOfWork, **values: object) -> Payment | None:
    """Write the row of a payment that Stripe knows and we have lost. None where it is there."""
    row = work.row(REBUILD, **values)
    return row and _payment(row)


def lock_buyer(work: UnitOfWork, user_id: str) -> None:
    """Start no other checkout for the user before the work has ended. Taken before any row's lock."""
    work.execute(LOCK_BUYER, user_id=user_id)


def standing_of(work: UnitOfWork, user_id: str, *, livemode: bool) -> Standing:
    """Return what the user has bought for good. livemode: with real money, or in test mode."""
    rows = work.rows(STANDING, user_id=user_id, livemode=livemode)
    return Standing(
        bought={row.pack_sku: row.times for row in rows},
        may_have_first_bonus=not any(row.takes_first for row in rows),
    )


def open_checkouts(
    work: UnitOfWork, user_id: str, *, livemode: bool, besides: UUID, opening_seconds: float
) -> list[Payment]:
    """Return the user's checkouts that can still be paid, oldest first. besides: one that is left out.

    opening_seconds: how long one that Stripe has not answered for counts.
    """
    rows = work.rows(
        OPEN,
        user_id=user_id,
        livemode=livemode,
        besides=besides,
        opening_seconds=opening_seconds,
    )
    return [_payment(row) for row in rows]


def reopen(work: UnitOfWork, payment_id: UUID) -> None:
    """Let a checkout that Stripe did not open count as open, before Stripe is asked again."""
    work.execute(REOPEN, id=payment_id)


def now(work: UnitOfWork) -> datetime:
    """The database's clock."""
    row = work.row(NOW)
    assert row is not None
    moment: datetime = row.now
    return moment


def opened(
    work: UnitOfWork, payment_id: UUID, *, session_id: str, checkout_url: str | None
) -> None:
    """Note the session that Stripe made. Repeatable."""
    work.execute(OPENED, id=payment_id, session_id=session_id, checkout_url=checkout_url)


def failed(work: UnitOfWork, payment_id: UUID, reason: str) -> None:
    """End a checkout that Stripe did not open."""
    work.execute(FAILED, id=payment_id, reason=reason)


def save(work: UnitOfWork, payment: Payment) -> None:
    """Write what a report or a look-up changed. The row is locked."""
    work.execute(
        CHANGED,
        id=payment.id,
        status=payment.status,
        session_id=payment.session_id,
        payment_intent_id=payment.payment_intent_id,
        settling_at=payment.settling_at,
        decline_code=payment.decline_code,
        decline_message=payment.decline_message,
        declined_at=payment.declined_at,
        failure_reason=payment.failure_reason,
        review_reason=payment.review_reason,
        paid_minor=payment.paid_minor,
        paid_currency=payment.paid_currency,
        review_intent_id=payment.review_intent_id,
        review_note=payment.review_note,
        reviewed_at=payment.reviewed_at,
        refunded_minor=payment.refunded_minor,
        disputed_minor=payment.disputed_minor,
        fraud_warning_at=payment.fraud_warning_at,
        buyer_email=payment.buyer_email,
        completed_at=payment.completed_at,
        transaction_id=payment.transaction_id,
    )


def cancel_requested(work: UnitOfWork, payment_id: UUID) -> None:
    """Note that the buyer gave up, before Stripe is told; a pending payment only."""
    work.execute(CANCEL_REQUESTED, id=payment_id)


def may_check(work: UnitOfWork, payment_id: UUID, *, interval_seconds: float) -> bool:
    """Take the turn to look the payment up at Stripe, once in an interval whoever asks."""
    return work.row(MAY_CHECK, id=payment_id, interval_seconds=interval_seconds) is not None


def _payment(row: Any) -> Payment:
    values = dict(row._asdict())
    price = Money(values.pop("amount_minor"), values.pop("currency"))
    return Payment(price=price, **values)
