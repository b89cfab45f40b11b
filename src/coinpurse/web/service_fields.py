"""The fields of the service API's bodies: how each is read, and how it is documented, in one place.

Bodies are read strictly. Coins are whole numbers (10.0 is not one), a field that is not known is refused, since
a misspelt one would otherwise do nothing, and null stands for a field that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from coinpurse.errors import InvalidRequest
from coinpurse.ledger.rules import (
    MAXIMUM_COINS,
    MAXIMUM_DESCRIPTION,
    MAXIMUM_METADATA,
    MAXIMUM_METADATA_LEVELS,
    MAXIMUM_TTL_SECONDS,
    metadata_json,
)
from coinpurse.money import MAXIMUM_MINOR
from coinpurse.refunds import REASONS
from coinpurse.web.language import gettext as _
from coinpurse.web.openapi import BUYERS_LANGUAGE, KEPT_METADATA

# The ledger's own keys (`purchase:…`) live beside those of callers, who therefore get a prefix.
KEY_PREFIX = "api:"
MAXIMUM_KEY = 250
MAXIMUM_USER_ID = 255
MAXIMUM_URL = 2048
LONGEST_TAG = 35
LONGEST_NAME_SHOWN = 100
# RFC 3339: what every language writes, and less than `fromisoformat` takes.
MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
# Years that PostgreSQL and Python can both show in every time zone.
FIRST_YEAR, LAST_YEAR = 1971, 9000
Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. read: takes its name and its value, and raises InvalidRequest. default: where it is left out."""

    read: Callable[[str, Any], Any]
    schema: Schema
    required: bool = False
    default: object = None


Fields = Mapping[str, Field]


def read_fields(body: object, fields: Fields) -> dict[str, Any]:
    """Return the value of every field. Raises InvalidRequest, naming the field."""
    if not isinstance(body, dict):
        raise InvalidRequest("body", _("must be an object"))
    for name in body:
        if name not in fields:
            shown = name[:LONGEST_NAME_SHOWN].encode("utf-8", "backslashreplace").decode()
            raise InvalidRequest(shown, _("is not a field of this request"))
    values = {}
    for name, field in fields.items():
        value = body.get(name)
        if value is not None:
            values[name] = field.read(name, value)
        elif field.required:
            raise InvalidRequest(name, _("is missing"))
        else:
            values[name] = field.default
    return values


def schema_of(fields: Fields) -> Schema:
    """Return the JSON Schema of a body."""
    required = [name for name, field in fields.items() if field.required]
    return {
        "type": "object",
        "properties": {
            name: field.schema if field.required else {**field.schema, "nullable": True}
            for name, field in fields.items()
        },
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def whole_number(least: int, most: int) -> Callable[[str, Any], int]:
    """Make a reader of whole numbers."""

    def read(name: str, value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise InvalidRequest(
                name, _("must be a whole number from %(least)s to %(most)s", least=least, most=most)
            )
        return value

    return read


def name_text(most: int) -> Callable[[str, Any], str]:
    """Make a reader of names and keys: printable characters."""

    def read(name: str, value: Any) -> str:
        # `isprintable` also refuses control characters and halves of surrogate pairs, which no database takes.
        # U+FFFD stands for bytes that were not UTF-8: two broken names must not become one user.
        if (
            not isinstance(value, str)
            or not 1 <= len(value) <= most
            or not value.isprintable()
            or "\ufffd" in value
        ):
            raise InvalidRequest(name, _("must be 1 to %(most)s printable characters", most=most))
        return value

    return read


def _prose(name: str, value: Any) -> str:
    if (
        not isinstance(value, str)
        or len(value) > MAXIMUM_DESCRIPTION
        or "\x00" in value
        or not _is_unicode(value)
    ):
        raise InvalidRequest(
            name, _("must be a text of at most %(most)s characters", most=MAXIMUM_DESCRIPTION)
        )
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refund_reason(name: str, value: Any) -> str:
    if value not in REASONS:
        raise InvalidRequest(name, _("must be one of %(values)s", values=", ".join(REASONS)))
    return str(value)


def _kind(name: str, value: Any) -> str:
    if value not in ("paid", "bonus"):
        raise InvalidRequest(name, _("must be paid or bonus"))
    return str(value)


def _metadata(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidRequest(name, _("must be an object"))
    try:
        metadata_json(value)
    except InvalidRequest:
        raise InvalidRequest(
            name,
            _(
                "must be an object of at most %(most)s bytes as JSON, nested %(levels)s levels deep at most",
                most=MAXIMUM_METADATA,
                levels=MAXIMUM_METADATA_LEVELS,
            ),
        ) from None
    return value


def _moment(name: str, value: Any) -> datetime:
    try:
        if not isinstance(value, str) or MOMENT.fullmatch(value) is None:
            raise ValueError
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError
    except (ValueError, OverflowError):
        raise InvalidRequest(
            name, _("must be a time with its zone, such as 2030-01-31T18:00:00Z")
        ) from None
    return moment


read_user_id = name_text(MAXIMUM_USER_ID)
read_key = name_text(MAXIMUM_KEY)

COINS_SCHEMA: Schema = {"type": "integer", "minimum": 1, "maximum": MAXIMUM_COINS, "example": 25}
USER_ID_SCHEMA: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAXIMUM_USER_ID,
    "example": "ada",
}
KEY_SCHEMA: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAXIMUM_KEY,
    "example": "order-1001",
}
URL_SCHEMA: Schema = {
    "type": "string",
    "format": "uri",
    "maxLength": MAXIMUM_URL,
    "example": "https://yourapp.com/payment/success?session_id={CHECKOUT_SESSION_ID}",
}

coins = Field(whole_number(1, MAXIMUM_COINS), COINS_SCHEMA, required=True)
some_coins = Field(whole_number(1, MAXIMUM_COINS), COINS_SCHEMA)
user_id = Field(read_user_id, USER_ID_SCHEMA, required=True)
description = Field(
    _prose,
    {"type": "string", "maxLength": MAXIMUM_DESCRIPTION, "example": "A picture, 512 x 512"},
    default="",
)
metadata = Field(
    _metadata,
    {
        "type": "object",
        "additionalProperties": True,
        "description": KEPT_METADATA,
    },
)

SPEND: Fields = {"coins": coins, "description": description, "metadata": metadata}
USAGE_ITEM: Fields = {
    "user_id": user_id,
    "coins": coins,
    "key": Field(read_key, KEY_SCHEMA, required=True),
    "description": description,
    "metadata": metadata,
}
CREDIT: Fields = {
    "coins": coins,
    "kind": Field(
        _kind, {"type": "string", "enum": ["paid", "bonus"], "default": "bonus"}, default="bonus"
    ),
    "source": Field(
        name_text(100),
        {"type": "string", "minLength": 1, "maxLength": 100, "default": "promotion"},
        default="promotion",
    ),
    "expires_at": Field(
        _moment, {"type": "string", "format": "date-time", "example": "2030-01-31T18:00:00Z"}
    ),
    "description": description,
}
HOLD: Fields = {
    "coins": coins,
    "ttl_seconds": Field(
        whole_number(1, MAXIMUM_TTL_SECONDS),
        {"type": "integer", "minimum": 1, "maximum": MAXIMUM_TTL_SECONDS, "default": 3600},
        default=3600,
    ),
    "description": description,
}
CAPTURE: Fields = {"coins": some_coins, "description": Field(_prose, description.schema)}
VOID: Fields = {}
REVERSE: Fields = {"coins": some_coins, "description": description}
REFUND: Fields = {
    "amount_minor": Field(
        whole_number(1, MAXIMUM_MINOR),
        {"type": "integer", "minimum": 1, "maximum": MAXIMUM_MINOR, "example": 4999},
    ),
    "reason": Field(_refund_reason, {"type": "string", "enum": list(REASONS)}),
}
CHECKOUT: Fields = {
    "user_id": user_id,
    "pack": Field(name_text(100), {"type": "string", "example": "chest"}, required=True),
    "currency": Field(
        name_text(3),
        {"type": "string", "minLength": 1, "maxLength": 3, "default": "usd"},
        default="usd",
    ),
    "success_url": Field(name_text(MAXIMUM_URL), URL_SCHEMA),
    "cancel_url": Field(
        name_text(MAXIMUM_URL), {**URL_SCHEMA, "example": "https://yourapp.com/payment/cancel"}
    ),
    "locale": Field(
        name_text(LONGEST_TAG),
        {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_TAG,
            "example": "zh-CN",
            "description": BUYERS_LANGUAGE,
        },
    ),
}
