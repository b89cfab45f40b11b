"""How browsers reach the store: its address, its certificate, its keys, and what it sells."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg

from coinpurse.accounts import DEMO_EMAIL
from coinpurse.catalog import Catalog, Catalogs, load_catalog
from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import (
    LEAST_CERTIFICATE,
    NotChecked,
    Said,
    found,
    missing,
    ok,
    problem_of_proxies,
    problem_of_secret_key,
    unchecked,
)
from coinpurse.errors import ConfigurationError
from coinpurse.registration import is_private

CONNECT_SECONDS = 10


def base_url(patient: Patient) -> Iterator[Said]:
    """Whether the base address is one that the public can use safely."""
    url = patient.settings.base_url
    if patient.is_private:
        if patient.settings.livemode:
            yield found(
                f"{url} is of this machine alone", "Set COINPURSE_BASE_URL to the public address."
            )
        else:
            yield ok(f"{url}, of this machine or network alone")
    elif not url.startswith("https://"):
        yield found(
            f"{url} is not https: passwords and cookies travel in the open",
            "Put a proxy with a certificate in front, and set COINPURSE_BASE_URL to https://…",
        )
    else:
        yield ok(url)


def proxies(patient: Patient) -> Iterator[Said]:
    """Whether as many proxies hand requests on as are believed. The event of the round trip came the same way."""
    knock, declared = patient.knocked, patient.settings.trusted_proxies
    if knock is None or not knock.accepted:
        yield unchecked("it is seen once the webhook round trip succeeds")
        return
    if knock.hops is None:
        yield ok("the host application, or an older store, sees to them itself")
        return
    problem = problem_of_proxies(declared, knock.hops)
    if problem is None:
        yield ok(f"{declared or 'none'} in front of the store, as COINPURSE_TRUSTED_PROXIES says")
    elif knock.hops:
        yield found(problem, f"Set COINPURSE_TRUSTED_PROXIES={knock.hops}, and restart the store.")
    else:
        yield found(
            problem,
            "Have the proxy set X-Forwarded-For, as deploy/ does; without a proxy unset COINPURSE_TRUSTED_PROXIES.",
        )


def certificate(patient: Patient) -> Iterator[Said]:
    """Whether the certificate is one that browsers and Stripe take, for some time to come."""
    parts = urlsplit(patient.settings.base_url)
    if parts.scheme != "https":
        yield ok("none is needed for http")
        return
    assert parts.hostname is not None
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), CONNECT_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(
                plain, server_hostname=parts.hostname
            ) as secure,
        ):
            facts = secure.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        yield found(
            f"it is not valid: {error.verify_message}",
            "Have the proxy get one from a public authority, with its whole chain, for this name.",
        )
        return
    except OSError as error:
        yield found(
            f"{parts.hostname} cannot be reached over TLS: {error}",
            "See that the name leads to this store, and that port 443 is open.",
        )
        return
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(facts["notAfter"])), UTC)
    left = ends - datetime.now(UTC)
    if left < LEAST_CERTIFICATE:
        yield found(
            f"it ends in {left.days} days ({ends:%Y-%m-%d})",
            "Renew it; whatever renews it by itself has stopped doing so.",
        )
    else:
        yield ok(f"valid for {left.days} more days")


def redirect_origins(patient: Patient) -> Iterator[Said]:
    """Whether buyers can only be sent back to addresses that are safe."""
    settings = patient.settings
    wrong = [
        origin
        for origin in settings.redirect_origins
        if settings.livemode
        and (not origin.startswith("https://") or is_private(urlsplit(origin).hostname or ""))
    ]
    for origin in wrong:
        yield found(
            f"{origin} is no place to send buyers who paid",
            "Take it out of COINPURSE_REDIRECT_ORIGINS; leave https addresses alone.",
        )
    if not wrong:
        yield ok(", ".join(sorted(settings.allowed_redirect_origins())))


def secret_key(patient: Patient) -> Iterator[Said]:
    """Whether the key that signs log-in cookies can be guessed."""
    try:
        problem = problem_of_secret_key(patient.settings.require_secret_key())
    except ConfigurationError as error:
        yield missing("SECRET_KEY", error)
        return
    if problem is None:
        yield ok("it signs log-ins, and is long enough")
    else:
        yield found(
            f"{problem}: whoever guesses it logs in as anybody",
            "Make one with `python -c 'import secrets; print(secrets.token_hex(32))'`. Everybody logs in anew then.",
        )


def demo(patient: Patient) -> Iterator[Said]:
    """Whether anything of the demo is where the public is."""
    settings = patient.settings
    if settings.demo and not patient.is_private:
        yield found(
            "demo mode is on, at a public address",
            "Unset COINPURSE_DEMO; the demo's account is known to all.",
        )
        return
    if settings.demo:
        yield ok("on, at an address of this machine or network")
        return
    if patient.has_demo_account() and not patient.is_private:
        yield found(
            f"{DEMO_EMAIL} has an account here, whose password is in the documentation",
            "Use a database that the demo has never seen.",
        )
    else:
        yield ok("off")


def catalog(patient: Patient) -> Iterator[Said]:
    """Whether the packs can be sold."""
    settings = patient.settings
    mend = "Mend it; `coinpurse catalog list` shows what is on sale."
    try:
        loaded, problem = _in_force(patient)
    except ConfigurationError as error:
        yield found(str(error), mend)
        return
    if problem is not None:
        yield found(f"the newest version is not in force: {problem}", mend)
    on_sale = [pack for pack in loaded.packs if pack.active]
    currencies = sorted({currency for pack in on_sale for currency in pack.prices})
    if not on_sale:
        yield found("no pack is on sale", "Give a pack `active = true` in the catalog.")
    elif settings.livemode and settings.catalog is None and loaded.kind == "file":
        yield found(
            "the sample catalog is what real money buys",
            "Write your own and name it in COINPURSE_CATALOG.",
        )
    else:
        yield ok(f"{len(on_sale)} packs on sale, in {', '.join(currencies).upper()}")


def _in_force(patient: Patient) -> tuple[Catalog, str | None]:
    """Return the catalog that is sold from, and why a newer one is not; the file's where the database is away."""
    path = patient.settings.catalog
    file = load_catalog(path)
    try:
        catalogs = Catalogs(path, patient.database)
        return catalogs.current(), catalogs.problem
    except (psycopg.Error, NotChecked):
        return file, None
