"""A payment's timeline in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from coinpurse.back_office import TimelineEntry
from coinpurse.web import formatting
from coinpurse.web.admin import frame
from coinpurse.web.admin.staff import learn_names, name_of
from coinpurse.web.admin.views import link_to
from coinpurse.web.admin.words import (
    DECISIONS,
    DISPUTE_REASONS,
    DISPUTE_STATUSES,
    EVENT_STATES,
    REFUND_REASONS,
    REFUND_STATUSES,
    REQUEST_STATES,
    Words,
    words_of,
)
from coinpurse.web.language import lazy_gettext as _
from coinpurse.web.transaction_words import WORDS as TRANSACTIONS

# Kinds whose reference is an object of its own at Stripe; others repeat the payment's.
ON_STRIPE = frozenset({"refund", "dispute", "fraud_warning"})


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it is shown. link: to a page of ours; stripe_id: leads to Stripe's Dashboard."""

    at: datetime
    title: object
    detail: str
    tone: str
    icon: str
    who: str | None = None
    link: str | None = None
    stripe_id: str | None = None


KINDS: dict[str, Words] = {
    "created": Words(_("Order made"), "calm", "plus"),
    "checkout_opened": Words(_("Checkout opened at Stripe"), "calm", "out"),
    "checkout_failed": Words(_("Stripe could not open the checkout"), "warn", "cross"),
    "cancel_requested": Words(_("Closing was asked for"), "calm", "cross"),
    "declined": Words(_("Declined by the bank"), "warn", "cross"),
    "settling": Words(_("Paid by a method that settles later"), "wait", "bank"),
    "completed": Words(_("Paid"), "good", "check"),
    "review_opened": Words(_("Sent to a person"), "wait", "person"),
    "review_settled": Words(_("Settled by a person"), "good", "person"),
    "ledger": Words(_("Coins moved"), "good", "plus"),
    "refund_requested": Words(_("Refund asked for"), "wait", "back"),
    "refund": Words(_("Refund"), "calm", "back"),
    "dispute": Words(_("Dispute"), "warn", "alert"),
    "fraud_warning": Words(_("Fraud warning by the card's issuer"), "warn", "alert"),
    "event": Words(_("Event from Stripe"), "calm", "dot"),
    "message": Words(_("Announced"), "calm", "dot"),
    "delivery": Words(_("Delivery"), "calm", "out"),
    "audit": Words(_("Action in the back office"), "calm", "person"),
}
# What a delivery is called, by its channel.
DELIVERIES: dict[str, Words] = {
    "mail": Words(_("Mail to the buyer"), "calm", "mail"),
    "alert": Words(_("Alert to you"), "calm", "alert"),
    "webhook": Words(_("Outgoing webhook"), "calm", "out"),
}
ACTIONS: dict[str, object] = {
    "payment.refund": _("Gave money back"),
    "payment.review": _("Settled the review"),
    "payment.cancel": _("Closed the checkout"),
    "event.replay": _("Replayed an event"),
    "wallet.unblock": _("Let the wallet spend again"),
}
# Which states the `status` or `state` of each kind belongs to.
STATES: dict[str, dict[str, Words]] = {
    "refund": REFUND_STATUSES,
    "refund_requested": REQUEST_STATES,
    "dispute": DISPUTE_STATUSES,
    "event": EVENT_STATES,
}


# Changes of a wallet besides its balance.
CHANGES: dict[str, object] = {
    "held": _("reserved %(coins)s"),
    "frozen": _("frozen %(coins)s"),
    "debt": _("owed %(coins)s"),
    "forgiven": _("forgiven %(coins)s"),
}
REASONS: dict[str, dict[str, str]] = {
    "refund": REFUND_REASONS,
    "refund_requested": REFUND_REASONS,
    "dispute": DISPUTE_REASONS,
}
# What else an entry of each kind says, in this order.
TOLD: dict[str, tuple[str, ...]] = {
    "declined": ("code", "message"),
    "checkout_failed": ("reason",),
    "review_opened": ("reason",),
    "review_settled": ("note",),
    "refund_requested": ("refusal",),
    "refund": ("failure_reason",),
    "fraud_warning": ("type",),
    "message": ("type",),
    "delivery": ("type", "last_error"),
    "audit": ("reason",),
}


def shown(entries: Iterable[TimelineEntry]) -> list[Shown]:
    """Say what happened, in the order that it is given."""
    known = list(entries)
    learn_names(entry.actor for entry in known if entry.actor)
    return [_shown(entry) for entry in known]


def _shown(entry: TimelineEntry) -> Shown:
    words = _words(entry)
    state = _state(entry)
    details = [_sold(entry), _money(entry), _coins(entry), *_changes(entry)]
    if state is not None:
        details.append(str(state.name))
    details += [_decision(entry), _reason(entry), *_told(entry)]
    look = state if state is not None and entry.kind != "refund" else words
    return Shown(
        at=entry.at,
        title=_title(entry, words),
        detail=" · ".join(each for each in details if each),
        tone=look.tone,
        icon=words.icon,
        who=name_of(entry.actor) if entry.actor else None,
        link=_link(entry),
        stripe_id=entry.reference if entry.stripe_url and entry.kind in ON_STRIPE else None,
    )


def _words(entry: TimelineEntry) -> Words:
    if entry.kind == "delivery":
        return DELIVERIES.get(str(entry.facts.get("channel"))) or KINDS["delivery"]
    return KINDS.get(entry.kind) or Words(entry.kind)


def _title(entry: TimelineEntry, words: Words) -> object:
    if entry.kind == "ledger":
        known = TRANSACTIONS.get(str(entry.facts.get("type")))
        return known.name if known else words.name
    if entry.kind == "audit":
        action = str(entry.facts.get("action"))
        return ACTIONS.get(action, action)
    if entry.kind == "event":
        return entry.facts.get("type") or words.name
    return words.name


def _state(entry: TimelineEntry) -> Words | None:
    state = entry.facts.get("status") or entry.facts.get("state")
    table = STATES.get(entry.kind)
    return words_of(table, state) if state and table is not None else None


def _sold(entry: TimelineEntry) -> str:
    return str(entry.facts.get("pack_sku") or "")


def _money(entry: TimelineEntry) -> str:
    return frame.amount(entry.facts.get("amount_minor"), entry.facts.get("currency"))


def _coins(entry: TimelineEntry) -> str:
    coins = entry.facts.get("coins")
    if entry.kind != "ledger" or not isinstance(coins, int) or not coins:
        return ""
    balance = entry.facts.get("balance_after")
    if not isinstance(balance, int):
        return formatting.signed_coins(coins)
    facts = {"coins": formatting.signed_coins(coins), "balance": formatting.coins(balance)}
    return str(_("%(coins)s coins, balance %(balance)s") % facts)


def _changes(entry: TimelineEntry) -> list[str]:
    changes = [(words, entry.facts.get(name)) for name, words in CHANGES.items()]
    return [
        str(words) % {"coins": formatting.signed_coins(coins)}
        for words, coins in changes
        if isinstance(coins, int) and coins
    ]


def _decision(entry: TimelineEntry) -> str:
    known = DECISIONS.get(str(entry.facts.get("decision")))
    return str(known[0]) if known else ""


def _reason(entry: TimelineEntry) -> str:
    table = REASONS.get(entry.kind)
    reason = str(entry.facts.get("reason") or "")
    return "" if table is None else str(table.get(reason, reason))


def _told(entry: TimelineEntry) -> list[str]:
    return [str(entry.facts.get(name) or "") for name in TOLD.get(entry.kind, ())]


def _link(entry: TimelineEntry) -> str | None:
    if entry.kind == "event" and entry.reference:
        return link_to("events", "show", event_id=entry.reference)
    return None
