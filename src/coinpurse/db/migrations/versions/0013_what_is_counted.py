"""Figures that take long to count, as a job has last counted them, and disputes by their time."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

FIGURES = """
CREATE TABLE coinpurse.figures (
    name         text PRIMARY KEY,
    value        double precision NOT NULL,
    taken_at     timestamptz NOT NULL,
    took_seconds double precision NOT NULL
);
COMMENT ON TABLE coinpurse.figures IS 'sums over whole tables, counted now and then; nothing but monitoring reads them';
COMMENT ON COLUMN coinpurse.figures.took_seconds IS 'how long the counting of all of them took; it sets how often';
CREATE INDEX disputes_created ON coinpurse.disputes (created_at);
"""


def upgrade() -> None:
    """Create the table and the index."""
    op.execute(FIGURES)
