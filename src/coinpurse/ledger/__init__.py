"""The wallets and their append-only ledger."""

from coinpurse.ledger.rules import NewGrant, Transaction, Wallet
from coinpurse.ledger.service import credit, get_wallet, list_transactions

__all__ = ["NewGrant", "Transaction", "Wallet", "credit", "get_wallet", "list_transactions"]
