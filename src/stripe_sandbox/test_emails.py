"""Test emails: how a buyer ends a payment that is made elsewhere, at a till or by bank transfer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestBuyer:
    """How a buyer with this email goes on. late: after minutes. settles: False for never."""

    __test__ = False

    pays: bool = True
    late: bool = False
    settles: bool = True


# What the part of the email before its @ ends with.
BUYERS = {
    "succeed_immediately": TestBuyer(),
    "succeed_with_delay": TestBuyer(late=True),
    "expire_immediately": TestBuyer(pays=False),
    "expire_with_delay": TestBuyer(pays=False, late=True),
    "fill_never": TestBuyer(settles=False),
}


def outcome(email: str) -> TestBuyer:
    """Return how payments of this buyer end; emails not listed pay soon."""
    name = email.partition("@")[0]
    return next((buyer for end, buyer in BUYERS.items() if name.endswith(end)), TestBuyer())
