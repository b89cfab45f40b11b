"""The useful test numbers, which the checkout page offers to fill in.

What a number does is decided by `stripe_sandbox.test_cards` and `.bank_accounts`, which know more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedNumber:
    """One number and what comes of it, in a few English words."""

    number: str
    effect: str

    @property
    def grouped(self) -> str:
        """The number in groups, as it stands on a card: of four, or 4-6-5 on Amex."""
        if len(self.number) == 15:
            return f"{self.number[:4]} {self.number[4:10]} {self.number[10:]}"
        return " ".join(self.number[start : start + 4] for start in range(0, len(self.number), 4))


TEST_CARDS: Mapping[str, tuple[ListedNumber, ...]] = {
    "Succeeds": (
        ListedNumber("4242424242424242", "Visa, paid at once"),
        ListedNumber("5555555555554444", "Mastercard, paid at once"),
        ListedNumber("378282246310005", "Amex, 4-digit code"),
    ),
    "Asks for 3-D Secure": (
        ListedNumber("4000000000003220", "Authentication required"),
        ListedNumber("4000008400001629", "Passes, then declined"),
    ),
    "Declined": (
        ListedNumber("4000000000000002", "Declined without a reason"),
        ListedNumber("4000000000009995", "Insufficient funds"),
        ListedNumber("4000000000000069", "Expired card"),
        ListedNumber("4000000000000127", "Wrong security code"),
        ListedNumber("4000000000000119", "Processing error"),
        ListedNumber("4100000000000019", "Blocked as fraud"),
    ),
    "Paid, trouble later": (
        ListedNumber("4000000000000259", "Disputed as fraud"),
        ListedNumber("4000000000001976", "Inquiry by the bank"),
        ListedNumber("4000000000005423", "Early fraud warning"),
        ListedNumber("4000000000005126", "A refund fails later"),
        ListedNumber("4000000000007726", "A refund stays pending first"),
    ),
}

TEST_IBANS: Mapping[str, tuple[ListedNumber, ...]] = {
    "Settles": (
        ListedNumber("AT611904300234573201", "Processing, then paid"),
        ListedNumber("AT321904300235473204", "Paid after a delay"),
    ),
    "Fails": (
        ListedNumber("AT861904300235473202", "Processing, then failed"),
        ListedNumber("AT051904300235473205", "Failed after a delay"),
        ListedNumber("AT591904300235473203", "Paid, then disputed"),
    ),
}


def find_listed_number(number: str) -> ListedNumber | None:
    """Return the listed test card or IBAN with this number."""
    listed = (
        entry
        for table in (TEST_CARDS, TEST_IBANS)
        for entries in table.values()
        for entry in entries
    )
    return next((entry for entry in listed if entry.number == number), None)
