"""Accounts on the real database."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Literal

import pytest
from argon2 import PasswordHasher

from coinpurse.accounts import Accounts, ensure_account
from coinpurse.db import Database
from coinpurse.errors import DomainError, EmailTaken, WrongCredentials

PASSWORD = "correct horse"
QUICK = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, QUICK)


def hash_of(database: Database, email: str) -> str:
    with database.unit_of_work() as work:
        row = work.row(
            "SELECT password_hash FROM coinpurse.users WHERE email = %(email)s", email=email
        )
    assert row is not None
    return str(row.password_hash)


def test_a_registered_account_can_log_in_and_be_found(accounts: Accounts) -> None:
    account = accounts.register("ada@example.com", PASSWORD, locale="zh")

    assert accounts.authenticate("ADA@example.com", PASSWORD) == account
    assert accounts.find(account.user_id) == account
    assert account.locale == "zh"


def test_double_registration_makes_one_account(accounts: Accounts, database: Database) -> None:
    emails = ["ada@example.com", "ADA@example.com", "Ada@Example.com"] * 4
    together = Barrier(len(emails))

    def register(email: str) -> str:
        together.wait()
        try:
            return accounts.register(email, PASSWORD).user_id
        except DomainError as error:
            return error.code

    with ThreadPoolExecutor(len(emails)) as pool:
        results = list(pool.map(register, emails))

    assert results.count("email_taken") == len(emails) - 1
    with database.unit_of_work() as work:
        assert len(work.rows("SELECT id FROM coinpurse.users")) == 1


def test_the_password_is_kept_as_an_argon2_hash_alone(
    accounts: Accounts, database: Database
) -> None:
    accounts.register("ada@example.com", PASSWORD)

    assert hash_of(database, "ada@example.com").startswith("$argon2id$")


def test_a_hash_of_older_parameters_is_renewed_at_log_in(
    accounts: Accounts, database: Database
) -> None:
    accounts.register("ada@example.com", PASSWORD)
    stronger = Accounts(database, PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1))

    stronger.authenticate("ada@example.com", PASSWORD)

    assert "t=2" in hash_of(database, "ada@example.com")
    assert stronger.authenticate("ada@example.com", PASSWORD)


def test_one_password_written_in_two_unicode_forms_is_the_same(accounts: Accounts) -> None:
    accounts.register("ada@example.com", "cafe\N{COMBINING ACUTE ACCENT} noir")

    assert accounts.authenticate("ada@example.com", "caf\N{LATIN SMALL LETTER E WITH ACUTE} noir")


def test_the_cost_of_a_guess_is_what_rfc_9106_recommends() -> None:
    shown = "import coinpurse.accounts.service as it; print(it.HASHER.hash('a password'))"
    made = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)

    assert made.stdout.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


class CountingHasher(PasswordHasher):
    """Argon2, counting how often a password is checked: that is what takes the time."""

    checks = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.checks += 1
        return super().verify(hash, password)


@pytest.mark.parametrize("email", ["ada@example.com", "eve@example.com", "no address"])
def test_an_unknown_address_takes_as_long_as_a_wrong_password(
    database: Database, email: str
) -> None:
    hasher = CountingHasher()
    accounts = Accounts(database, hasher)
    accounts.register("ada@example.com", PASSWORD)

    with pytest.raises(WrongCredentials):
        accounts.authenticate(email, "wrong horse")

    assert hasher.checks == 1


@pytest.mark.parametrize("user_id", ["", "ada", "0" * 36, "00000000-0000-0000-0000-000000000000"])
def test_an_id_that_is_not_ours_finds_nobody(accounts: Accounts, user_id: str) -> None:
    assert accounts.find(user_id) is None


def test_a_taken_address_is_refused(accounts: Accounts) -> None:
    accounts.register("ada@example.com", PASSWORD)

    with pytest.raises(EmailTaken):
        accounts.register("ada@EXAMPLE.com", "another password")


def test_ensuring_an_account_is_repeatable(database: Database) -> None:
    ensure_account(database, "ada@example.com", PASSWORD)
    ensure_account(database, "ada@example.com", "another password")

    assert Accounts(database).authenticate("ada@example.com", PASSWORD)
