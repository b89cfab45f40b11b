"""Mail over TLS: nothing is said to a server whose certificate is not trusted, and no password before it is."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from coinpurse import Settings
from tests.notifications.conftest import PostOffice, free_port
from tests.notifications.test_delivery import make_due
from tests.notifications.test_mail import buy, deliver, only_delivery
from tests.refunds.conftest import Shop

PASSWORD = "mail-password"
# What the server is told, and how the settings say so.
WAYS = {"starttls": {"mail_use_tls": True}, "implicit": {"mail_use_ssl": True}}
OpenShop = Callable[[Settings], Shop]


def certificate_for(name: str, folder: Path) -> Path:
    """A certificate signed by itself, and its key, in one file."""
    key, found = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=mail"),
            *("-addext", f"subjectAltName={name}"),
            *("-keyout", str(key), "-out", str(found)),
        ],
        check=True,
        capture_output=True,
    )
    found.write_bytes(found.read_bytes() + key.read_bytes())
    return found


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One for the address that tests call, and one for another name."""
    folder = tmp_path_factory.mktemp("mail")
    return {
        "right": certificate_for("IP:127.0.0.1", folder),
        "other": certificate_for("DNS:mail.example", folder),
    }


class Guarded(PostOffice):
    """A post office that lets in whoever has the password, and notes who tried, and whether TLS was on."""

    def __init__(self, way: str, certificate: Path) -> None:
        super().__init__(free_port())
        self.tried: list[tuple[bool, str]] = []
        self.way = way
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.options = {
            "authenticator": self._look,
            **(
                {"tls_context": context, "require_starttls": True, "auth_required": True}
                if way == "starttls"
                # aiosmtpd does not count TLS from the start as TLS.
                else {"ssl_context": context, "auth_require_tls": False}
            ),
        }

    def _look(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        assert isinstance(given, LoginPassword)
        assert server.transport is not None
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        self.tried.append((encrypted, given.password.decode()))
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def guarded() -> Iterator[Callable[[str, Path], Guarded]]:
    """Opens a guarded post office."""
    made: list[Guarded] = []

    def make(way: str, certificate: Path) -> Guarded:
        made.append(Guarded(way, certificate))
        made[-1].open()
        return made[-1]

    yield make
    for office in made:
        office.close()


def shop_for(office: Guarded, open_shop: OpenShop, settings: Settings, **changes: object) -> Shop:
    return open_shop(
        settings.model_copy(
            update={
                "mail_server": "127.0.0.1",
                "mail_port": office.port,
                "mail_default_sender": "shop@example.com",
                "mail_username": "shop",
                "mail_password": SecretStr(PASSWORD),
                **WAYS[office.way],
                **changes,
            }
        )
    )


@pytest.mark.parametrize("way", WAYS)
def test_mail_and_its_password_go_over_tls_to_a_server_that_is_trusted(
    guarded: Callable[[str, Path], Guarded],
    certificates: dict[str, Path],
    open_shop: OpenShop,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    office = guarded(way, certificates["right"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["right"]))
    shop = shop_for(office, open_shop, settings)
    buy(shop)

    deliver(shop)

    assert office.only()["To"] == "ada@example.com"
    assert office.tried == [(True, PASSWORD)]
    assert only_delivery(shop).state == "delivered"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("shown", "trusted", "words"),
    [
        ("right", "other", "self-signed certificate"),
        ("other", "other", "not valid for '127.0.0.1'"),
    ],
    ids=["nobody's", "another's name"],
)
def test_a_certificate_that_is_not_trusted_gets_no_password_and_the_mail_waits(
    guarded: Callable[[str, Path], Guarded],
    certificates: dict[str, Path],
    open_shop: OpenShop,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    shown: str,
    trusted: str,
    words: str,
) -> None:
    office = guarded(way, certificates[shown])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[trusted]))
    shop = shop_for(office, open_shop, settings)
    payment = buy(shop)

    deliver(shop)

    waiting = only_delivery(shop)
    assert (waiting.state, waiting.attempts, payment.status) == ("waiting", 1, "completed")
    assert waiting.last_error is not None
    assert waiting.last_error.startswith(
        "SSLCertVerificationError: the mail server's certificate is not trusted:"
    )
    assert words in waiting.last_error.replace("IP address mismatch, certificate is", "")
    assert (office.tried, office.mails) == ([], [])


def test_a_server_without_starttls_is_told_nothing_in_the_open(
    open_shop: OpenShop, mail_settings: Settings, post_office: PostOffice
) -> None:
    shop = open_shop(mail_settings.model_copy(update={"mail_use_tls": True}))
    buy(shop)

    deliver(shop)

    assert only_delivery(shop).state == "waiting"
    assert "STARTTLS extension not supported" in (only_delivery(shop).last_error or "")
    assert post_office.mails == []


def test_a_wrong_password_is_told_by_its_number_and_the_mail_goes_out_when_it_is_mended(
    guarded: Callable[[str, Path], Guarded],
    certificates: dict[str, Path],
    open_shop: OpenShop,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = guarded("starttls", certificates["right"])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["right"]))
    shop = shop_for(office, open_shop, settings, mail_password=SecretStr("wrong"))
    buy(shop)
    deliver(shop)
    refused = only_delivery(shop)
    assert (refused.state, refused.last_status) == ("waiting", 535)
    assert refused.last_error == "SMTPAuthenticationError"
    mended = shop_for(office, open_shop, settings)
    make_due(mended.purse.database)

    deliver(mended)

    assert office.only()["To"] == "ada@example.com"
