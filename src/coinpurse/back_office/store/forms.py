"""What a typed text can be, by its form, and what is looked up for it."""

from __future__ import annotations

import re

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
SESSION = re.compile(r"cs_\w+", re.ASCII)
INTENT = re.compile(r"pi_\w+", re.ASCII)
REFUND = re.compile(r"(?:re|pyr)_\w+", re.ASCII)
DISPUTE = re.compile(r"(?:dp|du)_\w+", re.ASCII)
EVENT = re.compile(r"evt_\w+", re.ASCII)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
ANYTHING = re.compile(r".+")


# The account with the e-mail address that was typed.
ACCOUNT = "(SELECT id::text FROM coinpurse.users WHERE lower(email) = lower(%(q)s))"


def prefix_of(text: str) -> str:
    """Return a pattern for LIKE that every text fits which begins so."""
    return re.sub(r"([\\%_])", r"\\\1", text.lower()) + "%"
