"""An index by which a user's reversals are verified."""

from alembic import op

revision = "0008"
down_revision = "0007"

INDEX = """
CREATE INDEX transactions_reversals ON coinpurse.transactions (user_id) WHERE reverses IS NOT NULL;
"""


def upgrade() -> None:
    """Add one index."""
    op.execute(INDEX)
