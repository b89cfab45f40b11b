"""Stripe: the key, what it may do, and the way of events from there to us."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from coinpurse import registration
from coinpurse.doctor import store
from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import NotChecked, Said, found, missing, ok, unchecked
from coinpurse.errors import ConfigurationError, GatewayError
from coinpurse.ports import WebhookEndpoint
from coinpurse.registration import KNOCK_TYPE, Knock
from coinpurse.settings import LIVE_KEY

UNAUTHORIZED = 401
FORBIDDEN = 403
DASHBOARD_KEYS = "Make or change the key in the Stripe Dashboard under Developers, API keys."


def key(patient: Patient) -> Iterator[Said]:
    """Whether Stripe takes the key, and both keys are of one mode."""
    settings = patient.settings
    try:
        settings.require_stripe_key()
    except ConfigurationError as error:
        yield _missing_key(patient, error)
        return
    try:
        account = patient.account()
    except GatewayError as error:
        if error.status is None and settings.api_base:
            raise NotChecked(
                f"{error} It was asked at {settings.api_base} (STRIPE_API_BASE)."
            ) from error
        if error.status != UNAUTHORIZED:
            raise
        yield found(f"Stripe does not take the key: {error}", DASHBOARD_KEYS)
        return
    mode = "a live key: real money" if settings.livemode else "a test key: no real money"
    where = f" at {settings.api_base}, which is not Stripe" if settings.api_base else ""
    yield ok(f"{mode}; account {account.id or 'that the key may not read'}{where}")
    public = settings.stripe_publishable_key
    if public is not None and public.startswith("pk_live_") != settings.livemode:
        yield found(
            "STRIPE_PUBLISHABLE_KEY is of the other mode than STRIPE_SECRET_KEY",
            "Take both keys from the same page of the Dashboard.",
        )


def _missing_key(patient: Patient, error: ConfigurationError) -> Said:
    said = missing("STRIPE_SECRET_KEY", error)
    try:
        is_demo = not patient.settings.demo and patient.has_demo_account()
    except (psycopg.Error, ConfigurationError, NotChecked):
        is_demo = False
    if not is_demo:
        return said
    return found(
        f"{said.message}, and the database is one that `coinpurse demo` made",
        "To examine the demo, first enter the `export` lines that it shows beside Commands.",
    )


def data(patient: Patient) -> Iterator[Said]:
    """Whether the payments in the database were made with a key of this mode."""
    livemode = patient.settings.livemode
    with patient.database().read_aside(seconds=5) as work:
        others = store.payments_of_other_mode(work, livemode=livemode)
    if not others:
        yield ok(f"no {'test' if livemode else 'live'} payments are in the database")
        return
    yield found(
        f"{others} of the newest payments are {'test' if livemode else 'live'} payments, and the key is a"
        f" {'live' if livemode else 'test'} key: coins that nobody paid for count like others",
        "Give live and test mode a database each (DATABASE_URL).",
    )


def permissions(patient: Patient) -> Iterator[Said]:
    """Whether a restricted key may do all that the store does."""
    stripe = patient.stripe
    secret = patient.settings.require_stripe_key()
    if not secret.startswith("rk_"):
        advice = "; a restricted one would lose less if it leaked" if LIVE_KEY.match(secret) else ""
        yield ok(f"an unrestricted key may do everything{advice}")
        return
    asked = stripe.check_permissions()
    for permission in asked:
        name = f"{permission.resource}: {permission.access}"
        if permission.granted is False:
            yield found(
                f"the key lacks {name} ({permission.problem})",
                f"Give the key {name}. {DASHBOARD_KEYS}",
            )
        elif permission.granted is None:
            yield unchecked(f"{name}: {permission.problem}")
    granted = [f"{each.resource}: {each.access}" for each in asked if each.granted]
    if len(granted) == len(asked):
        yield ok(f"the restricted key has what we use ({', '.join(granted)})")


def api_version(patient: Patient) -> Iterator[Said]:
    """Whether Stripe answers in the version that we were written for."""
    stripe = patient.stripe
    answered = patient.account().api_version
    if answered not in (None, stripe.api_version):
        yield found(
            f"we ask for API version {stripe.api_version} and Stripe answers in {answered}",
            "Look for a proxy that changes headers between this machine and Stripe.",
        )
    elif stripe.sdk_version != stripe.api_version:
        yield ok(
            f"{stripe.api_version}, pinned; the installed SDK was made for {stripe.sdk_version}"
        )
    else:
        yield ok(f"Stripe answers in {stripe.api_version}, which we were written for")


def endpoint(patient: Patient) -> Iterator[Said]:
    """Whether Stripe delivers exactly our events to our address."""
    url = patient.webhook_url
    if patient.settings.api_base is None and patient.is_private:
        if patient.settings.livemode:
            yield found(
                f"Stripe cannot reach {url}", "Set COINPURSE_BASE_URL to the public address."
            )
        else:
            yield ok(f"Stripe cannot reach {url}; events come while `stripe listen` runs")
        return
    try:
        ours = [each for each in patient.endpoints() if registration.is_ours(each, url)]
    except GatewayError as error:
        if error.status != FORBIDDEN:
            raise
        yield unchecked(str(error), "Give the key Webhook Endpoints: Read for a while.")
        return
    if not ours:
        yield found(f"none is registered for {url}", "Run `coinpurse webhook setup`.")
    if len(ours) > 1:
        yield found(
            f"{len(ours)} are registered for this address ({', '.join(each.id for each in ours)})",
            "If a rotation is under way, end it with `coinpurse webhook rotate --finish`; otherwise run"
            " `coinpurse webhook remove ID` for one.",
        )
    version = patient.stripe.api_version
    for each in ours:
        problems = () if _is_the_demos(patient, each) else registration.problems_of(each, version)
        for problem in problems:
            speaks = problem == registration.version_problem(each, version)
            yield found(
                f"{each.id}: {problem}",
                f"Run `coinpurse webhook {'rotate' if speaks else 'setup'}`.",
            )
        if not problems:
            yield ok(f"{each.id} delivers {_types_of(each)} to {url}")


def _is_the_demos(patient: Patient, endpoint: WebhookEndpoint) -> bool:
    """Whether it is the one that the demo's sandbox has from its start, which sends everything."""
    settings = patient.settings
    return settings.demo and settings.api_base is not None and endpoint.event_types == ("*",)


def _types_of(endpoint: WebhookEndpoint) -> str:
    types = endpoint.event_types
    return "all events" if types == ("*",) else f"our {len(types)} types of events"


def round_trip(patient: Patient) -> Iterator[Said]:
    """Whether the running store takes what each of our secrets signs, into this database."""
    settings = patient.settings
    try:
        secrets = settings.require_webhook_secrets()
    except ConfigurationError as error:
        yield missing("STRIPE_WEBHOOK_SECRET", error)
        return
    for number, secret in enumerate(secrets, 1):
        which = f"secret {number} of {len(secrets)}" if len(secrets) > 1 else "the secret"
        answer = registration.knock(
            patient.stripe, patient.webhook_url, secret, livemode=settings.livemode
        )
        patient.knocked = answer
        if answer.accepted:
            yield _stored(patient, answer, which)
            continue
        yield _refused(patient, answer, which)
        if answer.status is None:
            return


def _refused(patient: Patient, answer: Knock, which: str) -> Said:
    url = patient.webhook_url
    if answer.status is None:
        return found(
            f"{url} did not answer: {answer.problem}",
            "Start `coinpurse serve`, and see that COINPURSE_BASE_URL leads to it from here.",
        )
    if answer.status == 400:
        return found(
            f"the running store refused what {which} signed",
            "It runs with other secrets than these: restart it with this STRIPE_WEBHOOK_SECRET, or see whether a proxy"
            " changes bodies; its log line webhook.rejected says which.",
        )
    if 300 <= answer.status < 400:
        return found(
            f"{url} answered with a redirect ({answer.status}), and Stripe follows none",
            "Set COINPURSE_BASE_URL to the address that is redirected to.",
        )
    return found(
        f"{url} answered {answer.status} to a signed event",
        "Read the server's log; let the proxy pass POST requests to this path untouched.",
    )


def _stored(patient: Patient, answer: Knock, which: str) -> Said:
    """Find the event in our database, and remove it: it meant nothing."""
    try:
        with patient.database().unit_of_work() as work:
            state = store.take_back(work, answer.event_id, KNOCK_TYPE)
    except (psycopg.Error, ConfigurationError, NotChecked):
        return unchecked(
            f"the store took what {which} signed; whether into this database cannot be told"
        )
    if state is None:
        return found(
            f"the store took what {which} signed, and it is not in this database",
            "The server at COINPURSE_BASE_URL uses another DATABASE_URL than these commands.",
        )
    return ok(
        f"the running store took a test event that {which} signed, into this database; it is removed again"
    )
