"""What we tell the operator of trouble: title and text, in the operator's language, by a small app as letters have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from flask import Flask
from flask_babel import Babel

from coinpurse.money import EXPONENTS
from coinpurse.outbox import Message
from coinpurse.settings import Settings
from coinpurse.web import formatting, language
from coinpurse.web.admin.words import DISPUTE_REASONS, DISPUTE_STATUSES
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

# What each trouble is called, by the type of the message or, for operator.alert, by the event that it names.
TITLES = {
    "payment.in_review": _("A payment needs a person"),
    "dispute.opened": _("A buyer disputes a payment"),
    "event.dead": _("An event from Stripe could not be handled"),
    "reconciliation.drift": _("Stripe and the ledger disagree"),
    "ledger.broken": _("The ledger contradicts itself"),
    "webhook_endpoint.disabled": _("A webhook endpoint was given up"),
}
# What the operator needs to find it, in this order; the rest is in the back office.
NAMES = {
    "reason": _("Reason"),
    "payment_id": _("Payment"),
    "user_id": _("User id"),
    "amount_minor": _("Amount"),
    "dispute_id": _("Dispute"),
    "dispute_status": _("How the dispute stands"),
    "dispute_reason": _("Why the buyer disputes it"),
    "disputed_minor": _("Disputed amount"),
    "evidence_due_at": _("Answer by"),
    "event_id": _("Event"),
    "type": _("Type"),
    "attempts": _("Attempts"),
    "error": _("Error"),
    "reconciliation_id": _("Reconciliation"),
    "repaired": _("Repaired"),
    "left": _("Left for a person"),
    "endpoint_id": _("Webhook endpoint"),
    "why": _("Why it was given up"),
    "failures": _("Failures"),
    "failing_since": _("Failing since"),
}
GIVEN_UP = {
    "gone": _("The receiver says that it is gone"),
    "failing": _("Nothing but failures for days"),
}


# What values are called, by the fact; what is not here stands as it is.
VALUES: Mapping[str, Mapping[str, Any]] = {
    "dispute_status": {status: words.name for status, words in DISPUTE_STATUSES.items()},
    "dispute_reason": DISPUTE_REASONS,
    "why": GIVEN_UP,
}


class Alerts:
    """Writes alerts for one store. What the store recorded in words of its own, such as errors, stays as it is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.time_zone)
        self._app = Flask("coinpurse.web", static_folder=None)
        locale = Locale.parse(language.LOCALES[settings.alert_language])
        Babel(self._app, locale_selector=lambda: locale, configure_jinja=False)

    def write(self, message: Message) -> tuple[str, str]:
        """Return the title and the text of an alert."""
        facts = message.facts
        event = str(facts.get("event", message.type))
        with self._app.app_context():
            told = [
                (name, self._value(fact, facts))
                for fact, name in NAMES.items()
                if facts.get(fact) not in (None, "")
            ]
            told.append((_("Time"), formatting.zoned_moment(message.created_at, self._zone)))
            lines = [
                gettext("%(name)s: %(value)s", name=str(name), value=value) for name, value in told
            ]
            title = f"[{self._settings.store_name}] {TITLES.get(event, event)}"
        return title, "\n".join([*lines, self._settings.base_url])

    def _value(self, name: str, facts: Mapping[str, Any]) -> str:
        value = facts[name]
        match name:
            case "amount_minor" | "disputed_minor":
                known = facts.get("currency") in EXPONENTS
                return formatting.any_money(value, facts["currency"]) if known else str(value)
            case "evidence_due_at" | "failing_since":
                return formatting.zoned_moment(datetime.fromisoformat(value), self._zone)
            case _:
                return str(VALUES.get(name, {}).get(value, value))
