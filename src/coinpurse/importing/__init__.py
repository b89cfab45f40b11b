"""Balances that users have elsewhere, brought over into wallets: checked first, whole, and once."""

from coinpurse.importing.rules import BadRow, ImportFailed, Plan
from coinpurse.importing.service import Importing
from coinpurse.importing.store import Source, SourceTable

__all__ = ["BadRow", "ImportFailed", "Importing", "Plan", "Source", "SourceTable"]
