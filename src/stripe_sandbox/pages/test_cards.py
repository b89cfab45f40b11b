"""The test numbers that the checkout page offers to fill in.

Source: docs.stripe.com/testing. What a number does is decided by the sandbox's core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestNumber:
    """One number and what comes of it, in a few English words."""

    __test__ = False

    number: str
    effect: str

    @property
    def grouped(self) -> str:
        """The number in groups of four, as it stands on a card."""
        return " ".join(self.number[start : start + 4] for start in range(0, len(self.number), 4))


TEST_CARDS: Mapping[str, tuple[TestNumber, ...]] = {
    "Succeeds": (
        TestNumber("4242424242424242", "Visa, paid at once"),
        TestNumber("5555555555554444", "Mastercard, paid at once"),
        TestNumber("378282246310005", "American Express, 4-digit code"),
    ),
    "Asks for 3-D Secure": (
        TestNumber("4000000000003220", "Authentication required"),
        TestNumber("4000008400001629", "Authenticates, then declined"),
    ),
    "Declined": (
        TestNumber("4000000000000002", "Declined without a reason"),
        TestNumber("4000000000009995", "Insufficient funds"),
        TestNumber("4000000000000069", "Expired card"),
        TestNumber("4000000000000127", "Wrong security code"),
        TestNumber("4000000000000119", "Processing error"),
        TestNumber("4100000000000019", "Blocked as fraud"),
    ),
    "Paid, trouble later": (
        TestNumber("4000000000000259", "Disputed as fraud"),
        TestNumber("4000000000001976", "Inquiry by the bank"),
        TestNumber("4000000000005423", "Early fraud warning"),
        TestNumber("4000000000005126", "A refund fails later"),
        TestNumber("4000000000007726", "A refund stays pending first"),
    ),
}

TEST_IBANS: Mapping[str, tuple[TestNumber, ...]] = {
    "Settles": (
        TestNumber("AT611904300234573201", "Processing, then paid"),
        TestNumber("AT321904300235473204", "Paid after a delay"),
    ),
    "Fails": (
        TestNumber("AT861904300235473202", "Processing, then failed"),
        TestNumber("AT051904300235473205", "Failed after a delay"),
    ),
}


def find_test_number(number: str) -> TestNumber | None:
    """Return the listed test card or IBAN with this number."""
    listed = (
        entry
        for table in (TEST_CARDS, TEST_IBANS)
        for entries in table.values()
        for entry in entries
    )
    return next((entry for entry in listed if entry.number == number), None)
