"""What we write to buyers: each announcement as a mail in their language, as text and as HTML.

Letters are written by a small Flask app of their own, which serves nothing: workers have no other, and a host's
language, templates and filters are not ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from babel import Locale, UnknownLocaleError
from flask import Flask, g, render_template
from flask_babel import Babel

from coinpurse.errors import NotFound
from coinpurse.money import Money
from coinpurse.outbox import Message
from coinpurse.settings import Settings
from coinpurse.web import formatting, language
from coinpurse.web.language import lazy_gettext as _

# The letter about each type of announcement: its templates, and its subject with what stands in there.
LETTERS = {
    "payment.completed": ("receipt", _("Your receipt from %(store)s: %(amount)s")),
    "payment.refunded": ("refund", _("Refund from %(store)s: %(amount)s")),
    "payment.failed": ("failed", _("Your payment to %(store)s did not go through")),
    "coins.expiring": ("expiring", _("Some of your coins expire on %(day)s")),
    "password.reset_asked": ("reset", _("Choose a new password for %(store)s")),
}
NAMES = {name: type_ for type_, (name, _subject) in LETTERS.items()}

EXAMPLE_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
EXAMPLE = {
    "payment_id": str(EXAMPLE_ID),
    "user_id": "ada",
    "pack": "chest",
    "coins": 1000,
    "bonus": 200,
    "total_coins": 1200,
    "amount_minor": 9999,
    "currency": "usd",
    "livemode": True,
    "refunded_minor": 9999,
    "refunded_now_minor": 9999,
    "coins_taken": 800,
    "coins_owed": 400,
    "expires_on": "2026-12-24",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without its address. language: the tag of its words."""

    subject: str
    text: str
    html: str
    language: str


class Letters:
    """Writes letters for one store."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.app = Flask("coinpurse.web", static_folder=None)
        self.app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
        Babel(self.app, locale_selector=lambda: g.letter_locale, configure_jinja=False)

    def write(self, message: Message, locale: str | None, *, link: str = "") -> Letter:
        """Write the letter about a message. locale: the buyer's language tag; English where we do not speak it.

        link: what the letter gives its reader and nobody else.
        """
        name, subject = LETTERS[message.type]
        with self.app.app_context():
            g.letter_locale = _known_locale(locale)
            values = {**self._values(message), "link": link}
            text, html = (
                render_template(f"coinpurse/mail/{name}.{form}", **values)
                for form in ("txt", "html")
            )
            tag = language.current_language()
            return Letter(
                subject=str(subject) % values,
                text=text.strip() + "\n",
                html=html,
                language=language.HTML_TAGS.get(tag, tag),
            )

    def example(self, name: str, locale: str | None) -> Letter:
        """Write a letter about nothing real, to look at. name: one of NAMES."""
        if name not in NAMES:
            raise NotFound("mail", name)
        message = Message(
            id=EXAMPLE_ID,
            type=NAMES[name],
            cause="example",
            user_id="ada",
            payment_id=EXAMPLE_ID,
            facts=EXAMPLE,
            request_id=None,
            created_at=datetime.now(UTC),
        )
        link = f"{self._settings.base_url}/reset/example"
        return self.write(message, locale, link=link)

    def _values(self, message: Message) -> dict[str, Any]:
        """What the templates may name."""
        facts = message.facts
        day = facts.get("expires_on")
        return {
            "_": language.gettext,
            "ngettext": language.ngettext,
            "coins": formatting.coins,
            "facts": facts,
            "language": language.HTML_TAGS.get(
                language.current_language(), language.current_language()
            ),
            "store": self._settings.store_name,
            "wallet_link": self._settings.wallet_url or f"{self._settings.base_url}/wallet",
            "amount": _amount(facts, "refunded_now_minor")
            if message.type == "payment.refunded"
            else _amount(facts, "amount_minor"),
            "refunded": _amount(facts, "refunded_minor"),
            "day": formatting.day(date.fromisoformat(day)) if day else "",
            "moment": _moment(message.created_at),
            "test_mode": not facts.get("livemode", True),
        }


def _amount(facts: Mapping[str, Any], name: str) -> str:
    return formatting.money(Money(facts[name], facts["currency"])) if name in facts else ""


def _moment(time: datetime) -> str:
    """A time that no script shows in the reader's own zone."""
    utc = time.astimezone(UTC)
    return f"{formatting.day(utc.date())} {utc:%H:%M} UTC"


def _known_locale(tag: str | None) -> Locale:
    try:
        return Locale.parse((tag or "en").replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale("en")
