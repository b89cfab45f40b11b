"""Registering, logging in, changing the password, ending sessions."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from coinpurse.accounts import rules, store
from coinpurse.accounts.rules import Account
from coinpurse.db import Database
from coinpurse.db.identifiers import new_id
from coinpurse.errors import EmailTaken, InvalidEmail, NotFound, WrongCredentials, WrongPassword

# The account that `coinpurse demo` makes and shows; it never exists elsewhere.
DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "pocketful-of-coins"  # noqa: S105
# And the one of who owns the demo's store.
OWNER_EMAIL = "owner@example.com"
OWNER_PASSWORD = "keys-to-the-counting-house"  # noqa: S105

# The library's defaults are those that RFC 9106 recommends for servers.
HASHER = PasswordHasher()

log = structlog.get_logger()


@cache
def _decoy(hasher: PasswordHasher) -> str:
    """Return what is checked where no account is found, so that the answer takes as long as otherwise."""
    return hasher.hash("nobody's password")


class Accounts:
    """The use cases. Passwords are hashed and checked while no connection is held."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._hasher = hasher or HASHER
        self._decoy = _decoy(self._hasher)

    def register(self, email: str, password: str, *, locale: str | None = None) -> Account:
        """Make an account. Raises InvalidEmail, UnacceptablePassword and EmailTaken."""
        email = rules.normalise_email(email)
        password = rules.normalise_password(password)
        rules.require_acceptable(password, email=email)
        password_hash = self._hasher.hash(password)
        with self._database.unit_of_work() as work:
            account = store.insert(
                work, id_=new_id(), email=email, password_hash=password_hash, locale=locale
            )
        if account is None:
            raise EmailTaken("There is an account with this e-mail address already.")
        log.info("account.registered", user_id=account.user_id)
        return account

    def authenticate(self, email: str, password: str) -> Account:
        """Return the account whose password this is. Raises WrongCredentials, whatever was wrong."""
        found = self._find(email)
        account, password_hash = found or (None, self._decoy)
        password = rules.normalise_password(password)
        matches = self._verify(password_hash, password)
        if account is None or not matches:
            raise WrongCredentials("The e-mail address or the password is wrong.")
        if self._hasher.check_needs_rehash(password_hash):
            renewed = self._hasher.hash(password)
            with self._database.unit_of_work() as work:
                store.renew_hash(work, account.id, known=password_hash, renewed=renewed)
        return account

    def change_password(self, user_id: str, current: str, new: str) -> Account:
        """Change the password of an account and end all of its sessions; returns it as it is then.

        Raises WrongPassword unless the current one is right, also where it was changed meanwhile, UnacceptablePassword,
        and NotFound.
        """
        with self._database.unit_of_work() as work:
            found = store.find_with_hash(work, UUID(user_id))
        if found is None:
            raise NotFound("account", user_id)
        account, known = found
        if not self._verify(known, rules.normalise_password(current)):
            raise WrongPassword("This is not the current password.")
        new = rules.normalise_password(new)
        rules.require_acceptable(new, email=account.email)
        changed_hash = self._hasher.hash(new)
        with self._database.unit_of_work() as work:
            changed = store.change_password(work, account, known=known, changed=changed_hash)
        if changed is None:
            raise WrongPassword("This is not the current password any more.")
        log.info("account.password_changed", user_id=user_id)
        return changed

    def end_sessions(self, user_id: str) -> None:
        """Log an account out everywhere; links to choose a new password end too. Raises NotFound."""
        with self._database.unit_of_work() as work:
            if store.end_sessions(work, UUID(user_id)) is None:
                raise NotFound("account", user_id)
        log.info("account.sessions_ended", user_id=user_id)

    def find(self, user_id: str) -> Account | None:
        """Return the account with this id; None for anything that is not one of ours."""
        try:
            id_ = UUID(user_id)
        except ValueError:
            return None
        with self._database.unit_of_work() as work:
            return store.find(work, id_)

    def find_by_email(self, email: str) -> Account | None:
        """Return the account of an address."""
        found = self._find(email)
        return found and found[0]

    def _find(self, email: str) -> tuple[Account, str] | None:
        try:
            email = rules.normalise_email(email)
        except InvalidEmail:
            return None
        with self._database.unit_of_work() as work:
            return store.find_by_email(work, email)

    def _verify(self, password_hash: str, password: str) -> bool:
        """Whether it is the password. It takes as long for one that nobody can have. password: normalised."""
        possible = rules.is_text(password) and len(password) <= rules.MAXIMUM_PASSWORD
        try:
            return self._hasher.verify(password_hash, password if possible else "") and possible
        except (VerificationError, InvalidHashError):
            return False


def ensure_account(database: Database, email: str, password: str) -> Account:
    """Make the account unless the address has one; its password then stays as it is."""
    accounts = Accounts(database)
    try:
        return accounts.register(email, password)
    except EmailTaken:
        log.info("account.kept", email_domain=email.rpartition("@")[2])
        found = accounts.find_by_email(email)
        assert found is not None
        return found
