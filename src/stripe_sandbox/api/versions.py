"""API versions that the sandbox speaks, and what differs between them."""

from __future__ import annotations

from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.config import DEFAULT_API_VERSION

# Oldest first. Within one flower, later letters only add.
VERSIONS = (
    "2026-03-25.dahlia",
    DEFAULT_API_VERSION,
    "2026-09-30.endive",
    "2026-10-28.endive",
)
LATEST = VERSIONS[-1]
WITHOUT_PAYMENT_METHOD_TYPES = frozenset(VERSIONS[2:])


def resolve(requested: str | None) -> str:
    """Return the version of a request. Raises a 400 for versions not spoken here."""
    if requested is None:
        return DEFAULT_API_VERSION
    if requested not in VERSIONS:
        raise ApiError(
            f"Invalid Stripe API version: {requested}. The sandbox speaks {', '.join(VERSIONS)}.",
            saved=False,
            logged=False,
        )
    return requested
