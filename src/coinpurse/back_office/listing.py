"""What a list is, what can be asked of it, and how a question is read from an address. Pure: no I/O.

A list is read by keys and never by offsets: a page costs the same wherever it is and however long the list.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from coinpurse.errors import InvalidRequest
from coinpurse.ledger.rules import require_moment

ColumnKind = Literal[
    "text",
    "id",
    "number",
    "coins",
    "money",
    "time",
    "status",
    "flag",
    "user",
    "payment",
    "stripe",
    "json",
]
FilterKind = Literal["choice", "text", "number", "flag"]
# How a key of the order is written in SQL.
KeyType = Literal["timestamptz", "uuid", "bigint", "text"]

Row = Mapping[str, object]

MAXIMUM_LIMIT = 200
DEFAULT_LIMIT = 50
MAXIMUM_TEXT = 320
LARGEST_BIGINT = 2**63 - 1
# What a flag has in an address.
FLAG = "1"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. sql: where it comes from, its name by default.

    currency: for money, the column with its currency.
    """

    name: str
    kind: ColumnKind = "text"
    sql: str = ""
    currency: str = "currency"


@dataclass(frozen=True, slots=True)
class Filter:
    """A way to narrow a list. sql: a condition on %(name)s that an index answers.

    choices: all values that it takes, for kind `choice`. A flag takes `1`.
    """

    name: str
    sql: str
    kind: FilterKind = "text"
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """What a typed text of this form may be. conditions: on %(q)s, again for an index; the first that fits a row holds.

    read: makes the value of the text.
    """

    form: re.Pattern[str]
    conditions: tuple[str, ...]
    read: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of the back office. The newest rows come first.

    source: what SELECT … FROM reads. order: expressions whose values together are unique, with their types.
    time: the expression that a range of days narrows; None where there is none. since, until: conditions on %(since)s
    and %(until)s that say the same of the order, where that is not by time. searches: the first whose form fits holds.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    order: tuple[tuple[str, KeyType], ...]
    time: str | None = None
    since: str | None = None
    until: str | None = None
    filters: tuple[Filter, ...] = ()
    searches: tuple[Search, ...] = ()

    def filter(self, name: str) -> Filter | None:
        """Return the filter of this name."""
        return next((each for each in self.filters if each.name == name), None)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What is asked of a list. since, until: moments; the second is not part of the range.

    filters: values by the filters' names. older, newer: a cursor of the page before; one of them at most.
    """

    q: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    older: str | None = None
    newer: str | None = None
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page, in the order of the list. older, newer: cursors of the pages next to it; None where it ends."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    older: str | None
    newer: str | None


def read_query(listing: Listing, address: Mapping[str, str], *, time_zone: str) -> ListQuery:
    """Read the part of an address after the `?`; names that the list does not know are left out.

    `q`, `from` and `to` (days, both part of the range), `older` or `newer`, `limit`, and the filters' names.
    Raises InvalidRequest whose field is the name.
    """
    first = _read_day(address, "from")
    last = _read_day(address, "to")
    if first and last and first > last:
        raise InvalidRequest("to", "must not be before the first day")
    if (first or last) and listing.time is None:
        raise InvalidRequest("from", "this list has no days")
    older, newer = (address.get(name) or None for name in ("older", "newer"))
    if older and newer:
        raise InvalidRequest("older", "excludes newer")
    for name, cursor in (("older", older), ("newer", newer)):
        if cursor:
            read_cursor(listing, cursor, field_name=name)
    filters = {
        each.name: _read_filter(each, address[each.name])
        for each in listing.filters
        if address.get(each.name, "").strip()
    }
    q = _read_text(address.get("q", ""), "q")
    if q:
        find_search(listing, q)
    return ListQuery(
        q=q,
        filters=filters,
        since=start_of_day(first, time_zone) if first else None,
        until=start_of_day(last + timedelta(days=1), time_zone) if last else None,
        older=older,
        newer=newer,
        limit=_read_limit(address.get("limit", "")),
    )


def find_search(listing: Listing, q: str) -> tuple[Search, str]:
    """Return how a typed text is looked up, and as what. Raises InvalidRequest where the list has no such search."""
    for search in listing.searches:
        if search.form.fullmatch(q):
            return search, search.read(q)
    raise InvalidRequest("q", "this cannot be looked up in this list")


def start_of_day(day: date, time_zone: str) -> datetime:
    """Return the first moment of a day in a time zone."""
    return datetime.combine(day, time.min, ZoneInfo(time_zone)).astimezone(UTC)


def write_cursor(values: tuple[object, ...]) -> str:
    """Return a place in a list as text for an address."""
    texts = [each.isoformat() if isinstance(each, datetime) else str(each) for each in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def read_cursor(listing: Listing, cursor: str, *, field_name: str = "older") -> tuple[object, ...]:
    """Return the values of a place in the list. Raises InvalidRequest for a text that is none."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        texts = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
        if not isinstance(texts, list) or len(texts) != len(listing.order):
            raise ValueError
        if not all(isinstance(text, str) for text in texts):
            raise ValueError
        return tuple(
            _READ_KEY[type_](text) for text, (_, type_) in zip(texts, listing.order, strict=True)
        )
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, InvalidRequest):
        raise InvalidRequest(field_name, "is no place in this list") from None


def _read_key_time(text: str) -> datetime:
    return require_moment(datetime.fromisoformat(text), field="older")


def _read_key_number(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST_BIGINT:
        raise ValueError
    return number


_READ_KEY: dict[KeyType, Callable[[str], object]] = {
    "timestamptz": _read_key_time,
    "uuid": UUID,
    "bigint": _read_key_number,
    "text": lambda text: _read_text(text, "older", keep=True),
}


def _read_text(text: object, name: str, *, keep: bool = False) -> str:
    if not isinstance(text, str) or len(text) > MAXIMUM_TEXT:
        raise InvalidRequest(name, f"must be a text of at most {MAXIMUM_TEXT} characters")
    text = text if keep else text.strip()
    # `isprintable` also refuses null characters and halves of surrogate pairs, which no database takes.
    if not text.isprintable():
        raise InvalidRequest(name, "must be printable characters")
    return text


def _read_filter(known: Filter, value: str) -> str:
    value = _read_text(value, known.name)
    choices = (FLAG,) if known.kind == "flag" else known.choices
    if known.kind == "number" and re.fullmatch(r"[0-9]{1,18}", value) is None:
        raise InvalidRequest(known.name, "must be a number")
    if known.kind in ("choice", "flag") and value not in choices:
        raise InvalidRequest(known.name, f"must be one of {', '.join(choices)}")
    return value


def _read_day(address: Mapping[str, str], name: str) -> date | None:
    text = address.get(name, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(name, "must be a day such as 2026-11-01") from None
    if not 1970 <= day.year < 9999:
        raise InvalidRequest(name, "must be a day from 1970 to 9998")
    return day


def _read_limit(text: str) -> int:
    if not text.strip():
        return DEFAULT_LIMIT
    if re.fullmatch(r"[0-9]{1,4}", text) is None or not 1 <= int(text) <= MAXIMUM_LIMIT:
        raise InvalidRequest("limit", f"must be from 1 to {MAXIMUM_LIMIT}")
    return int(text)
