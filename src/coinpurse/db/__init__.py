"""The database: connections, units of work, the embedded server and the migrations."""

from coinpurse.db.engine import Database
from coinpurse.db.forking import begin_anew_in_children
from coinpurse.db.joining import CommitWatcher, HostConnection, join
from coinpurse.db.migrate import require_migrated, upgrade
from coinpurse.db.unit_of_work import UnitOfWork

__all__ = [
    "CommitWatcher",
    "Database",
    "HostConnection",
    "UnitOfWork",
    "begin_anew_in_children",
    "join",
    "require_migrated",
    "upgrade",
]
