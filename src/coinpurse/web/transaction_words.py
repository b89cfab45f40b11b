"""What the rows of a wallet's history are called."""

from __future__ import annotations

from dataclasses import dataclass

from coinpurse.ledger import Transaction
from coinpurse.web import formatting
from coinpurse.web.language import lazy_gettext as _


@dataclass(frozen=True, slots=True)
class TransactionWords:
    """A row's name and icon. described: whether the row's own description says more than the name."""

    name: object
    icon: str
    described: bool = True


# The product's own descriptions are English: where the name says as much, they are not shown.
WORDS = {
    "purchase": TransactionWords(_("Purchase"), "plus", described=False),
    "credit": TransactionWords(_("Coins received"), "plus"),
    "grant": TransactionWords(_("Coins received"), "plus"),
    "promotion": TransactionWords(_("Gift"), "gift"),
    "usage": TransactionWords(_("Spent"), "minus"),
    "reversal": TransactionWords(_("Spending undone"), "back"),
    "hold": TransactionWords(_("Coins reserved"), "lock"),
    "capture": TransactionWords(_("Spent"), "minus"),
    "void": TransactionWords(_("Reservation ended"), "back"),
    "hold_timeout": TransactionWords(_("Reservation ended"), "clock", described=False),
    "refund": TransactionWords(_("Refund"), "back", described=False),
    "dispute": TransactionWords(_("Dispute"), "alert", described=False),
    "restoration": TransactionWords(_("Coins restored"), "check", described=False),
    "unblock": TransactionWords(_("Wallet unlocked"), "check", described=False),
    "adjustment": TransactionWords(_("Correction"), "person"),
    "expiry": TransactionWords(_("Expired"), "clock", described=False),
}
# What a row changed besides the balance: the field, the words where it rose, and where it fell.
CHANGES: tuple[tuple[str, object, object], ...] = (
    ("held", _("Reserved: %(coins)s"), _("No longer reserved: %(coins)s")),
    ("frozen", _("Frozen: %(coins)s"), _("No longer frozen: %(coins)s")),
    ("debt", _("Owed, as they were spent: %(coins)s"), _("Off the debt: %(coins)s")),
)
# How a purchase ended, where it did not stay as it was.
OUTCOMES = {
    "partially_refunded": _("Partly refunded"),
    "refunded": _("Refunded"),
    "disputed": _("Disputed"),
}
# A type that a later release adds still has a name by its direction.
CAME = TransactionWords(_("Coins received"), "plus")
WENT = TransactionWords(_("Coins taken"), "minus")


def words_of(row: Transaction) -> TransactionWords:
    """The words for a row of the ledger."""
    return WORDS.get(row.type) or (CAME if row.coins >= 0 else WENT)


def changes_of(row: Transaction) -> list[str]:
    """What else a row of the ledger changed, in words."""
    return [
        str(rose if change > 0 else fell) % {"coins": formatting.coins(abs(change))}
        for name, rose, fell in CHANGES
        if (change := getattr(row, name))
    ]
