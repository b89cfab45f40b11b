"""The examination: every check in its order. What one stumbles over, it says; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog

from coinpurse.doctor import (
    database_checks,
    machine_checks,
    stripe_checks,
    web_checks,
)
from coinpurse.doctor.patient import Patient
from coinpurse.doctor.rules import FINDING, OK, UNCHECKED, NotChecked, Result, Said
from coinpurse.logs import redact
from coinpurse.monitoring import Monitoring

log = structlog.get_logger()

Check = Callable[[Patient], Iterator[Said]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("database", database_checks.reachable),
    ("tables", database_checks.tables),
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
    ("certificate", web_checks.certificate),
    ("redirect origins", web_checks.redirect_origins),
    ("secret key", web_checks.secret_key),
    ("demo mode", web_checks.demo),
    ("catalog", web_checks.catalog),
    ("mail", machine_checks.mail),
    ("alert urls", machine_checks.alert_urls),
    ("files", machine_checks.files),
)


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
        value = "nothing to tell it by" if condition.value is None else f"{condition.value:.4g}"
        yield Said(
            FINDING if condition.firing else OK,
            f"{condition.name}: {value} (from {condition.threshold:.4g} on, {condition.severity})",
            condition.mend if condition.firing else "",
        )


def _guarded(name: str, check: Check, patient: Patient) -> Iterator[Result]:
    try:
        for said in check(patient):
            yield Result(name, said.state, said.message, said.mend)
    except NotChecked as error:
        yield Result(name, UNCHECKED, str(error), "")
    except Exception as error:
        log.debug("doctor.check_failed", check=name, exc_info=True)
        first = str(error).strip().partition("\n")[0]
        yield Result(name, UNCHECKED, redact(f"{type(error).__name__}: {first}"), "")
