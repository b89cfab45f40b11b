"""Test IBANs: which debits succeed, which fail, and how late that is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestAccount:
    """How a debit of this account ends. late: after minutes instead of at once."""

    __test__ = False

    succeeds: bool = True
    late: bool = False
    disputed: bool = False


ACCOUNTS = {
    "AT611904300234573201": TestAccount(),
    "AT321904300235473204": TestAccount(late=True),
    "AT861904300235473202": TestAccount(succeeds=False),
    "AT051904300235473205": TestAccount(succeeds=False, late=True),
    "AT591904300235473203": TestAccount(disputed=True),
    "DE89370400440532013000": TestAccount(),
    "DE08370400440532013003": TestAccount(late=True),
    "DE62370400440532013001": TestAccount(succeeds=False),
    "DE78370400440532013004": TestAccount(succeeds=False, late=True),
    "DE35370400440532013002": TestAccount(disputed=True),
    # What `stripe trigger checkout.session.async_payment_failed` debits.
    "IT60X0542811101000000123456": TestAccount(succeeds=False),
}
LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22,
    "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18,
    "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
}  # fmt: skip


def normalise(iban: str) -> str:
    """Return an IBAN as typed without its blanks, in capitals."""
    return "".join(iban.split()).upper()


def is_valid(iban: str) -> bool:
    """Tell whether a normalised IBAN has the length of its country and the right check digits."""
    if LENGTHS.get(iban[:2]) != len(iban) or not (iban.isascii() and iban.isalnum()):
        return False
    return int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def outcome(iban: str) -> TestAccount:
    """Return how debits of this account end; accounts not listed succeed soon."""
    return ACCOUNTS.get(iban, TestAccount())
