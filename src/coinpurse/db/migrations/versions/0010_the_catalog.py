"""The catalog: versions that were edited here, and what Stripe knows of it."""

from __future__ import annotations

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Change nothing yet."""
