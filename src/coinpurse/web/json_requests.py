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

    Raises RequestRefused for anything that is not a JSON object in UTF-8; NaN and Infinity are not JSON, and a field
    that is there twice has no value.
    """
    try:
        body = json.loads(
            read_body().decode("utf-8"),
            parse_float=fractions,
            parse_constant=_not_json,
            object_pairs_hook=_each_once,
        )
    except (ValueError, RecursionError, InvalidOperation):
        raise RequestRefused("invalid_json") from None
    if not isinstance(body, dict):
        raise RequestRefused("invalid_json")
    return body


def read_body() -> bytes:
    """Return the whole body, which may be empty. Raises RequestRefused for one that is larger than any of ours."""
    if "Transfer-Encoding" in request.headers and not request.environ.get("wsgi.input_terminated"):
        # Flask would take a body whose end the server does not find for an empty one.
        raise RequestRefused("invalid_json")
    given = request.get_data()
    # A body that comes in pieces is cut at the limit: whether there was more shows when reading goes on.
    if request.content_length is None and given and request.stream.read(1):
        raise RequestRefused("too_large")
    return given


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
    parts = key.split(",")
    if len(parts) > 1 and len({part.strip() for part in parts}) == 1:
        # Servers join a header that was sent twice; without the second it would be another key.
        raise InvalidRequest("Idempotency-Key", _("must be sent once"))
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


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A field is there twice.")
    return found


def _not_json(constant: str) -> None:
    raise ValueError(constant)
