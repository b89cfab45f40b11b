"""How an update changes metadata: key by key, an empty value removes, empty altogether clears."""

from __future__ import annotations

from stripe_sandbox.json_types import Json


def merged(current: Json | None, update: Json | None) -> Json:
    """Return the metadata after an update; None clears all of it."""
    if update is None:
        return {}
    both = (current or {}) | update
    return {key: value for key, value in both.items() if value is not None}


def created(given: Json | None) -> Json:
    """Return the metadata of a new object."""
    return merged({}, given)
