"""JSON request bodies, which the second API generation takes."""

from __future__ import annotations

import json

from stripe_sandbox.api.errors import MalformedRequest
from stripe_sandbox.json_types import Json


def parse(body: bytes) -> Json:
    """Return the object of a JSON body. Raises MalformedRequest."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise MalformedRequest("Invalid JSON in the request body.") from error
    if not isinstance(value, dict):
        raise MalformedRequest("The request body must be a JSON object.")
    return value
