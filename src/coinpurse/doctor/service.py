"""The examination: every check in its order. What one stumbles over, it says; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import structlog

from coinpurse.doctor import (
    database_checks,
    machine_checks,
    stripe_checks,
    web_checks,
)
from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import FINDING, OK, UNCHECKED, Result, Said
from coinpurse.errors import CoinpurseError
from coinpurse.logs import redact
from coinpurse.monitoring import Monitoring

log = structlog.get_logger()

Check = Callable[[Patient], Iterator[Said]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("database", database_checks.reachable),
    ("tables", database_checks.tables),
    ("pooler", database_checks.pooler),
    ("embedded database", database_checks.embedded),
    ("stripe key", stripe_checks.key),
    ("key and data", stripe_checks.data),
    ("key permissions", stripe_checks.permissions),
    ("api version", stripe_checks.api_version),
    ("webhook endpoint", stripe_checks.endpoint),
    ("webhook round trip", stripe_checks.round_trip),
    ("clock and stripe", database_checks.stripe_clock),
    ("clock and database", database_checks.database_clock),
    ("worker", database_checks.worker),
    ("base url", web_checks.base_url),
    ("proxies", web_checks.proxies),
    ("certificate", web_checks.certificate),
    ("redirect origins", web_checks.redirect_origins),
    ("secret key", web_checks.secret_key),
    ("demo mode", web_checks.demo),
    ("catalog", web_checks.catalog),
    ("mail", machine_checks.mail),
    ("alert urls", machine_checks.alert_urls),
    ("files", machine_checks.files),
)


# Seconds and counts from here on are whole numbers to a reader.
ROUNDED_FROM = 100


def examine(patient: Patient) -> Iterator[Result]:
    """Run all checks, each to its end or to where it could not go on. Raises nothing."""
    for name, check in CHECKS:
        yield from _guarded(name, check, patient)


def examine_alerts(patient: Patient) -> Iterator[Result]:
    """Say which conditions of the running store ask for somebody. Raises nothing."""
    yield from _guarded("alerts", _alerts, patient)


def send_test_mail(patient: Patient, address: str) -> Result:
    """Hand one mail in."""
    said = machine_checks.test_mail(patient.settings, address)
    return Result("test mail", said.state, said.message, said.mend)


def _alerts(patient: Patient) -> Iterator[Said]:
    for condition in Monitoring(patient.database()).check():
        value = "none" if condition.value is None else _figure(condition.value)
        limit = f"{'below' if condition.below else 'above'} {_figure(condition.threshold)}"
        yield Said(
            FINDING if condition.firing else OK,
            f"{condition.name}: {condition.what}: {value} ({condition.severity} {limit})",
            condition.mend if condition.firing else "",
        )


def _figure(value: float) -> str:
    return f"{value:.4g}" if abs(value) < ROUNDED_FROM else f"{value:,.0f}"


def _guarded(name: str, check: Check, patient: Patient) -> Iterator[Result]:
    try:
        for said in check(patient):
            yield Result(name, said.state, said.message, said.mend)
    except CoinpurseError as error:
        yield Result(name, UNCHECKED, redact(str(error)), "")
    except psycopg.OperationalError:
        # What it says is told once, by the first check.
        log.debug("doctor.check_failed", check=name, exc_info=True)
        yield Result(name, UNCHECKED, "the database could not be asked", "")
    except Exception as error:
        log.debug("doctor.check_failed", check=name, exc_info=True)
        first = str(error).strip().partition("\n")[0]
        yield Result(name, UNCHECKED, redact(f"{type(error).__name__}: {first}"), "")
