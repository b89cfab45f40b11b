"""Old messages are cleared: their deliveries go, and what they told; that they were told stays."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"

CLEARED = """
ALTER TABLE coinpurse.messages ADD COLUMN cleared_at timestamptz;
CREATE INDEX messages_whole ON coinpurse.messages (created_at, id) WHERE cleared_at IS NULL;
COMMENT ON COLUMN coinpurse.messages.cleared_at IS
    'when its deliveries, facts and user were deleted; the cause stays, so that it is never announced again';
"""


def upgrade() -> None:
    """Note what was cleared."""
    op.execute(CLEARED)
