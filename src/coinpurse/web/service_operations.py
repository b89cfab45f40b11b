"""What every operation of the service API shares: its key, its scope, its body and its description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, request
from flask_smorest import Blueprint

from coinpurse.api_keys import Scope
from coinpurse.web import json_requests, openapi, service_fields
from coinpurse.web.access import current_purse, limit_body
from coinpurse.web.errors import RequestRefused, answer_in_json
from coinpurse.web.openapi import marked as _
from coinpurse.web.service_fields import Fields

ALWAYS = ("invalid_key", "missing_scope", "invalid_request", "database_unavailable", "overloaded")
ALWAYS_FOR_CHANGES = (
    "idempotency_key_required",
    "invalid_json",
    "json_required",
    "too_large",
    "idempotency_conflict",
)

blueprint = Blueprint("coinpurse_service", __name__, url_prefix="/api/v1")
answer_in_json(blueprint)
blueprint.before_request(limit_body)


@dataclass(frozen=True, slots=True)
class Call:
    """What a request carries. key: for the ledger. body: the value of every field."""

    key: str
    body: dict[str, Any]


IDEMPOTENCY_KEY = openapi.parameter(
    "header",
    "Idempotency-Key",
    {**service_fields.KEY_SCHEMA, "pattern": "^[ -~]+$"},
    _("Your own name for this change. A repeat with it changes nothing and gets the first result."),
    required=True,
)


def operation(
    rule: str,
    *,
    scope: Scope,
    tag: str,
    summary: str,
    answer: str,
    fields: Fields | None = None,
    refusals: Sequence[str] = (),
    parameters: Sequence[openapi.Schema] = (),
    description: str = "",
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Make a view an operation that a key with the scope may call, and describe it.

    fields: those of a POST's body; None for a GET. answer: the component that 200 carries.
    """
    codes = [*ALWAYS, *(ALWAYS_FOR_CHANGES if fields is not None else ()), *refusals]
    documented = {
        "summary": summary,
        "description": description,
        "x-scope": scope,
        "security": [{"key": []}],
        "responses": openapi.answers(openapi.component(answer), codes),
        "parameters": [*parameters, *([IDEMPOTENCY_KEY] if fields is not None else [])],
    }
    needs_body = fields is not None and any(field.required for field in fields.values())
    if fields is not None:
        documented["requestBody"] = openapi.json_body(
            service_fields.schema_of(fields), required=needs_body
        )

    def decorate(view: Callable[..., Response]) -> Callable[..., Response]:
        @wraps(view)
        def guarded(**path: str) -> Response:
            _require_scope(scope)
            if fields is None:
                return view(**path)
            key = json_requests.idempotency_key(most=service_fields.MAXIMUM_KEY)
            if key is None:
                raise RequestRefused("idempotency_key_required")
            body = service_fields.read_fields(_read_body(needed=needs_body), fields)
            return view(Call(service_fields.KEY_PREFIX + key, body), **path)

        blueprint.add_url_rule(
            rule,
            view.__name__,
            blueprint.doc(**documented)(guarded),
            methods=["GET" if fields is None else "POST"],
            tags=[tag],
        )
        return guarded

    return decorate


def _require_scope(scope: Scope) -> None:
    """Refuse a request without a valid key, or whose key may not do this."""
    kind, _separator, text = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    key = current_purse().api_keys.find_valid(text.strip()) if kind.lower() == "bearer" else None
    if key is None:
        raise RequestRefused("invalid_key")
    if scope not in key.scopes:
        raise RequestRefused("missing_scope", scope=scope)


def _read_body(*, needed: bool) -> dict[str, Any]:
    """Return the body; one that may be left out is empty where there is none."""
    if not needed and not json_requests.read_body():
        return {}
    if request.mimetype != "application/json":
        raise RequestRefused("json_required")
    # No field of ours has a fraction; those in metadata are kept as JSON has them.
    return json_requests.read_object(fractions=float)
