"""Stripe's events: the list, and one event with its payload, its error and a further try."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import ClassVar

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, Column, Row
from coinpurse.errors import NotFound
from coinpurse.inbox import StoredEvent
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.list_words import label_of
from coinpurse.web.admin.lists import Cell, ListPage
from coinpurse.web.admin.views import expose, go_to, link_to, member_id
from coinpurse.web.admin.words import EVENT_STATES, PAYMENT_STATUSES, Words, words_of
from coinpurse.web.language import lazy_gettext as _

REPLAY: Action = "replay_event"
ID_FORM = re.compile(r"\w{1,255}", re.ASCII)
# How the inbox notes which payment an event was about.
PAYMENT_IN_NOTE = re.compile(r"payment ([0-9a-f-]{36}): (\w+)", re.ASCII)
RESULTS = {
    "processed": Words(_("Processed. Its effect is there."), "good", "check"),
    "ignored": Words(_("Read again: it is of a type that we do not act on."), "calm", "dot"),
    "foreign": Words(_("Read again: it is not about a payment of ours."), "calm", "dot"),
    "failed": Words(_("It failed again. The error below is the new one."), "warn", "alert"),
    "dead": Words(_("It failed again. The error below is the new one."), "warn", "alert"),
}


class Events(ListPage):
    """What Stripe told us."""

    page = "events"
    title = _("Events")
    group = frame.STRIPE
    listing_name = "events"
    states: ClassVar[Mapping[str, Mapping[str, Words]]] = {"state": EVENT_STATES}
    hidden = frozenset({"id", "livemode", "next_attempt_at"})
    nothing = _("No event yet")
    hint = _("Stripe's deliveries are kept here as they came, with what became of each.")
    search_hint = _("evt_…, pi_…, cs_…")

    def cell(self, column: Column, row: Row) -> Cell:
        """A note about a payment leads to it."""
        found = PAYMENT_IN_NOTE.match(str(row["note"] or "")) if column.name == "note" else None
        if found is None:
            return super().cell(column, row)
        return Cell(
            label_of("note"),
            "payment",
            found.group(1),
            link_to("payments", "show", payment_id=found.group(1)),
            after=words_of(PAYMENT_STATUSES, found.group(2)).name,
        )

    def link_of(self, row: Row) -> str | None:
        """To the event."""
        return link_to("events", "show", event_id=row["id"])

    @expose("/<event_id>/")
    def show(self, event_id: str) -> Response:
        """One event as it was delivered."""
        event = _get(event_id)
        payment_id = PAYMENT_IN_NOTE.search(event.note or "")
        return self.render(
            "event.html",
            heading=event.type,
            back={"link": link_to("events"), "name": self.title},
            event=event,
            words=words_of(EVENT_STATES, event.state),
            payload=_pretty(event.payload),
            payment_link=link_to("payments", "show", payment_id=payment_id.group(1))
            if payment_id
            else None,
        )

    @expose("/<event_id>/replay", methods=("POST",))
    def replay(self, event_id: str) -> AnyResponse:
        """Act on the event again. Its effects rest on their own keys: one that was dealt with changes nothing."""
        self.require(REPLAY)
        event = _get(event_id)
        current_purse().back_office.record(
            actor=member_id(),
            action="event.replay",
            subject_kind="event",
            subject_id=event.id,
            facts={"state": event.state},
        )
        after = current_purse().inbox.process(event.id, again=True)
        return go_to(link_to("events", "show", event_id=event.id), RESULTS.get(after.state))


def _get(event_id: str) -> StoredEvent:
    event = current_purse().inbox.find(event_id) if ID_FORM.fullmatch(event_id) else None
    if event is None:
        raise NotFound("event", event_id)
    return event


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
