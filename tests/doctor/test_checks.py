"""What each check says of a store that is right, and of one that is wrong in one way."""

from __future__ import annotations

import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from coinpurse.accounts import DEMO_EMAIL, DEMO_PASSWORD, ensure_account
from coinpurse.db import Database
from coinpurse.doctor import Result, database_checks, exit_code
from coinpurse.doctor.rules import problem_of_secret_key, shows_mail_password
from coinpurse.inbox import HANDLED_TYPES
from coinpurse.settings import Settings
from coinpurse.testing.postgresql import new_database
from tests.conftest import Sandbox
from tests.doctor.conftest import Examine

LIVE = {
    "stripe_secret_key": "sk_live_1234567890",
    "stripe_api_base": None,
    "base_url": "https://127.0.0.1:1",
}


def states(results: list[Result]) -> set[str]:
    return {result.state for result in results}


def finding(results: list[Result]) -> Result:
    """The only finding among the results; it has its mend."""
    [found] = [result for result in results if result.state == "finding"]
    assert found.mend
    return found


@pytest.fixture
def registered(sandbox: Sandbox) -> Iterator[Callable[..., str]]:
    """Registers an endpoint as it has to be, or changed; returns its id."""
    made: list[str] = []

    def register(origin: str, **changes: Any) -> str:
        answer = requests.post(
            f"{sandbox.url}/v1/webhook_endpoints",
            data={
                "url": f"{origin}/api/payment/webhook",
                "enabled_events[]": HANDLED_TYPES,
                "api_version": "2026-10-28.endive",
                "metadata[coinpurse]": "webhook",
                **changes,
            },
            auth=("sk_test_any_key", ""),
            timeout=30,
        )
        answer.raise_for_status()
        made.append(answer.json()["id"])
        return made[-1]

    yield register
    for id_ in made:
        requests.delete(
            f"{sandbox.url}/v1/webhook_endpoints/{id_}", auth=("sk_test_any_key", ""), timeout=30
        )


def test_store_that_is_right_has_no_findings_but_its_worker(
    examined: Examine,
    served: Callable[..., str],
    registered: Callable[..., str],
    database: Database,
) -> None:
    origin = served()
    registered(origin)

    results = examined(base_url=origin)

    wrong = {name for name, said in results.items() if states(said) != {"ok"}}
    assert wrong == {"worker"}
    assert "none was started, or it was stopped" in finding(results["worker"]).message
    with database.unit_of_work() as work:
        assert work.rows("SELECT id FROM coinpurse.stripe_events") == []


def test_nothing_is_said_twice_over_when_the_database_is_away(examined: Examine) -> None:
    began = time.monotonic()

    results = examined(database_url="postgresql://ada:hunter22secret@127.0.0.1:1/x")

    assert "DATABASE_URL" in finding(results["database"]).mend
    for name in ("tables", "key and data", "clock and database", "worker", "demo mode"):
        assert states(results[name]) == {"unchecked"}, name
    assert states(results["stripe key"]) == {"ok"}
    assert "hunter22secret" not in str(results)
    assert time.monotonic() - began < 60


def test_nothing_is_known_of_stripe_without_a_key(examined: Examine) -> None:
    results = examined(stripe_secret_key=None, stripe_webhook_secret=None)

    assert "STRIPE_SECRET_KEY" in finding(results["stripe key"]).message
    assert "STRIPE_WEBHOOK_SECRET" in finding(results["webhook round trip"]).message
    for name in ("key permissions", "api version", "clock and stripe"):
        assert states(results[name]) == {"unchecked"}, name
    assert states(results["database"]) == {"ok"}


def test_stripe_that_is_away_is_no_finding(examined: Examine) -> None:
    results = examined(stripe_api_base="http://127.0.0.1:1")

    for name in ("stripe key", "api version", "webhook endpoint", "clock and stripe"):
        assert states(results[name]) == {"unchecked"}, name
    assert "http://127.0.0.1:1 (STRIPE_API_BASE)" in results["stripe key"][0].message
    assert "Error:" not in results["api version"][0].message


def test_permission_that_a_restricted_key_lacks_is_found_by_name(examined: Examine) -> None:
    results = examined(stripe_secret_key="rk_test_shop_no_dispute_read_no_refund_write")

    missing = [result.mend for result in results["key permissions"]]
    assert [mend.partition(".")[0] for mend in missing] == [
        "Give the key Refunds: Write",
        "Give the key Disputes: Read",
    ]
    assert "rak_dispute_read" in results["key permissions"][1].message
    assert "rk_test_shop" not in str(results)
    assert states(examined(stripe_secret_key="rk_test_shop_all")["key permissions"]) == {"ok"}


def test_keys_of_two_modes_are_found(examined: Examine) -> None:
    found = finding(examined(stripe_publishable_key="pk_live_123456")["stripe key"])

    assert "other mode" in found.message


def test_test_payments_under_a_live_key_are_found(examined: Examine, purse: Any) -> None:
    purse.start_checkout(
        "ada",
        pack="handful",
        currency="usd",
        success_url="http://127.0.0.1:5000/",
        cancel_url="http://127.0.0.1:5000/",
    )

    assert states(examined()["key and data"]) == {"ok"}
    assert "test payments" in finding(examined(**LIVE)["key and data"]).message


@pytest.mark.parametrize(
    ("changes", "message", "mend"),
    [
        ({"enabled_events[]": ["*"]}, "every type of event", "webhook setup"),
        ({"enabled_events[]": HANDLED_TYPES[:-1]}, f"does not send {HANDLED_TYPES[-1]}", "setup"),
        ({"api_version": "2026-09-30.endive"}, "API version", "webhook rotate"),
    ],
)
def test_endpoint_that_is_not_as_it_should_be_is_found(
    examined: Examine,
    registered: Callable[..., str],
    changes: dict[str, Any],
    message: str,
    mend: str,
) -> None:
    origin = "http://127.0.0.1:3"
    registered(origin, **changes)

    found = finding(examined(base_url=origin)["webhook endpoint"])

    assert message in found.message
    assert mend in found.mend


def test_endpoint_that_is_missing_or_switched_off_is_found(
    examined: Examine, registered: Callable[..., str], sandbox: Sandbox
) -> None:
    origin = "http://127.0.0.1:2"
    assert "webhook setup" in finding(examined(base_url=origin)["webhook endpoint"]).mend
    id_ = registered(origin)
    requests.post(
        f"{sandbox.url}/v1/webhook_endpoints/{id_}",
        data={"disabled": "true"},
        auth=("sk_test_any_key", ""),
        timeout=30,
    ).raise_for_status()

    assert "switched off" in finding(examined(base_url=origin)["webhook endpoint"]).message


def test_store_with_another_secret_is_found(examined: Examine, served: Callable[..., str]) -> None:
    origin = served(stripe_webhook_secret=SecretStr("whsec_another"))

    assert "restart it" in finding(examined(base_url=origin)["webhook round trip"]).mend


def test_each_of_several_secrets_is_tried(
    examined: Examine, served: Callable[..., str], webhook_secret: str
) -> None:
    origin = served()

    results = examined(
        base_url=origin, stripe_webhook_secret=f"whsec_not_there_yet,{webhook_secret}"
    )["webhook round trip"]

    assert [result.state for result in results] == ["finding", "ok"]
    assert "secret 1 of 2" in results[0].message


def test_store_with_another_database_is_found(
    examined: Examine, served: Callable[..., str], server_address: str
) -> None:
    """Its server answers 200, and the event is nowhere to be seen from here."""
    with new_database(server_address) as other:
        origin = served(database_url=SecretStr(other))
        found = finding(examined(base_url=origin)["webhook round trip"])
        assert "another DATABASE_URL" in found.mend


def test_store_that_does_not_answer_is_found(examined: Examine) -> None:
    found = finding(examined(base_url="http://127.0.0.1:1")["webhook round trip"])

    assert "coinpurse serve" in found.mend


@pytest.mark.parametrize("skew", [timedelta(seconds=90), timedelta(seconds=-90)])
def test_clock_that_is_wrong_is_found(
    examined: Examine, monkeypatch: pytest.MonkeyPatch, skew: timedelta
) -> None:
    class Skewed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + skew

    monkeypatch.setattr("coinpurse.doctor.patient.datetime", Skewed)
    monkeypatch.setattr(database_checks, "datetime", Skewed)

    results = examined()

    word = "ahead" if skew > timedelta(0) else "behind"
    assert word in finding(results["clock and stripe"]).message
    assert word in finding(results["clock and database"]).message


def test_tables_of_another_version_are_found(examined: Examine, database: Database) -> None:
    with database.unit_of_work() as work:
        work.execute("COMMENT ON SCHEMA coinpurse IS 'kernel of old'")

    assert "db upgrade" in finding(examined()["tables"]).mend


def test_worker_and_its_overdue_jobs(examined: Examine, database: Database) -> None:
    with database.unit_of_work() as work:
        work.execute("INSERT INTO coinpurse.procrastinate_workers DEFAULT VALUES")
    assert states(examined()["worker"]) == {"ok"}
    with database.unit_of_work() as work:
        work.execute("SET LOCAL search_path TO coinpurse")
        work.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES ('default', 'sweep_due', now() - interval '1 hour')"
        )

    assert "jobs are due" in finding(examined()["worker"]).message


def test_embedded_database_is_for_trials(
    examined: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir()
    nothing: dict[str, Any] = {"database_url": None}
    results = examined(**nothing)
    assert "no database" in finding(results["database"]).message
    assert not (tmp_path / "state" / "postgresql").exists()
    assert states(results["embedded database"]) == {"ok"}

    assert "backups" in finding(examined(**nothing, **LIVE)["embedded database"]).mend
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**10, 10**10 - 10**6, 10**6))
    assert "full disk" in finding(examined(**nothing)["embedded database"]).message


def test_public_address_without_https_is_found(examined: Examine) -> None:
    assert "in the open" in finding(examined(base_url="http://coins.invalid")["base url"]).message
    assert states(examined(base_url="https://127.0.0.1:1")["base url"]) == {"ok"}
    assert "this machine" in finding(examined(**LIVE)["base url"]).message


@pytest.mark.parametrize(("days", "expected"), [(90, "ok"), (5, "finding")])
def test_certificate_is_looked_at(
    examined: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, expected: str
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out",
         str(certificate), "-days", str(days), "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{port}"
        assert "not valid" in finding(examined(base_url=url)["certificate"]).message
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert states(examined(base_url=url)["certificate"]) == {expected}
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxied() -> Iterator[Callable[[str], str]]:
    """Puts a proxy in front of an origin, which appends its client's address; returns the proxy's origin."""
    servers: list[ThreadingHTTPServer] = []

    def put(origin: str) -> str:
        class Proxy(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                came = self.headers.get("X-Forwarded-For")
                headers = {
                    "Content-Type": self.headers["Content-Type"],
                    "Stripe-Signature": self.headers["Stripe-Signature"],
                    "X-Forwarded-For": f"{came}, 198.51.100.7" if came else "198.51.100.7",
                }
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = requests.post(origin + self.path, data=body, headers=headers, timeout=30)
                self.send_response(answer.status_code)
                for name in set(answer.headers) & {"Coinpurse-Forwarded-For", "Content-Type"}:
                    self.send_header(name, answer.headers[name])
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Proxy))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield put
    for server in servers:
        server.shutdown()
        server.server_close()


def test_proxies_are_as_many_as_are_believed(
    examined: Examine, served: Callable[..., str], proxied: Callable[[str], str]
) -> None:
    bare = served(trusted_proxies=1)
    one = proxied(bare)
    two = proxied(one)

    def said(origin: str, declared: int) -> list[Result]:
        return examined(base_url=origin, trusted_proxies=declared)["proxies"]

    assert [states(said(*right)) for right in ((bare, 0), (one, 1), (two, 2))] == [{"ok"}] * 3
    assert "share one limit" in finding(said(one, 0)).message
    assert "TRUSTED_PROXIES=2," in finding(said(two, 1)).mend
    assert "choose their own address" in finding(said(bare, 1)).message
    assert states(said("http://127.0.0.1:1", 1)) == {"unchecked"}


def test_places_to_send_buyers_to(examined: Examine) -> None:
    wrong = ("http://app.example.com", "https://localhost:3000", "https://app.example.com")

    found = examined(**LIVE, redirect_origins=wrong)["redirect origins"]

    assert [result.message.split()[0] for result in found] == list(wrong[:2])
    assert states(examined(redirect_origins=wrong)["redirect origins"]) == {"ok"}


@pytest.mark.parametrize(
    "key", ["short", "dev" + "x" * 40, "a" * 64, "change-me-0123456789-abcdefghijkl-0123"]
)
def test_secret_key_that_can_be_guessed_is_found(examined: Examine, key: str) -> None:
    assert "guesses it" in finding(examined(secret_key=key)["secret key"]).message


def test_secret_key_of_our_own_making_is_right() -> None:
    assert problem_of_secret_key(secrets.token_hex(32)) is None
    assert problem_of_secret_key(secrets.token_urlsafe(32)) is None


def test_what_is_left_of_the_demo_is_found(examined: Examine, database: Database) -> None:
    public = {"base_url": "http://coins.invalid"}
    assert states(examined(**public)["demo mode"]) == {"ok"}
    ensure_account(database, DEMO_EMAIL, DEMO_PASSWORD)

    assert "password" in finding(examined(**public)["demo mode"]).message
    assert "demo mode is on" in finding(examined(**public, demo=True)["demo mode"]).message


def test_whoever_examines_a_demo_without_its_settings_is_told_where_they_are(
    examined: Examine, database: Database
) -> None:
    assert "demo" not in finding(examined(stripe_secret_key=None)["stripe key"]).message
    ensure_account(database, DEMO_EMAIL, DEMO_PASSWORD)

    told = finding(examined(stripe_secret_key=None)["stripe key"])

    assert "one that `coinpurse demo` made" in told.message
    assert "`export` lines" in told.mend


def test_catalog_that_cannot_be_sold_is_found(examined: Examine, tmp_path: Path) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text('[[packs]]\nsku = "one"\ncoins = 10\nprices = {zzz = "1.00"}\n')
    assert "catalog.toml" in finding(examined(catalog=file)["catalog"]).message
    file.write_text('[[packs]]\nsku = "one"\ncoins = 10\nprices = {usd = "1.00"}\n')
    assert "1 packs on sale, in USD" in examined(catalog=file)["catalog"][0].message
    assert "sample" in finding(examined(**LIVE)["catalog"]).message


@pytest.fixture
def mail_server() -> Iterator[Controller]:
    """A mail server that lets `ada` in and keeps what it is given."""

    class Kept:
        def __init__(self) -> None:
            self.letters: list[bytes] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            self.letters.append(envelope.content)
            return "250 OK"

    def let_in(_server: Any, _session: Any, _envelope: Any, _method: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right-password", handled=False)

    controller = Controller(Kept(), "127.0.0.1", 0, authenticator=let_in, auth_require_tls=False)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        controller.port = probe.getsockname()[1]
    controller.start()
    yield controller
    controller.stop()


@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
def test_mail_server_is_greeted_and_nothing_is_sent(
    examined: Examine, mail_server: Controller
) -> None:
    mail: dict[str, Any] = {
        "mail_server": "127.0.0.1",
        "mail_port": mail_server.port,
        "mail_default_sender": "store@example.com",
        "mail_username": "ada",
    }

    assert states(examined(**mail, mail_password="right-password")["mail"]) == {"ok"}
    refused = finding(examined(**mail, mail_password="wrong-password")["mail"])
    assert ("MAIL_PASSWORD" in refused.mend, "wrong-password" in str(refused)) == (True, False)
    assert "MAIL_USE_TLS" in finding(examined(**mail, mail_use_tls=True)["mail"]).mend
    away = {**mail, "mail_port": 1}
    assert "MAIL_PORT" in finding(examined(**away)["mail"]).mend
    assert mail_server.handler.letters == []


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, True),
        ({"mail_use_tls": True}, False),
        ({"mail_use_ssl": True}, False),
        ({"mail_username": None}, False),
        ({"mail_password": None}, False),
        ({"mail_server": "127.0.0.1"}, False),
        ({"mail_server": "localhost"}, False),
    ],
)
def test_a_password_for_mail_that_anybody_on_the_way_can_read_is_found(
    settings: Settings, changes: dict[str, Any], shown: bool
) -> None:
    mail = {
        "mail_server": "smtp.example.com",
        "mail_username": "ada",
        "mail_password": SecretStr("a password"),
    }

    assert shows_mail_password(settings.model_copy(update={**mail, **changes})) == shown


# What apprise imports is deprecated in some versions of Python.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_alert_addresses_are_understood_or_found_without_being_shown(examined: Examine) -> None:
    right = "mailtos://u:hunter22pw@example.com?to=a@example.com,b@example.com"
    assert states(examined(alert_urls=f"{right}, json://127.0.0.1/x")["alert urls"]) == {"ok"}

    found = finding(examined(alert_urls=f"{right},nonsense://hunter22pw")["alert urls"])

    assert "address 2" in found.message
    assert "hunter22pw" not in str(found)


def test_secrets_that_others_can_read_are_found(examined: Examine, tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("A=1")
    env.chmod(0o644)

    assert finding(examined()["files"]).mend == f"chmod 600 {env}"
    env.chmod(0o600)
    assert states(examined()["files"]) == {"ok"}


def test_exit_code_says_found_before_unchecked() -> None:
    ok, found, unchecked = (
        Result("x", state, "", "")
        for state in ("ok", "finding", "unchecked")  # type: ignore[arg-type]
    )

    assert [exit_code(each) for each in ([ok], [ok, unchecked], [unchecked, found])] == [0, 2, 1]
