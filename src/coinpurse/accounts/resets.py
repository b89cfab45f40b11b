"""A forgotten password: asking for a link, and choosing a new password with it.

The link's token is signed and kept nowhere. In it is a fingerprint of the password's hash and of the version of the
sessions, so that it is worth nothing once either has changed: by its own use, too.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Self
from uuid import UUID

import structlog
from argon2 import PasswordHasher
from itsdangerous import BadSignature, TimestampSigner

from coinpurse.accounts import rules, service, store
from coinpurse.accounts.rules import Account
from coinpurse.db import Database
from coinpurse.db.identifiers import new_id
from coinpurse.errors import NotFound, ResetLinkDead
from coinpurse.outbox import announce
from coinpurse.settings import Settings

LINK_SECONDS = 3600
RESET_ASKED = "password.reset_asked"
# Apart from whatever else the same key signs.
SALT = "coinpurse.password-reset"
FINGERPRINT_CHARACTERS = 32

log = structlog.get_logger()


class Resets:
    """The use cases. base_url: where the links lead. Passwords are hashed while no connection is held."""

    def __init__(
        self,
        database: Database,
        secret_key: str,
        base_url: str,
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._database = database
        self._base_url = base_url
        self._hasher = hasher or service.HASHER
        self._signer = signer_of(secret_key)

    @classmethod
    def from_settings(cls, database: Database, settings: Settings) -> Self:
        """Return those of a store. Raises ConfigurationError where it has no secret key."""
        return cls(database, settings.require_secret_key(), settings.base_url)

    def ask(self, email: str) -> None:
        """Have a link sent to the account of an address. Raises InvalidEmail.

        Where there is none the same is written, about nobody: neither the answer nor its time tells which it was.
        """
        email = rules.normalise_email(email)
        with self._database.unit_of_work() as work:
            found = store.find_by_email(work, email)
            user_id = found[0].user_id if found else None
            announce(work, RESET_ASKED, cause=str(new_id()), user_id=user_id, facts={})

    def link_for(self, user_id: str) -> str:
        """Return a link to choose the account's password with, once and within an hour. Raises NotFound."""
        found = self._find(user_id)
        if found is None:
            raise NotFound("account", user_id)
        account, password_hash = found
        content = f"{account.id.hex}-{_fingerprint(account, password_hash)}"
        return f"{self._base_url}/reset/{self._signer.sign(content).decode()}"

    def account_of(self, token: str) -> Account:
        """Return the account whose password the token may set. Raises ResetLinkDead."""
        return self._read(token)[0]

    def choose(self, token: str, password: str) -> Account:
        """Set the password and end all sessions and links of the account; of several at once one succeeds.

        Raises ResetLinkDead and UnacceptablePassword.
        """
        account, known = self._read(token)
        password = rules.normalise_password(password)
        rules.require_acceptable(password, email=account.email)
        chosen_hash = self._hasher.hash(password)
        with self._database.unit_of_work() as work:
            chosen = store.change_password(work, account, known=known, changed=chosen_hash)
        if chosen is None:
            raise ResetLinkDead("This link was used meanwhile.")
        log.info("account.password_reset", user_id=account.user_id)
        return chosen

    def _read(self, token: str) -> tuple[Account, str]:
        try:
            content = self._signer.unsign(token, max_age=LINK_SECONDS).decode()
        except BadSignature:
            raise ResetLinkDead("This link is none of ours, or too old.") from None
        user_id, _, fingerprint = content.partition("-")
        found = self._find(user_id)
        if found is None or not hmac.compare_digest(_fingerprint(*found), fingerprint):
            raise ResetLinkDead("This link was used, or the password has changed since.")
        return found

    def _find(self, user_id: str) -> tuple[Account, str] | None:
        with self._database.unit_of_work() as work:
            return store.find_with_hash(work, UUID(user_id))


def signer_of(secret_key: str, kind: type[TimestampSigner] = TimestampSigner) -> TimestampSigner:
    """Return what signs tokens, and the time with them."""
    return kind(secret_key, salt=SALT, key_derivation="hmac", digest_method=hashlib.sha256)


def _fingerprint(account: Account, password_hash: str) -> str:
    text = f"{account.session_version}:{password_hash}"
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]
