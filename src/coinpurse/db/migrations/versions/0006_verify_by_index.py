"""Indexes by which the books are verified without sorting the ledger."""

from alembic import op

revision = "0006"
down_revision = "0005"

# The order of a chain together with its figures, then the few rows that hold, freeze or owe, or touch several grants.
INDEXES = """
DROP INDEX coinpurse.transactions_user;
CREATE INDEX transactions_user ON coinpurse.transactions (user_id, id DESC) INCLUDE (coins, balance_after);
CREATE INDEX transactions_aside ON coinpurse.transactions (user_id) INCLUDE (held, frozen, debt)
    WHERE held <> 0 OR frozen <> 0 OR debt <> 0;
CREATE INDEX transactions_several ON coinpurse.transactions (user_id) WHERE cardinality(grant_ids) > 1;
"""


def upgrade() -> None:
    """Replace one index and add two."""
    op.execute(INDEXES)
