"""Ledger rows bear the time of the clock: a host's transaction may have begun long before they were made."""

from alembic import op

revision = "0007"
down_revision = "0006"

DEFAULTS = """
ALTER TABLE coinpurse.transactions ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE coinpurse.grants ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE coinpurse.holds ALTER COLUMN created_at SET DEFAULT clock_timestamp();
"""


def upgrade() -> None:
    """Change three defaults."""
    op.execute(DEFAULTS)
