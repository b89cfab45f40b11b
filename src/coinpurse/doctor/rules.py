"""What a check can say, and from where on a figure is wrong. Pure: no I/O."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from coinpurse.errors import CoinpurseError, ConfigurationError
from coinpurse.registration import is_private
from coinpurse.settings import Settings

# Signatures are accepted for 300 seconds; a clock that is wrong by a tenth of that is on its way there.
LARGEST_SKEW = timedelta(seconds=30)
# Whoever renews certificates does it a month ahead; one that is this old was forgotten.
LEAST_CERTIFICATE = timedelta(days=14)
LEAST_FREE_BYTES = 1024**3
LONGEST_WAIT_SECONDS = 300.0
LEAST_SECRET_KEY = 32
LEAST_DIFFERENT = 10
# Beginnings of keys from tutorials.
KNOWN_KEYS = (
    "changeme",
    "change-me",
    "change_me",
    "dev",
    "secret",
    "password",
    "test",
    "example",
    "insecure",
)

OK: Literal["ok"] = "ok"
FINDING: Literal["finding"] = "finding"
UNCHECKED: Literal["unchecked"] = "unchecked"
State = Literal["ok", "finding", "unchecked"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one look has shown. mend: what to do about it."""

    state: State
    message: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check has shown."""

    check: str
    state: State
    message: str
    mend: str


class NotChecked(CoinpurseError):
    """A check lacks what it needs to begin; the message says what."""


def ok(message: str) -> Said:
    """Say that all is well."""
    return Said(OK, message)


def found(message: str, mend: str) -> Said:
    """Say what is wrong, and what mends it."""
    return Said(FINDING, message, mend)


def missing(name: str, error: ConfigurationError) -> Said:
    """Say that a setting is not set. Our message begins with that, and goes on with the mend."""
    message = f"{name} is not set"
    return found(message, str(error).removeprefix(f"{message}. "))


def unchecked(message: str, mend: str = "") -> Said:
    """Say what could not be looked at."""
    return Said(UNCHECKED, message, mend)


def said_of_settings(error: ConfigurationError) -> Result:
    """Tell of settings that cannot be read at all. Our messages have their mend in them."""
    return Result(
        "settings", FINDING, str(error), "Mend this first; the other checks need the settings."
    )


def exit_code(results: Sequence[Result]) -> int:
    """1 if anything was found, 2 if nothing was and something could not be looked at, else 0."""
    states = {result.state for result in results}
    if FINDING in states:
        return 1
    return 2 if UNCHECKED in states else 0


def problem_of_secret_key(key: str) -> str | None:
    """Say what is weak about the key that signs log-in cookies."""
    if len(key) < LEAST_SECRET_KEY:
        return f"it has {len(key)} characters, and {LEAST_SECRET_KEY} are few enough"
    if key.lower().startswith(KNOWN_KEYS):
        return "it looks like an example's"
    if len(set(key)) < LEAST_DIFFERENT or key.strip(string.whitespace) != key:
        return "it repeats few characters, or begins or ends with a space"
    return None


def problem_of_proxies(declared: int, seen: int) -> str | None:
    """Say what is wrong where other proxies hand requests on than are believed. seen: addresses in X-Forwarded-For."""
    if seen == declared:
        return None
    if seen < declared:
        return (
            f"{declared} trusted proxies are set, and a request to the base URL came through {seen} that say for whom:"
            " visitors can choose their own address, and get past the limit of log-ins"
        )
    return (
        f"{declared} trusted proxies are set, and a request to the base URL came through {seen}: all visitors have a"
        " proxy's address, and share one limit of log-ins"
    )


def shows_mail_password(settings: Settings) -> bool:
    """Whether the password for mail leaves this machine or network unencrypted."""
    encrypted = settings.mail_use_tls or settings.mail_use_ssl
    has_password = settings.mail_username and settings.mail_password is not None
    return bool(has_password and not encrypted and not is_private(settings.mail_server or ""))


def seconds_apart(skew: timedelta) -> str:
    """A difference of clocks in words."""
    return f"{abs(skew.total_seconds()):.0f} seconds {'ahead' if skew > timedelta(0) else 'behind'}"
