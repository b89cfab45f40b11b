"""What an account is, and which e-mail addresses and passwords we take. Pure: no I/O."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from coinpurse.errors import InvalidEmail, UnacceptablePassword

MINIMUM_PASSWORD = 8
MAXIMUM_PASSWORD = 1024
# The longest address that mail can reach has 254.
MAXIMUM_EMAIL = 320
# Which words most passwords are made of; figures and signs behind them do not help.
COMMON = frozenset(
    (  # noqa: SIM905
        "password passwort passw0rd p@ssword p@ssw0rd pass letmein welcome iloveyou admin administrator login user"
        " secret changeme default qwerty qwertz azerty abcd test testing hello monkey dragon sunshine princess"
        " football baseball superman batman master shadow freedom whatever starwars trustno michael jordan charlie"
        " coinpurse coins woaini aini"
    ).split()
)
RUNS = (
    "0123456789" * 3,
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "1q2w3e4r5t6y7u8i9o0p",
)


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the standalone store.

    locale: a language tag for what we send; None if unknown. session_version: which sessions are still good.
    """

    id: UUID
    email: str
    locale: str | None
    created_at: datetime
    session_version: int

    @property
    def user_id(self) -> str:
        """The id as text, as wallets and payments know it."""
        return str(self.id)


def normalise_email(text: str) -> str:
    """Return the address in its one written form, without asking the DNS. Raises InvalidEmail.

    The part before the @ keeps its case for mail; accounts are unique without regard to it.
    """
    # The length comes first: what follows takes its square.
    if len(text) > MAXIMUM_EMAIL:
        raise InvalidEmail("This is not an e-mail address.")
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        raise InvalidEmail("This is not an e-mail address.") from None


def digest_of_address(text: str) -> str:
    """Return one short text for all ways to write an account's address, also for what is none.

    Coarser than the database, which looks at lower case alone: two accounts may share it.
    """
    with suppress(InvalidEmail):
        text = normalise_email(text)
    return hashlib.sha256(text.casefold().encode("utf-8", "surrogatepass")).hexdigest()


def normalise_password(password: str) -> str:
    """Return the password in one Unicode form: keyboards write the same characters differently.

    One that is too long comes back as it is: to bring it into form takes the square of its length.
    """
    if len(password) > MAXIMUM_PASSWORD:
        return password
    return unicodedata.normalize("NFKC", password)


def require_acceptable(password: str, *, email: str) -> None:
    """Refuse a new password that is too short, too long or the address itself; any characters will do.

    password, email: normalised. Raises UnacceptablePassword.
    Source: NIST SP 800-63B-4, section 3.1.1.2.
    """
    if len(password) < MINIMUM_PASSWORD:
        raise UnacceptablePassword("password_too_short", minimum=MINIMUM_PASSWORD)
    if len(password) > MAXIMUM_PASSWORD:
        raise UnacceptablePassword("password_too_long", maximum=MAXIMUM_PASSWORD)
    if password.casefold() == email.casefold():
        raise UnacceptablePassword("password_is_email")
    if is_common(password):
        raise UnacceptablePassword("password_too_common")
    if not is_text(password):
        raise UnacceptablePassword("password_unreadable")


def is_common(password: str) -> bool:
    """Whether it is among the first that anybody guesses: a usual word, with figures behind it, or a run of keys."""
    plain = password.casefold()
    bare = re.sub(r"[\W\d_]+$", "", plain)
    return (
        bare in COMMON
        or len(set(plain)) <= 2
        or any(plain in run or plain[::-1] in run for run in RUNS)
    )


def is_text(password: str) -> bool:
    """Whether the password can be written in UTF-8: halves of surrogate pairs in JSON cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in password)
