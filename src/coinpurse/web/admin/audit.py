"""The audit log: who did what to what, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from coinpurse.back_office import Action, Column, Filter, Row
from coinpurse.web.admin import frame
from coinpurse.web.admin.list_words import label_of
from coinpurse.web.admin.lists import Cell, FilterField, ListPage
from coinpurse.web.admin.staff import current_may
from coinpurse.web.admin.views import link_to
from coinpurse.web.language import lazy_gettext as _

# What was done, in words; an action that is not here goes by its own name.
ACTIONS: dict[str, object] = {
    "payment.refund": _("Refunded a payment"),
    "payment.review": _("Settled a review"),
    "payment.cancel": _("Closed a checkout"),
    "wallet.adjust": _("Corrected a wallet"),
    "wallet.unblock": _("Let a wallet spend again"),
    "balances.import": _("Brought balances over from another application"),
    "adjustment.requested": _("Asked for an adjustment"),
    "adjustment.applied": _("Applied an adjustment"),
    "adjustment.refused": _("Refused an adjustment"),
    "adjustment.withdrawn": _("Withdrew an adjustment"),
    "staff.granted": _("Gave a role"),
    "staff.revoked": _("Took somebody off the staff"),
    "user.reset_link": _("Made a link to choose a new password"),
    "user.end_sessions": _("Logged a user out everywhere"),
    "api_key.create": _("Made an API key"),
    "api_key.revoke": _("Revoked an API key"),
    "event.replay": _("Replayed events"),
    "delivery.replayed": _("Sent a delivery again"),
    "webhook_endpoint.added": _("Added a webhook endpoint"),
    "webhook_endpoint.edited": _("Changed a webhook endpoint"),
    "webhook_endpoint.rotated": _("Gave a webhook endpoint a new secret"),
    "webhook_endpoint.disabled": _("Switched a webhook endpoint off"),
    "webhook_endpoint.enabled": _("Switched a webhook endpoint on"),
    "webhook_endpoint.tested": _("Tested a webhook endpoint"),
    "catalog.take_over": _("Took the catalog over from the file"),
    "catalog.change": _("Changed the catalog"),
    "catalog.restore": _("Put an earlier catalog in force"),
    "catalog.hand_back": _("Handed the catalog back to the file"),
    "catalog.sync": _("Brought Stripe in step with the catalog"),
}
KINDS: dict[str, object] = {
    "payment": _("Payment"),
    "wallet": _("Wallet"),
    "adjustment": _("Adjustment"),
    "import": _("Import"),
    "staff": _("Staff"),
    "user": _("Account"),
    "api_key": _("API key"),
    "event": _("Event"),
    "catalog": _("Catalog"),
    "delivery": _("Delivery"),
    "webhook_endpoint": _("Webhook endpoint"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject has a page. name: of the value that names it. action: what its page asks for."""

    page: str
    name: str
    action: Action = "see"


PLACES = {
    "payment": Place("payments", "payment_id"),
    "wallet": Place("wallets", "user"),
    "adjustment": Place("adjustments", "adjustment_id"),
    "event": Place("events", "event_id"),
    "delivery": Place("deliveries", "delivery_id", "webhooks"),
    "webhook_endpoint": Place("webhooks", "endpoint_id", "webhooks"),
    "staff": Place("staff", "user", "staff"),
    "user": Place("wallets", "user"),
    "api_key": Place("api_keys", "prefix", "api_keys"),
}


class Audit(ListPage):
    """Everything that people changed, newest first. Nobody can take an entry out."""

    page = "audit"
    title = _("Audit log")
    group = frame.TEAM
    listing_name = "audit"
    link_column = "subject_id"
    hidden = frozenset({"id"})
    nothing = _("Nothing was changed by hand yet")
    hint = _(
        "Each refund, adjustment, role and key that somebody gives is kept here, with their name."
    )
    search_hint = _("Who, what, or an id")

    def link_of(self, row: Row) -> str | None:
        """To what it was done to."""
        kind, subject = str(row["subject_kind"]), str(row["subject_id"])
        place = PLACES.get(kind)
        # Many events may have been replayed at once; that has no page.
        if place is None or (kind == "event" and not subject.startswith("evt_")):
            return None
        if not current_may(place.action):
            return None
        return link_to(place.page, "show", **{place.name: subject})

    def _filter_field(self, known: Filter, values: Mapping[str, str]) -> FilterField:
        """Offer what can have been done, and to what; any other value is looked for too."""
        field = super()._filter_field(known, values)
        table = {"action": ACTIONS, "kind": KINDS}.get(known.name)
        return (
            field if table is None else replace(field, kind="choice", choices=tuple(table.items()))
        )

    def cell(self, column: Column, row: Row) -> Cell:
        """One cell; actions, kinds and details in words."""
        cell = super().cell(column, row)
        if column.name == "facts":
            facts = row["facts"]
            assert isinstance(facts, dict)
            told = [f"{label_of(name)}: {words}" for name, words in _told(facts).items()]
            return Cell(cell.label, "text", " · ".join(told))
        if column.name == "reason":
            # Nowhere else does all of it stand.
            return replace(cell, text=str(row["reason"] or ""))
        table = {"action": ACTIONS, "subject_kind": KINDS}.get(column.name, {})
        words = table.get(str(row[column.name]))
        return cell if words is None else Cell(cell.label, "text", str(words))


def _told(facts: Mapping[str, object]) -> dict[str, str]:
    """Each fact in words; an amount with its currency, in whole units."""
    told = {
        name: ", ".join(str(each) for each in fact) if isinstance(fact, list) else str(fact)
        for name, fact in facts.items()
    }
    amount = frame.amount(facts.get("amount_minor"), facts.get("currency"))
    if amount:
        told["amount_minor"] = amount
        del told["currency"]
    return told
