"""What is delivered to others: the list, and one delivery with its attempts, what was sent and what came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from flask import Response
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, Row
from coinpurse.endpoints import Endpoint, body_of
from coinpurse.errors import NotFound
from coinpurse.notifications import Attempt, Delivery
from coinpurse.outbox import Message
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.lists import ListPage
from coinpurse.web.admin.views import expose, go_to, link_to, member_id
from coinpurse.web.admin.words import Words, words_of
from coinpurse.web.language import lazy_gettext as _

WEBHOOKS: Action = "webhooks"
STATES = {
    "waiting": Words(_("Waiting"), "wait", "clock"),
    "delivered": Words(_("Delivered"), "good", "check"),
    "dead": Words(_("Given up"), "warn", "alert"),
}
CHANNELS = {
    "webhook": Words(_("Webhook"), "calm", "out"),
    "mail": Words(_("E-mail"), "calm", "mail"),
    "alert": Words(_("Alert"), "calm", "alert"),
}


class Deliveries(ListPage):
    """What was announced, on its way to others."""

    page = "deliveries"
    title = _("Deliveries")
    group = frame.SETUP
    action = WEBHOOKS
    listing_name = "deliveries"
    states: ClassVar[Mapping[str, Mapping[str, Words]]] = {"state": STATES, "channel": CHANNELS}
    hidden = frozenset(
        {"id", "message_id", "endpoint_id", "next_attempt_at", "delivered_at", "last_error"}
    )
    nothing = _("Nothing was sent yet")
    hint = _("Webhooks, e-mails and alerts appear here once something has happened to tell of.")
    search_hint = _("Id of a delivery, webhook or payment")

    def link_of(self, row: Row) -> str | None:
        """To the delivery."""
        return link_to("deliveries", "show", delivery_id=row["id"])

    @expose("/<uuid:delivery_id>/")
    def show(self, delivery_id: UUID) -> Response:
        """One delivery with everything that was tried."""
        message, delivery, attempts = _get(delivery_id)
        return self.render(
            "delivery.html",
            heading=message.type,
            back={"link": link_to("deliveries"), "name": self.title},
            message=message,
            delivery=delivery,
            attempts=attempts,
            endpoint=_find_endpoint(delivery),
            badges=[words_of(STATES, delivery.state), words_of(CHANNELS, delivery.channel)],
            body=_sent_body(message, delivery),
        )

    @expose("/<uuid:delivery_id>/replay", methods=("POST",))
    def replay(self, delivery_id: UUID) -> AnyResponse:
        """Have it sent again, with the same id. Who has it already recognises that."""
        self.require(WEBHOOKS)
        delivery = _get(delivery_id)[1]
        current_purse().back_office.record(
            actor=member_id(),
            action="delivery.replayed",
            subject_kind="delivery",
            subject_id=str(delivery.id),
            facts={"state": delivery.state, "channel": delivery.channel},
        )
        current_purse().notifications.replay(delivery.id)
        sent = Words(_("The worker sends it again now. Reload to see the answer."), "wait", "clock")
        return go_to(link_to("deliveries", "show", delivery_id=delivery.id), sent)


def _get(delivery_id: UUID) -> tuple[Message, Delivery, list[Attempt]]:
    found = current_purse().notifications.find_delivery(delivery_id)
    if found is None:
        raise NotFound("delivery", str(delivery_id))
    message, delivery, attempts = found
    return message, delivery, list(attempts)


def _find_endpoint(delivery: Delivery) -> Endpoint | None:
    if delivery.endpoint_id is None:
        return None
    purse = current_purse()
    with purse.database.unit_of_work() as work:
        found = {each.id: each for each in purse.webhook_endpoints.list_all(work)}
    return found.get(delivery.endpoint_id)


def _sent_body(message: Message, delivery: Delivery) -> str:
    """What goes out, to read: a webhook's own body, and for others what their words are made of."""
    facts = (
        json.loads(body_of(message.type, message.created_at, message.facts))
        if delivery.channel == "webhook"
        else message.facts
    )
    return json.dumps(facts, indent=2, ensure_ascii=False)
