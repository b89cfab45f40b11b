"""What the rows of a wallet's history are called."""

from __future__ import annotations

from dataclasses import dataclass

from coinpurse.ledger import Transaction
from coinpurse.web.language import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class TransactionWords:
    """A row's name and icon. described: whether the row's own description says more than the name."""

    name: object
    icon: str
    described: bool = True


WORDS = {
    "purchase": TransactionWords(_("Purchase"), "plus", described=False),
    "credit": TransactionWords(_("Coins received"), "plus"),
    "promotion": TransactionWords(_("Gift"), "gift"),
    "usage": TransactionWords(_("Spent"), "minus"),
    "reversal": TransactionWords(_("Spending undone"), "back"),
    "capture": TransactionWords(_("Spent"), "minus"),
    "refund": TransactionWords(_("Refund"), "back"),
    "clawback": TransactionWords(_("Taken back"), "back"),
    "dispute": TransactionWords(_("Dispute"), "alert"),
    "adjustment": TransactionWords(_("Correction"), "person"),
    "expiry": TransactionWords(_("Expired"), "clock"),
}
# A type that a later release adds still has a name by its direction.
CAME = TransactionWords(_("Coins received"), "plus")
WENT = TransactionWords(_("Coins taken"), "minus")


def words_of(row: Transaction) -> TransactionWords:
    """The words for a row of the ledger."""
    return WORDS.get(row.type) or (CAME if row.coins >= 0 else WENT)
