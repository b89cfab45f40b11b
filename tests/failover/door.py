"""A way to a server that can be closed and opened again."""

from __future__ import annotations

from pathlib import Path

import psycopg

SOCKET = ".s.PGSQL.5432"


class Door:
    """A folder through which a server is reached, as long as its socket is linked there."""

    def __init__(self, folder: Path, url: str) -> None:
        facts = psycopg.conninfo.conninfo_to_dict(url)
        self._server = url
        self._link = folder / SOCKET
        self._socket = Path(str(facts["host"])) / f".s.PGSQL.{facts.get('port', 5432)}"
        self._name = facts["dbname"]
        self.url = f"postgresql://{facts['user']}@/{self._name}?host={folder}"
        self.open()

    def open(self) -> None:
        self._link.symlink_to(self._socket)

    def close(self) -> None:
        """Let nobody in, and throw out who is in."""
        self._link.unlink()
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = %s AND pid <> pg_backend_pid()",
                [self._name],
            )
