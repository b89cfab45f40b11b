"""The rest of the machine: mail, alerts, and who may read our files."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import Said, found, ok, shows_mail_password
from coinpurse.logs import redact
from coinpurse.settings import Settings

MAIL_SECONDS = 10
OTHERS = 0o077
OTHERS_WRITE = 0o022
SECRETS = ("secret_key", "webhook_secret")


def mail(patient: Patient) -> Iterator[Said]:
    """Whether the mail server lets us in. Sends nothing."""
    if not patient.settings.mail_server:
        yield ok("MAIL_SERVER is not set; no mail is sent")
        return
    try:
        with _connected(patient.settings) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield _mail_problem(patient.settings, error)
        return
    if shows_mail_password(patient.settings):
        yield found(
            f"{_mail_address(patient.settings)} lets us in, and the password travels there unencrypted",
            "Set MAIL_USE_TLS=1 for port 587 or MAIL_USE_SSL=1 for port 465, as the server wants it.",
        )
        return
    yield ok(f"{_mail_address(patient.settings)} lets us in")


def test_mail(settings: Settings, address: str) -> Said:
    """Hand in one mail to the address."""
    if not settings.mail_server or not settings.mail_default_sender:
        return found("MAIL_SERVER is not set, so nothing was sent", "Set MAIL_SERVER.")
    letter = EmailMessage()
    letter["Subject"] = f"{settings.store_name}: a test"
    letter["From"] = settings.mail_default_sender
    letter["To"] = address
    letter.set_content(
        f"This is the test that `coinpurse doctor` was asked for.\n\n{settings.base_url}\n"
    )
    try:
        with _connected(settings) as server:
            server.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        return _mail_problem(settings, error)
    return ok(f"{_mail_address(settings)} took a mail to {address}; see that it arrives")


@contextmanager
def _connected(settings: Settings) -> Iterator[smtplib.SMTP]:
    """Greet the mail server, with TLS and a log-in where they are set. Raises OSError and SMTPException."""
    assert settings.mail_server is not None
    context = ssl.create_default_context()
    server = (
        smtplib.SMTP_SSL(
            settings.mail_server, settings.mail_port, timeout=MAIL_SECONDS, context=context
        )
        if settings.mail_use_ssl
        else smtplib.SMTP(settings.mail_server, settings.mail_port, timeout=MAIL_SECONDS)
    )
    with server:
        server.ehlo()
        if settings.mail_use_tls:
            server.starttls(context=context)
            server.ehlo()
        if settings.mail_username and settings.mail_password is not None:
            server.login(settings.mail_username, settings.mail_password.get_secret_value())
        yield server


def _mail_address(settings: Settings) -> str:
    return f"{settings.mail_server}, port {settings.mail_port},"


def _mail_problem(settings: Settings, error: Exception) -> Said:
    mend = "Check MAIL_SERVER and MAIL_PORT, and whether a firewall stops outgoing mail."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        mend = "Check MAIL_USERNAME and MAIL_PASSWORD; many providers want a password made for programs."
    elif isinstance(error, ssl.SSLCertVerificationError):
        mend = (
            "Give MAIL_SERVER the name that its certificate has. One of an authority of your own is trusted with"
            " SSL_CERT_FILE in the environment."
        )
    elif isinstance(error, (ssl.SSLError, smtplib.SMTPNotSupportedError)):
        mend = "Set MAIL_USE_TLS=1 for port 587 or MAIL_USE_SSL=1 for port 465, as the server wants it."
    return found(f"{_mail_address(settings)} said: {redact(str(error))}", mend)


def alert_urls(patient: Patient) -> Iterator[Said]:
    """Whether the alert addresses can be understood. Sends nothing."""
    given = patient.settings.alert_urls
    if given is None:
        yield ok("COINPURSE_ALERT_URLS is not set; trouble is only in the log")
        return
    from apprise import Apprise  # Takes a second, which no other command should spend.
    from apprise.utils.parse import parse_urls

    # Its messages name addresses that it cannot use, with all that is in them.
    logging.getLogger("apprise").addFilter(lambda _record: False)
    addresses: list[str] = parse_urls(given.get_secret_value())  # type: ignore[no-untyped-call]
    wrong = [number for number, address in enumerate(addresses, 1) if not Apprise().add(address)]
    # The addresses may hold passwords.
    for number in wrong:
        yield found(
            f"address {number} of COINPURSE_ALERT_URLS is none that apprise knows",
            "Write it as apprise's list of services shows, such as mailtos://user:password@example.com.",
        )
    if not addresses:
        yield found("COINPURSE_ALERT_URLS has no address in it", "Write one, or leave it away.")
    elif not wrong:
        yield ok(f"{len(addresses)} understood")


def files(patient: Patient) -> Iterator[Said]:
    """Whether others on this machine can read our secrets."""
    state_dir = patient.settings.state_dir
    secret = [patient.folder / ".env", *(state_dir / name for name in SECRETS)]
    wrong = [path for path in secret if _mode(path) & OTHERS]
    for path in wrong:
        yield found(f"others on this machine can read {path}", f"chmod 600 {path}")
    if _mode(state_dir) & OTHERS_WRITE:
        yield found(f"others on this machine can write into {state_dir}", f"chmod 700 {state_dir}")
    elif not wrong:
        yield ok("only their owner can read our secrets")


def _mode(path: Path) -> int:
    """The rights on a file; none where there is no such file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        return 0
