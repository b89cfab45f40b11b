"""The database: connections, units of work, the embedded server and the migrations."""

from coinpurse.db.engine import Database
from coinpurse.db.migrate import require_migrated, upgrade
from coinpurse.db.unit_of_work import UnitOfWork

__all__ = ["Database", "UnitOfWork", "require_migrated", "upgrade"]
