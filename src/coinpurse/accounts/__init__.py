"""Accounts of the standalone store. Hosts that embed us keep their own."""

from coinpurse.accounts.rules import Account
from coinpurse.accounts.service import (
    DEMO_EMAIL,
    DEMO_PASSWORD,
    OWNER_EMAIL,
    OWNER_PASSWORD,
    Accounts,
    ensure_account,
)

__all__ = [
    "DEMO_EMAIL",
    "DEMO_PASSWORD",
    "OWNER_EMAIL",
    "OWNER_PASSWORD",
    "Account",
    "Accounts",
    "ensure_account",
]
