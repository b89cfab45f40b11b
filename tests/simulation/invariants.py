"""What must hold once faults have stopped and everything that is due was done.

The expectation is worked out here from Stripe's final state and the journal alone; of the database only the
outcome is read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.simulation.journal import Call, Journal
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
ENDS = frozenset({"processed", "ignored", "foreign"})
GRANT = "payment_id, taken, frozen, remaining - held - frozen AS free"
WALLET = "user_id, balance, held, frozen, debt, blocked"
ROW_TYPES = {
    "credit": "grant",
    "spend": "usage",
    "hold": "hold",
    "capture": "capture",
    "void": "void",
    "reverse": "reversal",
}


@dataclass(frozen=True)
class Outcome:
    """What the database has at the end."""

    payments: list[Json]
    transactions: list[Json]
    wallets: dict[str, Json]
    holds: dict[int, Json]
    claims: dict[Any, Json]
    grants: dict[Any, list[Json]]
    refund_requests: list[Json]
    events: dict[str, str]

    def payment(self, id_: str | None) -> Json | None:
        """Return a payment's row."""
        return next((row for row in self.payments if str(row["id"]) == id_), None)


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
    rows = _rows_of_payments(outcome)
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


def _says_paid(event: Json) -> bool:
    subject = event["data"]["object"]
    return event["type"] == "payment_intent.succeeded" or subject.get("payment_status") == "paid"


def _rows_of_payments(outcome: Outcome) -> dict[Any, list[Json]]:
    rows: dict[Any, list[Json]] = defaultdict(list)
    for row in outcome.transactions:
        if row["payment_id"] is not None:
            rows[row["payment_id"]].append(row)
    return rows


def read_outcome(database_url: str) -> Outcome:
    """Read the tables, without the application."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:

        def rows(table: str, columns: str = "*") -> list[Json]:
            return connection.execute(
                f"SELECT {columns} FROM coinpurse.{table}".encode()
            ).fetchall()

        grants: dict[Any, list[Json]] = defaultdict(list)
        for given in rows("grants", GRANT):
            grants[given["payment_id"]].append(given)
        return Outcome(
            payments=rows("payment_sessions"),
            transactions=rows("transactions"),
            wallets={row["user_id"]: row for row in rows("wallets", WALLET)},
            holds={row["id"]: row for row in rows("holds")},
            claims={row["payment_id"]: row for row in rows("claims")},
            grants=grants,
            refund_requests=rows("refund_requests"),
            events={row["id"]: row["state"] for row in rows("stripe_events")},
        )


def check(
    truth: Truth, outcome: Outcome, journal: Journal, acknowledged: set[str], settings: Json
) -> list[str]:
    """Return what is wrong, in words; empty where all is well. acknowledged: events that were answered 200."""
    return [
        *_check_payments(truth, outcome, settings),
        *_check_refunds(truth, outcome),
        *_check_calls(outcome, journal),
        *_check_wallets(outcome, journal),
        *_check_events(outcome, acknowledged),
    ]


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


def _frozen_inquiry(amount: int, settings: Json) -> int:
    return amount if settings["COINPURSE_INQUIRY_POLICY"] == "freeze" else 0


def _check_payments(truth: Truth, outcome: Outcome, settings: Json) -> list[str]:
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
    rows = _rows_of_payments(outcome)
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


def _check_refunds(truth: Truth, outcome: Outcome) -> list[str]:
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


def _check_calls(outcome: Outcome, journal: Journal) -> list[str]:
    wrong = list(journal.violations)
    rows: dict[str, list[Json]] = defaultdict(list)
    for row in outcome.transactions:
        if row["idempotency_key"].startswith("api:"):
            rows[row["idempotency_key"].removeprefix("api:")].append(row)
    keys = {call.key for call in journal.calls.values()}
    wrong += [
        f"a row that nobody asked for: {row}" for key in rows.keys() - keys for row in rows[key]
    ]
    for call in journal.calls.values():
        wrong += [
            f"{call}: {problem}" for problem in _check_call(call, rows[call.key], outcome, journal)
        ]
    return wrong


def _check_call(call: Call, rows: list[Json], outcome: Outcome, journal: Journal) -> list[str]:
    if call.tries and not call.is_done:
        return ["was never answered"]
    if len(rows) != (1 if call.succeeded else 0):
        return [f"has {len(rows)} rows"]
    if not call.succeeded:
        return []
    row = rows[0]
    if call.kind == "hold":
        told, asked = ("hold", call.answer["hold_id"], call.coins), call.coins
        found, moved = (row["type"], row["hold_id"], row["held"]), row["held"]
    else:
        told = (ROW_TYPES[call.kind], call.answer["id"], call.answer["coins"])
        found, asked, moved = (row["type"], row["id"], row["coins"]), call.coins, abs(row["coins"])
    problems = [f"was answered {told}, is the row {row}"] if told != found else []
    if asked not in (None, moved):
        problems.append(f"asked for {asked} coins, moved {moved}")
    if call.kind in ("capture", "void"):
        assert call.about is not None
        hold = outcome.holds[journal.calls[call.about].answer["hold_id"]]
        ending = "captured" if call.kind == "capture" else "voided"
        if (hold["state"], hold["captured"]) != (ending, -row["coins"]):
            problems.append(f"ended the hold as {hold}")
    return problems


def _check_wallets(outcome: Outcome, journal: Journal) -> list[str]:
    """Every wallet is what its purchases, its calls and its refunds leave, and not more."""
    wrong = []
    balance: Counter[str] = Counter()
    for call in journal.calls.values():
        if not call.succeeded or call.kind in ("hold", "void"):
            continue
        user = str(call.answer["user_id"])
        given = call.kind in ("credit", "reverse")
        moved = call.coins if call.coins is not None else abs(call.answer["coins"])
        balance[user] += moved if given else -moved
    for row in outcome.transactions:
        if row["payment_id"] is not None:
            balance[row["user_id"]] += row["coins"]
    for user, wallet in outcome.wallets.items():
        if wallet["balance"] != balance[user]:
            wrong.append(f"wallet {user} has {wallet['balance']}, its story is {balance[user]}")
        if wallet["balance"] + wallet["debt"] < 0 or wallet["debt"] < 0:
            wrong.append(f"wallet {user} is overdrawn: {wallet}")
    wrong += [
        f"wallet {user} is missing"
        for user in balance.keys() - outcome.wallets.keys()
        if balance[user]
    ]
    reversed_: Counter[int] = Counter()
    sizes = {row["id"]: -row["coins"] for row in outcome.transactions}
    for row in outcome.transactions:
        if row["type"] == "reversal":
            reversed_[row["reverses"]] += row["coins"]
    wrong += [
        f"row {id_} was reversed twice" for id_, coins in reversed_.items() if coins > sizes[id_]
    ]
    return wrong


def _check_events(outcome: Outcome, acknowledged: set[str]) -> list[str]:
    lost = acknowledged - outcome.events.keys()
    wrong = [f"event {id_} was answered 200 and is not stored" for id_ in sorted(lost)]
    wrong += [
        f"event {id_} is still {state}"
        for id_, state in outcome.events.items()
        if state not in ENDS
    ]
    return wrong
