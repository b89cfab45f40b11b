"""Accounts of the standalone store. Hosts that embed us keep their own."""

from coinpurse.accounts.resets import LINK_SECONDS, RESET_ASKED, Resets
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
    "LINK_SECONDS",
    "OWNER_EMAIL",
    "OWNER_PASSWORD",
    "RESET_ASKED",
    "Account",
    "Accounts",
    "Resets",
    "ensure_account",
]
