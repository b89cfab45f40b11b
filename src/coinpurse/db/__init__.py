"""The database: connections, units of work, the embedded server and the migrations."""

from coinpurse.db.engine import Database
from coinpurse.db.joining import CommitWatcher, HostConnection, join
from coinpurse.db.migrate import require_migrated, upgrade
from coinpurse.db.unit_of_work import UnitOfWork

__all__ = [
    "CommitWatcher",
    "Database",
    "HostConnection",
    "UnitOfWork",
    "join",
    "require_migrated",
    "upgrade",
]
