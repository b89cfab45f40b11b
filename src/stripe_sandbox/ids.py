"""Identifiers in Stripe's forms."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
STEM_LENGTH = 15
LENGTHS = {"cs_test_": 58, "we_": 24, "evt_": 24, "prod_": 14, "req_": 14, "cus_": 14}


def random_text(length: int) -> str:
    """Return unpredictable letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """Return a new identifier, for example new_id("evt_")."""
    if prefix == "cs_test_":
        return prefix + "a1" + random_text(LENGTHS[prefix] - 2)
    if prefix in LENGTHS:
        return prefix + random_text(LENGTHS[prefix])
    return prefix + "3" + random_text(23)


def related_id(prefix: str, parent: str) -> str:
    """Return a new identifier that shares its stem with its PaymentIntent or Charge."""
    stem = parent.split("_", 1)[1][:STEM_LENGTH]
    return prefix + stem + random_text(9)


def client_secret(parent: str) -> str:
    """Return the secret that a browser would use for this object."""
    return f"{parent}_secret_{random_text(25)}"
