"""Money and coins, payment by payment: the expectation comes from Stripe's state alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tests.simulation.outcome import Outcome
from tests.simulation.sandbox import Json, Truth

# A refund with one of these gives no money back; any other, also one that is not known, does.
NO_REFUND = frozenset({"failed", "canceled"})
# Disputes that are over; what the bank still has of their money is lost.
DECIDED = frozenset({"won", "lost", "prevented"})
SOLD = frozenset({"completed", "partially_refunded", "refunded", "disputed"})
# The beginnings of the event types that the application acts on.
REPORTING = (
    "checkout.session.",
    "payment_intent.succeeded",
    "refund.",
    "charge.refunded",
    "charge.dispute.",
)


@dataclass(frozen=True)
class Money:
    """Where the money of a sold payment is, in minor units. gone: given back or lost for good."""

    gone: int
    charged_back: int
    asked_after: int
    refunded: int

    @classmethod
    def of(cls, truth: Truth, intent_id: str, settings: Json) -> Money:
        """Add up what Stripe says of a payment intent."""
        refunded = sum(
            refund["amount"]
            for refund in truth.refunds
            if refund["payment_intent"] == intent_id and refund["status"] not in NO_REFUND
        )
        lost = open_ = inquiry = 0
        for dispute in truth.disputes:
            if dispute["payment_intent"] != intent_id:
                continue
            missing = -sum(booked["amount"] for booked in dispute["balance_transactions"])
            if dispute["status"].startswith("warning_"):
                inquiry += dispute["amount"] if dispute["status"] != "warning_closed" else 0
            elif dispute["status"] in DECIDED:
                lost += missing
            else:
                open_ += missing
        if settings["COINPURSE_CHARGEBACK_POLICY"] == "claw_back":
            return cls(refunded + lost + open_, 0, _frozen_inquiry(inquiry, settings), refunded)
        return cls(refunded + lost, open_, _frozen_inquiry(inquiry, settings), refunded)


def check_acknowledged(
    truth: Truth, outcome: Outcome, events: list[Json], acknowledged: set[str], settings: Json
) -> list[str]:
    """Return what acknowledged events alone should have brought about, before anything is reconciled.

    A payment whose paid event was answered 200 is credited; one whose every event was is right in all.
    """
    by_subject: dict[str, list[Json]] = defaultdict(list)
    for event in events:
        subject = event["data"]["object"]
        if event["type"].startswith(REPORTING):
            for name in {subject["id"], subject.get("payment_intent")} - {None}:
                by_subject[name].append(event)
    rows = outcome.rows_of_payments()
    wrong = []
    for session in truth.sessions:
        intent_id = session["payment_intent"]
        payment = outcome.payment(session["metadata"].get("payment_id"))
        if session["payment_status"] != "paid" or payment is None:
            continue
        about = {event["id"]: event for event in by_subject[session["id"]] + by_subject[intent_id]}
        told = [e for id_, e in about.items() if id_ in acknowledged and _says_paid(e)]
        credited = [row for row in rows[payment["id"]] if row["type"] == "purchase"]
        name = f"payment {payment['id']} ({payment['status']}), as acknowledged"
        if told and not credited:
            wrong.append(f"{name}: not credited, in spite of {[event['id'] for event in told]}")
        elif (
            credited and about.keys() <= acknowledged and intent_id == payment["payment_intent_id"]
        ):
            wrong += _check_sold(
                name, payment, rows[payment["id"]], intent_id, truth, outcome, settings
            )
    return wrong


def check_payments(truth: Truth, outcome: Outcome, settings: Json) -> list[str]:
    wrong = []
    of_payment: dict[str, list[Json]] = defaultdict(list)
    for session in truth.sessions:
        if "payment_id" in session["metadata"]:
            of_payment[session["metadata"]["payment_id"]].append(session)
    known = {str(payment["id"]) for payment in outcome.payments}
    wrong += [
        f"Stripe has a session of a payment that we lost: {id_}"
        for id_ in of_payment.keys() - known
    ]
    rows = outcome.rows_of_payments()
    for payment in outcome.payments:
        paid = [s for s in of_payment[str(payment["id"])] if s["payment_status"] == "paid"]
        sold = [row for row in rows[payment["id"]] if row["type"] == "purchase"]
        name = f"payment {payment['id']} ({payment['status']})"
        if len(sold) != (1 if paid else 0):
            wrong.append(f"{name}: {len(paid)} paid sessions, credited {len(sold)} times")
            continue
        if (payment["status"] in SOLD) != bool(paid):
            wrong.append(f"{name}: paid is {bool(paid)}")
        if paid:
            if len(paid) > 1 and payment["review_reason"] is None:
                wrong.append(f"{name}: paid twice, and nobody is told")
            intents = [session["payment_intent"] for session in paid]
            if payment["payment_intent_id"] not in intents:
                wrong.append(
                    f"{name}: paid by {intents}, its row says {payment['payment_intent_id']}"
                )
            wrong += _check_sold(
                name,
                payment,
                rows[payment["id"]],
                payment["payment_intent_id"],
                truth,
                outcome,
                settings,
            )
    return wrong


def check_refunds(truth: Truth, outcome: Outcome) -> list[str]:
    """Whatever we were asked to give back was given back once, or refused."""
    made: dict[str, list[str]] = defaultdict(list)
    for refund in truth.refunds:
        if "refund_request" in refund["metadata"]:
            made[refund["metadata"]["refund_request"]].append(refund["id"])
    wrong = []
    for request in outcome.refund_requests:
        expected = [request["refund_id"]] if request["state"] == "made" else []
        if made.pop(str(request["id"]), []) != expected or request["state"] == "requested":
            wrong.append(f"refund request {request} made {expected}")
    wrong += [f"refunds {ids} belong to no request of ours" for ids in made.values()]
    return wrong


def _check_sold(
    name: str,
    payment: Json,
    rows: list[Json],
    intent_id: str,
    truth: Truth,
    outcome: Outcome,
    settings: Json,
) -> list[str]:
    """Coins follow money: the story of one payment, from Stripe's side."""
    total, price = payment["coins"] + payment["bonus"], payment["amount_minor"]
    credit = next(row for row in rows if row["type"] == "purchase")
    wrong = []
    if credit["coins"] != total or credit["user_id"] != payment["user_id"]:
        wrong.append(f"sold {total} to {payment['user_id']}, credited {credit}")
    money = Money.of(truth, intent_id, settings)

    def coins(minor: int) -> int:
        return total * min(minor, price) // price

    take = coins(money.gone)
    owing = coins(money.gone + money.charged_back) - take
    freeze = coins(money.gone + money.charged_back + money.asked_after) - take
    grants = outcome.grants[payment["id"]]
    taken, frozen, free = (
        sum(given[name] for given in grants) for name in ("taken", "frozen", "free")
    )
    claim = outcome.claims.get(payment["id"], {"owed": 0, "forgiven": 0})
    is_short = claim["owed"] + claim["forgiven"]
    facts = f"{money}: take {take}, freeze {freeze}; taken {taken}, frozen {frozen}, {claim}"
    if taken > take or (taken < take and free + frozen > 0):
        wrong.append(f"coins are not taken: {facts}")
    if frozen > freeze or (frozen < freeze and free > 0):
        wrong.append(f"coins are not frozen: {facts}")
    if is_short != take - taken + max(owing - frozen, 0):
        wrong.append(f"spent coins are not accounted for: {facts}")
    if -sum(row["coins"] for row in rows if row is not credit) != taken + claim["owed"]:
        wrong.append(f"its rows say something else: {facts}, {rows}")
    wanted = settings["COINPURSE_SPENT_COINS_POLICY"]
    if claim["forgiven" if wanted != "forgive" else "owed"]:
        wrong.append(f"the policy is {wanted}: {facts}")
    if payment["status"] != _status_of(money, truth, intent_id, price):
        wrong.append(f"it stands as {payment['status']}: {facts}")
    return [f"{name}: {problem}" for problem in wrong]


def _status_of(money: Money, truth: Truth, intent_id: str, price: int) -> str:
    at_bank = any(
        sum(booked["amount"] for booked in dispute["balance_transactions"]) < 0
        for dispute in truth.disputes
        if dispute["payment_intent"] == intent_id
    )
    if at_bank:
        return "disputed"
    if money.refunded >= price:
        return "refunded"
    return "partially_refunded" if money.refunded else "completed"


def _says_paid(event: Json) -> bool:
    subject = event["data"]["object"]
    return event["type"] == "payment_intent.succeeded" or subject.get("payment_status") == "paid"


def _frozen_inquiry(amount: int, settings: Json) -> int:
    return amount if settings["COINPURSE_INQUIRY_POLICY"] == "freeze" else 0
