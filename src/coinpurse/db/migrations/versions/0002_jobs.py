"""Procrastinate's tables and functions, inside our schema."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Lay Procrastinate's own schema where our jobs find it."""
    op.execute("SET LOCAL search_path TO coinpurse")
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute("SET LOCAL search_path TO DEFAULT")
