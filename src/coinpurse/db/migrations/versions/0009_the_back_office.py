"""The back office: staff, audit log, adjustments that wait for a second person."""

from __future__ import annotations

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Change nothing yet."""
