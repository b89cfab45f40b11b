"""Reading a JSON body, field by field, with a clear refusal for each mistake."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import request

from coinpurse.errors import InvalidRequest
from coinpurse.money import Money
from coinpurse.web.errors import RequestRefused
from coinpurse.web.language import gettext as _

MAXIMUM_WHOLE_NUMBER = 2**53 - 1
MAXIMUM_TEXT = 2048
IDEMPOTENCY_KEY_LENGTH = 255


def read_object(*, fractions: type[Decimal] | type[float] = Decimal) -> dict[str, Any]:
    """Return the body as an object; numbers with a fraction are Decimals unless floats are asked for.

    Raises RequestRefused for anything that is not a JSON object in UTF-8; NaN and Infinity are not JSON.
    """
    try:
        body = json.loads(
            request.get_data(cache=False).decode("utf-8"),
            parse_float=fractions,
            parse_constant=_not_json,
        )
    except (ValueError, RecursionError, InvalidOperation):
        raise RequestRefused("invalid_json") from None
    if not isinstance(body, dict):
        raise RequestRefused("invalid_json")
    return body


def text(body: dict[str, Any], field: str, *, default: str | None = None) -> str:
    """Return a field's text: not empty, printable, 2048 characters at most. Raises InvalidRequest."""
    value = body.get(field, default)
    if value is None:
        raise InvalidRequest(field, _("is missing"))
    # `isprintable` also refuses control characters and halves of surrogate pairs, which no database takes.
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidRequest(field, _("must be a text"))
    if len(value) > MAXIMUM_TEXT:
        raise InvalidRequest(field, _("is too long"))
    return value


def whole_number(
    body: dict[str, Any], field: str, *, least: int, default: int | None = None
) -> int:
    """Return a field's whole number from `least` to 2^53 - 1. Raises InvalidRequest."""
    value = body.get(field, default)
    if value is None:
        raise InvalidRequest(field, _("is missing"))
    if type(value) is not int or not least <= value <= MAXIMUM_WHOLE_NUMBER:
        raise InvalidRequest(field, _("must be a whole number, %(least)s or more", least=least))
    return value


def price(body: dict[str, Any], field: str, currency: str) -> Money:
    """Return a field's amount, given in major units as a JSON number. Raises InvalidRequest."""
    value = body.get(field)
    if value is None:
        raise InvalidRequest(field, _("is missing"))
    if type(value) not in (int, Decimal):
        raise InvalidRequest(field, _("must be a number such as 9.99"))
    try:
        return Money.from_major(Decimal(value), currency)
    except InvalidRequest:
        raise InvalidRequest(
            field, _("is not a price in %(currency)s", currency=currency.upper())
        ) from None


def idempotency_key(*, most: int = IDEMPOTENCY_KEY_LENGTH) -> str | None:
    """Return the Idempotency-Key header, or None. Raises InvalidRequest."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= most:
        raise InvalidRequest(
            "Idempotency-Key", _("must be 1 to %(most)s printable ASCII characters", most=most)
        )
    return key


def query_number(field: str, *, least: int, most: int, default: int | None) -> int | None:
    """Return a whole number of the query string, or the default. Raises InvalidRequest."""
    given = request.args.get(field)
    if given is None or given == "":
        return default
    if not (
        given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most
    ):
        raise InvalidRequest(
            field, _("must be a whole number from %(least)s to %(most)s", least=least, most=most)
        )
    return int(given)


def _not_json(constant: str) -> None:
    raise ValueError(constant)
