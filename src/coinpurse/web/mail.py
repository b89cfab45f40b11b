"""Mail to buyers, handed in by SMTP through Flask-Mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr, quote
from types import TracebackType
from uuid import UUID

import flask_mail

from coinpurse.accounts import LINK_SECONDS, RESET_ASKED, Resets
from coinpurse.db import Database, UnitOfWork
from coinpurse.notifications import Delivery, Outcome, find_recipient
from coinpurse.outbox import Message
from coinpurse.settings import Settings
from coinpurse.web.letters import LETTERS, Letters

# For each step of the talk with the server. A whole talk ends well within a turn.
TIMEOUT_SECONDS = 10
REFUSED_FOR_GOOD = range(500, 600)


class Connection(flask_mail.Connection):
    """Flask-Mail's, with what it leaves out: time-outs, a look at the certificate, and an end without surprise."""

    def configure_host(self) -> smtplib.SMTP:
        """Connect and log in."""
        mail = self.mail
        tls = ssl.create_default_context()
        host = (
            smtplib.SMTP_SSL(mail.server, mail.port, timeout=TIMEOUT_SECONDS, context=tls)
            if mail.use_ssl
            else smtplib.SMTP(mail.server, mail.port, timeout=TIMEOUT_SECONDS)
        )
        try:
            if mail.use_tls:
                host.starttls(context=tls)
            if mail.username and mail.password:
                host.login(mail.username, mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(
        self, exc_type: type[BaseException], exc_value: BaseException, tb: TracebackType
    ) -> None:
        """Take leave. The mail is taken or not by now; a server that is gone changes nothing about it."""
        if self.host is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.host.quit()
            self.host.close()


class MailChannel:
    """Writes to the buyer whom a message is about."""

    def __init__(self, database: Database, settings: Settings) -> None:
        assert settings.mail_server is not None
        assert settings.mail_default_sender is not None
        self._database = database
        self._settings = settings
        self._letters = Letters(settings)
        name, address = parseaddr(settings.mail_default_sender)
        self._sender = f'"{quote(name or settings.store_name)}" <{address}>'
        self._domain = address.rpartition("@")[2]
        password = settings.mail_password
        app = self._letters.app
        app.config.update(
            MAIL_SERVER=settings.mail_server,
            MAIL_PORT=settings.mail_port,
            MAIL_USE_TLS=settings.mail_use_tls,
            MAIL_USE_SSL=settings.mail_use_ssl,
            MAIL_USERNAME=settings.mail_username,
            MAIL_PASSWORD=password and password.get_secret_value(),
            MAIL_DEFAULT_SENDER=self._sender,
        )
        flask_mail.Mail(app)

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID | None]:
        """The buyer, where the address is known or will be: Stripe tells it with the session that was paid."""
        if message.type not in LETTERS:
            return ()
        awaited = message.type == "payment.completed"
        return (None,) if awaited or find_recipient(work, message) else ()

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        """Write to the buyer. The mail's id is the delivery's, so that a repeat is recognised."""
        with self._database.unit_of_work() as work:
            recipient = find_recipient(work, message)
        if recipient is None:
            return Outcome(False, error="the buyer's address is not known yet")
        if _is_too_late(message):
            return Outcome(False, error="it was asked for too long ago", final=True)
        letter = self._letters.write(message, recipient.locale, link=self._link(message))
        app = self._letters.app
        with app.app_context():
            mail = flask_mail.Message(
                subject=letter.subject,
                recipients=[recipient.email],
                body=letter.text,
                html=letter.html,
                sender=self._sender,
                extra_headers={
                    "Auto-Submitted": "auto-generated",
                    "Content-Language": letter.language,
                },
            )
            mail.msgId = f"<{delivery.id}@{self._domain}>"
            try:
                with Connection(app.extensions["mail"]) as connection:
                    connection.send(mail)
            except smtplib.SMTPRecipientsRefused as error:
                # What the server says names the buyer, so only its number is kept.
                code = min(code for code, _words in error.recipients.values())
                final = code in REFUSED_FOR_GOOD
                return Outcome(False, code, "the server refused the address", final=final)
            except smtplib.SMTPResponseException as error:
                return Outcome(False, error.smtp_code, type(error).__name__)
            except (smtplib.SMTPException, OSError) as error:
                return Outcome(False, error=_told(error))
        return Outcome(True, 250)

    def _link(self, message: Message) -> str:
        """Return what only this mail may carry, made for it: nobody finds it in the message. "" for most."""
        if message.type != RESET_ASKED:
            return ""
        assert message.user_id is not None
        return Resets.from_settings(self._database, self._settings).link_for(message.user_id)


def _told(error: smtplib.SMTPException | OSError) -> str:
    """Say why there was no talk with the server, in no word of the server's, which may name the buyer."""
    reason: object = error.strerror
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"the mail server's certificate is not trusted: {error.verify_message}"
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        # The library's own words: what the server does not offer.
        reason = error.args[0] if error.args else None
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def _is_too_late(message: Message) -> bool:
    """Whether it is about a link that nobody waits for any more."""
    age = datetime.now(UTC) - message.created_at
    return message.type == RESET_ASKED and age > timedelta(seconds=LINK_SECONDS)
