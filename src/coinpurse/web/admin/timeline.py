"""A payment's timeline in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from coinpurse.back_office import TimelineEntry
from coinpurse.web import formatting
from coinpurse.web.admin import frame
from coinpurse.web.admin.staff import name_of
from coinpurse.web.admin.views import link_to
from coinpurse.web.admin.words import (
    DECISIONS,
    DISPUTE_STATUSES,
    EVENT_STATES,
    REFUND_STATUSES,
    REQUEST_STATES,
    Words,
    words_of,
)
from coinpurse.web.language import lazy_gettext as _
from coinpurse.web.transaction_words import WORDS as TRANSACTIONS

Facts = Mapping[str, object]


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
    "event": Words(_("Event from Stripe"), "calm", "mail"),
    "message": Words(_("Message to the buyer"), "calm", "mail"),
    "delivery": Words(_("Outgoing webhook"), "calm", "out"),
    "audit": Words(_("Action in the back office"), "calm", "person"),
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


def shown(entries: Iterable[TimelineEntry]) -> list[Shown]:
    """Say what happened, in the order that it is given."""
    return [_shown(entry) for entry in entries]


def _shown(entry: TimelineEntry) -> Shown:
    words = KINDS.get(entry.kind) or Words(entry.kind)
    facts = entry.facts
    state = facts.get("status") or facts.get("state")
    look = words_of(STATES[entry.kind], state) if state and entry.kind in STATES else words
    tone = look.tone if entry.kind in ("refund_requested", "dispute", "event") else words.tone
    return Shown(
        at=entry.at,
        title=_title(entry, words),
        detail=" · ".join(each for each in _details(entry.kind, facts) if each),
        tone=tone,
        icon=words.icon,
        who=name_of(entry.actor) if entry.actor else None,
        link=_link(entry),
        stripe_id=entry.reference if entry.stripe_url else None,
    )


def _title(entry: TimelineEntry, words: Words) -> object:
    if entry.kind == "ledger":
        known = TRANSACTIONS.get(str(entry.facts.get("type")))
        return known.name if known else words.name
    if entry.kind == "audit":
        action = str(entry.facts.get("action"))
        return ACTIONS.get(action, action)
    if entry.kind == "event":
        return f"{words.name}: {entry.facts.get('type')}"
    return words.name


def _details(kind: str, facts: Facts) -> list[str]:
    details = [read(facts) for read in READERS]
    state = facts.get("status") or facts.get("state")
    if state and kind in STATES:
        details.insert(0, str(words_of(STATES[kind], state).name))
    return details


def _coins(facts: Facts) -> str:
    coins = facts.get("coins")
    if not isinstance(coins, int) or not coins:
        return ""
    return str(_("%(coins)s coins") % {"coins": formatting.signed_coins(coins)})


def _money(facts: Facts) -> str:
    return frame.amount(facts.get("amount_minor"), facts.get("currency"))


def _text(name: str) -> Callable[[Facts], str]:
    def read(facts: Facts) -> str:
        value = facts.get(name)
        return str(value) if value else ""

    return read


def _decision(facts: Facts) -> str:
    known = DECISIONS.get(str(facts.get("decision")))
    return str(known[0]) if known else ""


READERS: tuple[Callable[[Facts], str], ...] = (
    _money,
    _coins,
    _decision,
    *(
        _text(name)
        for name in ("code", "message", "reason", "note", "detail", "refusal", "failure_reason")
    ),
)


def _link(entry: TimelineEntry) -> str | None:
    if entry.kind == "event" and entry.reference:
        return link_to("events", "show", event_id=entry.reference)
    return None
