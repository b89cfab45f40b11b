"""What must hold once faults have stopped and everything that is due was done.

The expectation is worked out from Stripe's final state and the journal alone; of the database only the outcome is
read.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from tests.simulation.journal import Call, Journal
from tests.simulation.money import check_payments, check_refunds
from tests.simulation.outcome import Outcome
from tests.simulation.sandbox import Json, Truth

ENDS = frozenset({"processed", "ignored", "foreign"})

ROW_TYPES = {
    "credit": "grant",
    "spend": "usage",
    "hold": "hold",
    "capture": "capture",
    "void": "void",
    "reverse": "reversal",
}


def check(
    truth: Truth, outcome: Outcome, journal: Journal, acknowledged: set[str], settings: Json
) -> list[str]:
    """Return what is wrong, in words; empty where all is well. acknowledged: events that were answered 200."""
    return [
        *check_payments(truth, outcome, settings),
        *check_refunds(truth, outcome),
        *_check_calls(outcome, journal),
        *_check_wallets(outcome, journal),
        *_check_blocks(outcome, settings),
        *_check_events(outcome, acknowledged),
        *_check_messages(outcome),
    ]


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


def _check_blocks(outcome: Outcome, settings: Json) -> list[str]:
    """A wallet is blocked while it owes, if that is the policy, and never otherwise."""
    owing = {claim["user_id"] for claim in outcome.claims.values() if claim["owed"] > 0}
    expected = owing if settings["COINPURSE_SPENT_COINS_POLICY"] == "block" else set()
    blocked = {user for user, wallet in outcome.wallets.items() if wallet["blocked"]}
    return [f"blocked are {blocked}, should be {expected}"] if blocked != expected else []


def _check_events(outcome: Outcome, acknowledged: set[str]) -> list[str]:
    lost = acknowledged - outcome.events.keys()
    wrong = [f"event {id_} was answered 200 and is not stored" for id_ in sorted(lost)]
    wrong += [
        f"event {id_} is still {state}"
        for id_, state in outcome.events.items()
        if state not in ENDS
    ]
    return wrong


def _check_messages(outcome: Outcome) -> list[str]:
    """Each credited payment was announced once, and no other."""
    told = Counter(
        row["payment_id"] for row in outcome.messages if row["type"] == "payment.completed"
    )
    credited = {row["id"] for row in outcome.payments if row["transaction_id"] is not None}
    wrong = [
        f"payment {id_} was announced {count} times" for id_, count in told.items() if count > 1
    ]
    wrong += [f"payment {id_} was credited and not announced" for id_ in credited - told.keys()]
    wrong += [f"payment {id_} was announced and not credited" for id_ in told.keys() - credited]
    return wrong
