"""A version of each user's sessions, so that all of them can be ended at once."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

SESSIONS = """
ALTER TABLE coinpurse.users ADD COLUMN session_version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN coinpurse.users.session_version IS
    'counted up to end all sessions: a cookie of another version is worth nothing';
"""


def upgrade() -> None:
    """Add the column. Cookies from before it count as of version 1."""
    op.execute(SESSIONS)
