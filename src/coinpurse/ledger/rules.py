"""The ledger's values, and which of them are acceptable. Pure: no I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

from coinpurse.errors import InvalidRequest
from coinpurse.money import Money

# What JSON carries exactly; sums of many stay inside 63 bits.
MAXIMUM_COINS = 2**53 - 1
MAXIMUM_KEY = 255
MAXIMUM_DESCRIPTION = 1000
MAXIMUM_METADATA = 8192
# Far below what Python reads and writes: what was kept must be readable from wherever it is asked for.
MAXIMUM_METADATA_LEVELS = 100
MAXIMUM_TTL_SECONDS = 366 * 24 * 3600
# Python reads no year after 9999 or before 1, in whatever time zone the database shows it.
FIRST_MOMENT = datetime(2, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)
# A null character in JSON; not the text of a backslash and `u0000`.
NULL_CHARACTER = re.compile(r"(?<!\\)(\\\\)*\\u0000")

# Keys that the product makes itself; a caller's must not take their place.
RESERVED_KEYS = ("purchase:", "claim:", "review:", "fraud_warning:", "adjustment:", "import:")

GrantKind = Literal["paid", "bonus"]
# What becomes of coins that are to be taken back and were spent already.
SpentPolicy = Literal["debt", "forgive", "block"]
ClaimCause = Literal["refund", "dispute"]


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a user has; somebody without a wallet has zero of everything.

    balance = paid + bonus - debt. Of it, `held` is set aside and `frozen` is disputed.
    debt: coins that a refund took back after they were spent; the next credit repays it.
    """

    user_id: str
    balance: int = 0
    held: int = 0
    frozen: int = 0
    paid: int = 0
    bonus: int = 0
    debt: int = 0
    blocked: bool = False

    @property
    def available(self) -> int:
        """Coins that can be spent now; negative while in debt."""
        return self.balance - self.held - self.frozen


@dataclass(frozen=True, slots=True)
class NewGrant:
    """Coins that are to come together.

    price: what was paid for them; None for a gift. expires_at: when the rest is lost; None for never.
    """

    kind: GrantKind
    coins: int
    price: Money | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """One item of `spend_many`."""

    user_id: str
    coins: int
    key: str
    description: str = ""
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the ledger; rows never change.

    coins, held, frozen, debt: signed changes of the wallet's. balance_after: its balance from then on.
    forgiven: coins that were to be taken back, were spent, and are not owed.
    grants: id of each grant touched, and its signed change or what was set aside in it.
    reverses: the row that this one undoes. created: False for the first result of a repeated key.
    """

    id: int
    user_id: str
    type: str
    coins: int
    balance_after: int
    held: int
    frozen: int
    debt: int
    forgiven: int
    price: Money | None
    payment_id: UUID | None
    session_id: str | None
    hold_id: int | None
    reverses: int | None
    description: str
    actor: str | None
    metadata: Mapping[str, Any] | None
    idempotency_key: str
    grants: tuple[tuple[int, int], ...]
    created_at: datetime
    created: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Coins set aside. state: open, captured, voided or timed_out. captured: how many were taken."""

    id: int
    user_id: str
    coins: int
    captured: int
    state: str
    description: str
    expires_at: datetime
    created_at: datetime
    created: bool = False


@dataclass(frozen=True, slots=True)
class ExpiringCoins:
    """What a user loses on one day, as it stands now. first_at: when on that day it begins."""

    user_id: str
    day: date
    coins: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class GrantStory:
    """What became of one grant until a moment. moves: transaction type to the sum of its changes."""

    id: int
    kind: str
    source: str
    coins: int
    payment_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    moves: Mapping[str, int]
    remaining: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A balance at a moment, with its causes: the grants behind it and the latest rows before it."""

    user_id: str
    at: datetime
    balance: int
    held: int
    frozen: int
    debt: int
    grants: tuple[GrantStory, ...]
    transactions: tuple[Transaction, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A wallet that does not agree with its rows. what: which figure. wallet, rows: the two that differ.

    Where `what` names rows that are wrong, wallet says how many and rows is 0.
    """

    user_id: str
    what: str
    wallet: int
    rows: int


def require_coins(coins: object, *, field: str = "coins", least: int = 1) -> int:
    """Return a number of coins. Raises InvalidRequest unless it is whole and from `least` to 2^53 - 1."""
    if type(coins) is not int or not least <= coins <= MAXIMUM_COINS:
        raise InvalidRequest(field, f"must be a whole number from {least} to {MAXIMUM_COINS}")
    return coins


def require_key(key: object, *, field: str = "key") -> str:
    """Return a key or user id: 1 to 255 printable characters. Raises InvalidRequest."""
    # `isprintable` also refuses control characters and halves of surrogate pairs, which no database takes.
    if not isinstance(key, str) or not 1 <= len(key) <= MAXIMUM_KEY or not key.isprintable():
        raise InvalidRequest(field, f"must be 1 to {MAXIMUM_KEY} printable characters")
    return key


def require_callers_key(key: object) -> str:
    """Return a key that a caller chose. Raises InvalidRequest for one that the product itself would use."""
    known = require_key(key)
    if known.startswith(RESERVED_KEYS):
        raise InvalidRequest(
            "key", f"must not begin with {known.partition(':')[0]}:, which is the store's own"
        )
    return known


def require_description(description: object, *, field: str = "description") -> str:
    """Return the words of a row: 1000 characters at most. Raises InvalidRequest."""
    if not isinstance(description, str) or len(description) > MAXIMUM_DESCRIPTION:
        raise InvalidRequest(field, f"must be a text of at most {MAXIMUM_DESCRIPTION} characters")
    if "\x00" in description or not _is_unicode(description):
        raise InvalidRequest(field, "must be text without null characters")
    return description


def require_reason(reason: object, actor: object) -> None:
    """Refuse a correction by hand that does not say why and by whom. Raises InvalidRequest."""
    known = require_description(reason, field="reason")
    if not known.strip() or not require_key(actor, field="actor").strip():
        raise InvalidRequest("reason", "a correction by hand needs a reason and an actor")


def require_moment(moment: object, *, field: str) -> datetime:
    """Return a date and time that has a time zone, of the years 2 to 9998. Raises InvalidRequest."""
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidRequest(field, "must be a date and time with a time zone")
    if not FIRST_MOMENT <= moment < LAST_MOMENT:
        raise InvalidRequest(field, "must be in the years 2 to 9998")
    return moment


def metadata_json(metadata: Mapping[str, Any] | None) -> str | None:
    """Return metadata as JSON: an object of at most 8 KiB, nested 100 levels at most. Raises InvalidRequest."""
    if metadata is None:
        return None
    try:
        text = json.dumps(metadata, allow_nan=False, sort_keys=True, ensure_ascii=False)
        size_bytes = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequest("metadata", "must be an object that JSON can carry") from None
    if not text.startswith("{") or size_bytes > MAXIMUM_METADATA:
        raise InvalidRequest("metadata", f"must be an object of at most {MAXIMUM_METADATA} bytes")
    if _levels(metadata, text) > MAXIMUM_METADATA_LEVELS:
        raise InvalidRequest(
            "metadata", f"must be nested {MAXIMUM_METADATA_LEVELS} levels deep at most"
        )
    if NULL_CHARACTER.search(text):
        raise InvalidRequest("metadata", "must be without null characters")
    return text


def _levels(metadata: Mapping[str, Any], text: str) -> int:
    """Return how deep metadata is nested, or more; as many brackets as there are in its JSON at most."""
    brackets = text.count("{") + text.count("[")
    if brackets <= MAXIMUM_METADATA_LEVELS:
        return brackets
    levels = 0
    found: list[Any] = [metadata]
    while found:
        levels += 1
        inner = (each.values() if isinstance(each, Mapping) else each for each in found)
        found = [
            each for values in inner for each in values if isinstance(each, Mapping | list | tuple)
        ]
    return levels


def digest(*content: object) -> bytes:
    """SHA-256 of what an idempotency key stands for. Words for people are left out: they may be reworded."""
    return hashlib.sha256(json.dumps(content, default=str).encode()).digest()


def spend_digest(coins: int, metadata: str | None) -> bytes:
    """Return `digest("spend", coins, metadata)`, in a quarter of its time."""
    written = "null" if metadata is None else json.dumps(metadata)
    return hashlib.sha256(f'["spend", {coins}, {written}]'.encode()).digest()


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
