"""What refunds and disputes ask of a payment's coins. Pure: no I/O.

Everything follows from what Stripe says now, all of it, and never from what an event adds to what was before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal
from uuid import UUID

from coinpurse.ledger import SpentPolicy
from coinpurse.ledger.rules import ClaimCause
from coinpurse.ports import Dispute, Refund
from coinpurse.purchases import Payment

REASONS = ("duplicate", "fraudulent", "requested_by_customer")

# The money of these has come back to us. Every other status counts, also one that is not known yet.
RETURNED = frozenset({"failed", "canceled"})


class Standing(Enum):
    """How a dispute stands for the buyer's coins."""

    INQUIRY = "inquiry"
    OPEN = "open"
    LOST = "lost"
    OVER = "over"


# Stripe adds statuses: one that is not here is an inquiry where it says `warning_`, else an open chargeback.
STANDINGS = {
    "warning_needs_response": Standing.INQUIRY,
    "warning_under_review": Standing.INQUIRY,
    "warning_closed": Standing.OVER,
    "needs_response": Standing.OPEN,
    "under_review": Standing.OPEN,
    "appeal_needs_response": Standing.OPEN,
    "appeal_under_review": Standing.OPEN,
    "won": Standing.OVER,
    # Settled before it became a chargeback; the refund that settled it says the rest.
    "prevented": Standing.OVER,
    "lost": Standing.LOST,
}


@dataclass(frozen=True, slots=True)
class Policies:
    """What the operator decided, by the names of the settings."""

    spent_coins: SpentPolicy = "debt"
    chargeback: Literal["freeze", "claw_back"] = "freeze"
    inquiry: Literal["freeze", "ignore"] = "freeze"
    fraud_warning: Literal["flag", "refund"] = "flag"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is asked of a payment's coins, and how the payment stands.

    taking, freezing, owing: coins, as `ledger.claim` takes them. objection: why a person must look.
    """

    taking: int
    freezing: int
    owing: int
    cause: ClaimCause
    refunded_minor: int
    disputed_minor: int
    status: str
    description: str
    objection: str | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A refund that somebody asked us for; kept before Stripe is asked.

    state: requested (Stripe has not answered yet; the worker asks again), made or refused (`refusal` says why).
    failures: how often Stripe answered that it had failed.
    """

    id: UUID
    payment_id: UUID
    payment_intent_id: str
    amount_minor: int
    currency: str
    reason: str | None
    actor: str | None
    request_key: str
    state: str
    refund_id: str | None
    refusal: str | None
    attempts: int
    failures: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefundPreview:
    """What a refund would do. coins: to take back; of them `taken` are there, `owed` become debt.

    forgiven: spent coins that are not asked for. left_minor: all that could be given back at this moment.
    """

    amount_minor: int
    currency: str
    coins: int
    taken: int
    owed: int
    forgiven: int
    left_minor: int


def standing_of(status: str) -> Standing:
    """How a dispute of this status stands."""
    fallback = Standing.INQUIRY if status.startswith("warning_") else Standing.OPEN
    return STANDINGS.get(status, fallback)


def refunded_minor(refunds: Iterable[Refund]) -> int:
    """The money that went back, or is on its way."""
    return sum(refund.amount_minor for refund in refunds if refund.status not in RETURNED)


def claim_of(
    payment: Payment, refunds: Iterable[Refund], disputes: Iterable[Dispute], policies: Policies
) -> Claim:
    """Compute what a payment's refunds and disputes, all together, ask of its coins.

    Coins follow money in proportion, rounded in the buyer's favour; the whole money takes all coins.
    """
    refunds = [refund for refund in refunds if _is_of(payment, refund)]
    own = [refund for refund in refunds if refund.currency == payment.paid.currency]
    foreign = [refund for refund in refunds if refund.currency != payment.paid.currency]
    refunded = refunded_minor(own)
    disputed = dict.fromkeys(Standing, 0)
    for dispute in disputes:
        if not _is_of(payment, dispute):
            continue
        disputed[standing_of(dispute.status)] += _disputed_minor(payment, dispute)
    lost = disputed[Standing.LOST] + disputed[Standing.OVER]
    chargebacks = disputed[Standing.OPEN]
    if policies.chargeback == "claw_back":
        lost, chargebacks = lost + chargebacks, 0
    inquiries = disputed[Standing.INQUIRY] if policies.inquiry == "freeze" else 0

    taking = _coins_for(payment, refunded + lost)
    with_chargebacks = _coins_for(payment, refunded + lost + chargebacks)
    at_stake = _coins_for(payment, refunded + lost + chargebacks + inquiries)
    # What is left under OVER is the part that a won dispute did not bring back.
    at_bank = disputed[Standing.OPEN] + disputed[Standing.LOST] + disputed[Standing.OVER]
    return Claim(
        taking=taking,
        freezing=at_stake - taking,
        owing=with_chargebacks - taking,
        cause="dispute" if any(disputed.values()) else "refund",
        refunded_minor=refunded,
        disputed_minor=at_bank,
        status=_status(payment, refunded, at_bank),
        description=_describe(refunded, disputed),
        objection=_objection(payment, refunded, foreign) if payment.is_credited else None,
    )


def _is_of(payment: Payment, item: Refund | Dispute) -> bool:
    """Whether it is about the money that the coins were credited for, not about a second payment of the order."""
    return item.payment_intent_id in (None, payment.payment_intent_id)


def _coins_for(payment: Payment, amount_minor: int) -> int:
    paid = payment.paid.amount_minor
    return payment.total_coins * min(amount_minor, paid) // paid if paid else 0


def _disputed_minor(payment: Payment, dispute: Dispute) -> int:
    """The part of a dispute that is not, or not yet, back with us."""
    # Stripe may count a dispute in another currency; then it is about the whole payment, as most are.
    same = dispute.currency == payment.paid.currency
    amount = dispute.amount_minor if same else payment.paid.amount_minor
    standing = standing_of(dispute.status)
    if dispute.reinstated_minor > 0 and dispute.withdrawn_minor > 0:
        missing = max(dispute.withdrawn_minor - dispute.reinstated_minor, 0)
        return amount * missing // dispute.withdrawn_minor
    return 0 if standing is Standing.OVER else amount


def _status(payment: Payment, refunded: int, at_bank: int) -> str:
    whole = refunded >= payment.paid.amount_minor
    if not payment.is_credited:
        came_back = payment.status == "refunded"
        return "refunded" if whole else "failed" if came_back else payment.status
    if at_bank:
        return "disputed"
    if whole:
        return "refunded"
    return "partially_refunded" if refunded else "completed"


def _describe(refunded: int, disputed: dict[Standing, int]) -> str:
    if disputed[Standing.OPEN] or disputed[Standing.LOST] or disputed[Standing.OVER]:
        return "Payment disputed"
    if disputed[Standing.INQUIRY]:
        return "Bank asks about the payment"
    return "Payment refunded" if refunded else "Refund or dispute undone"


def _objection(payment: Payment, refunded: int, foreign: list[Refund]) -> str | None:
    if foreign:
        return (
            f"refund {foreign[0].id} is in {foreign[0].currency}, the payment in {payment.paid.currency};"
            " its coins were not taken"
        )
    if refunded > payment.paid.amount_minor:
        return f"{refunded} were refunded (minor units), {payment.paid.amount_minor} were paid"
    return None
