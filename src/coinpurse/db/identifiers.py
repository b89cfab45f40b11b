"""Identifiers made before a row is written."""

from __future__ import annotations

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """Return a UUID of version 7: the time in milliseconds, then 74 random bits.

    Ordered by time for the index, unique across installations and after a restored backup.
    Source: RFC 9562, section 5.7.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = value & ~(0xF << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return UUID(int=value)
