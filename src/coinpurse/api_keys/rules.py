"""What a key looks like and what it may be used for. Pure: no I/O.

A key is `cpk_`, eight public digits that name it, `_`, and 160 random bits. Only its SHA-256 is stored: a text
with that much randomness needs no slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from coinpurse.errors import InvalidRequest

Scope = Literal["read", "spend", "grant", "refund", "checkout"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PUBLIC_BYTES = 4
SECRET_BYTES = 20
FORM = re.compile(r"(cpk_[0-9a-f]{8})_[0-9a-f]{40}", re.ASCII)
MAXIMUM_NAME = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored. last_used_at: to the minute."""

    id: UUID
    name: str
    prefix: str
    scopes: frozenset[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made. text: the key itself, which nobody can show again."""

    text: str
    key: ApiKey


def new_text() -> str:
    """Return a new key."""
    return f"cpk_{secrets.token_hex(PUBLIC_BYTES)}_{secrets.token_hex(SECRET_BYTES)}"


def find_prefix(text: str) -> str | None:
    """Return the public beginning of a key; None for a text that cannot be one."""
    found = FORM.fullmatch(text)
    return found and found.group(1)


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a key."""
    return hashlib.sha256(text.encode()).digest()


def require_name(name: str) -> str:
    """Return a key's name: 1 to 100 printable characters. Raises InvalidRequest."""
    if not 1 <= len(name.strip()) <= MAXIMUM_NAME or not name.isprintable():
        raise InvalidRequest("name", f"must be 1 to {MAXIMUM_NAME} printable characters")
    return name.strip()


def require_scopes(scopes: Iterable[str]) -> list[str]:
    """Return the scopes once each, in the order of SCOPES. Raises InvalidRequest for none and for unknown ones."""
    wanted = set(scopes)
    if not wanted or not wanted <= set(SCOPES):
        raise InvalidRequest("scopes", f"must be one or more of {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in wanted]
