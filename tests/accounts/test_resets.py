"""Links to choose a new password, on the real database."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from argon2 import PasswordHasher
from itsdangerous import TimestampSigner

from coinpurse.accounts import LINK_SECONDS, Account, Accounts, Resets
from coinpurse.accounts.resets import signer_of
from coinpurse.db import Database
from coinpurse.errors import DomainError, ResetLinkDead, UnacceptablePassword, WrongPassword

EMAIL = "ada@example.com"
OLD, NEW = "correct horse", "battery staple"
KEY = "a key of the tests"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, QUICK)


@pytest.fixture
def resets(database: Database) -> Resets:
    return Resets(database, KEY, "https://coins.example.com", QUICK)


@pytest.fixture
def ada(accounts: Accounts) -> Account:
    return accounts.register(EMAIL, OLD)


def token_for(resets: Resets, account: Account) -> str:
    return resets.link_for(account.user_id).removeprefix("https://coins.example.com/reset/")


def resigned(token: str, *, key: str = KEY, seconds_ago: int = 0) -> str:
    """The token's content, signed at another time or with another key."""

    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(time.time()) - seconds_ago

    return signer_of(key, Signer).sign(token.split(".")[0]).decode()


def test_a_link_sets_the_password_and_ends_all_sessions_once(
    accounts: Accounts, resets: Resets, ada: Account
) -> None:
    token = token_for(resets, ada)
    assert resets.account_of(token) == ada

    chosen = resets.choose(token, NEW)

    assert chosen.session_version == ada.session_version + 1
    assert accounts.authenticate(EMAIL, NEW) == chosen
    with pytest.raises(DomainError):
        accounts.authenticate(EMAIL, OLD)
    with pytest.raises(ResetLinkDead):
        resets.choose(token, "a third password")
    assert accounts.authenticate(EMAIL, NEW) == chosen


def test_a_password_that_is_refused_leaves_the_link_good(resets: Resets, ada: Account) -> None:
    token = token_for(resets, ada)

    with pytest.raises(UnacceptablePassword):
        resets.choose(token, "short")

    assert resets.choose(token, NEW)


def test_of_several_uses_at_once_one_sets_the_password(
    accounts: Accounts, resets: Resets, ada: Account
) -> None:
    token = token_for(resets, ada)
    passwords = [f"new password {number}" for number in range(8)]
    together = Barrier(len(passwords))

    def choose(password: str) -> str | None:
        together.wait()
        try:
            resets.choose(token, password)
        except ResetLinkDead:
            return None
        return password

    with ThreadPoolExecutor(len(passwords)) as pool:
        chosen = [each for each in pool.map(choose, passwords) if each is not None]

    (password,) = chosen
    assert accounts.authenticate(EMAIL, password).session_version == ada.session_version + 1


def test_a_link_works_for_an_hour(resets: Resets, ada: Account) -> None:
    token = token_for(resets, ada)

    assert resets.account_of(resigned(token, seconds_ago=LINK_SECONDS - 60)) == ada
    with pytest.raises(ResetLinkDead):
        resets.choose(resigned(token, seconds_ago=LINK_SECONDS + 1), NEW)


def test_a_link_ends_with_a_change_of_the_password_or_of_the_sessions(
    accounts: Accounts, resets: Resets, ada: Account
) -> None:
    before = token_for(resets, ada)
    accounts.change_password(ada.user_id, OLD, NEW)
    between = token_for(resets, ada)
    accounts.end_sessions(ada.user_id)

    for token in (before, between):
        with pytest.raises(ResetLinkDead):
            resets.choose(token, OLD)


def test_a_token_that_is_not_ours_sets_nothing(
    accounts: Accounts, resets: Resets, ada: Account
) -> None:
    token = token_for(resets, ada)
    content, stamp, signature = token.split(".")
    eve = accounts.register("eve@example.com", "eve's own password")
    other_content = token_for(resets, eve).split(".")[0]
    forged = [
        resigned(token, key="another key"),
        TimestampSigner(KEY, salt="cookie-session").sign(content).decode(),
        f"{other_content}.{stamp}.{signature}",
        f"{content}.zzzzzz.{signature}",
        f"{content}.{stamp}.{signature[:-3]}AAA",
        *("", ".", "..", "é", "\x00", token[:-1], token + "A", "A" * 100_000),
    ]

    for each in forged:
        with pytest.raises(ResetLinkDead):
            resets.choose(each, NEW)
    assert accounts.authenticate(EMAIL, OLD) == ada


def test_a_changed_password_wants_the_current_one(accounts: Accounts, ada: Account) -> None:
    with pytest.raises(WrongPassword):
        accounts.change_password(ada.user_id, "wrong horse", NEW)
    with pytest.raises(UnacceptablePassword):
        accounts.change_password(ada.user_id, OLD, EMAIL)

    changed = accounts.change_password(ada.user_id, OLD, NEW)

    assert changed.session_version == ada.session_version + 1
    assert accounts.authenticate(EMAIL, NEW) == changed


def test_a_log_in_at_the_same_time_never_brings_the_old_password_back(
    database: Database, accounts: Accounts, ada: Account
) -> None:
    class ChangesMeanwhile(PasswordHasher):
        """Argon2, while whose first work the password is changed elsewhere."""

        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            if password == OLD:
                accounts.change_password(ada.user_id, OLD, NEW)
            return super().hash(password, salt=salt)

    stronger = Accounts(database, ChangesMeanwhile(time_cost=2, memory_cost=8, parallelism=1))

    stronger.authenticate(EMAIL, OLD)

    assert accounts.authenticate(EMAIL, NEW)
