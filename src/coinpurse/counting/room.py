"""Files of counts whose room on the disk is taken before anything is written.

prometheus-client maps files that have holes: writing into one while the disk is full ends the process (SIGBUS).
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

FIRST_BYTES = 1 << 16
# What an entry has beside its key: the key's length, what fills it up to eight bytes, the value and its time.
MOST_BESIDES = 4 + 8 + 16


def make(path: Path) -> None:
    """Make an empty file with room for counts. Raises OSError, and leaves no file, where there is none."""
    made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.posix_fallocate(made, 0, FIRST_BYTES)
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(made)


class RoomyFile(MmapedDict):
    """A file that raises OSError where there is no room for another entry."""

    def _init_value(self, key: str) -> None:
        capacity = self._capacity
        while self._used + len(key.encode()) + MOST_BESIDES > capacity:
            capacity *= 2
        if capacity > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


class LenientFile(RoomyFile):
    """A file that goes without an entry where there is no room for it: counting must not disturb what is counted."""

    def read_value(self, key: str) -> tuple[float, float]:
        """Return a value and its time."""
        try:
            found: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
        except OSError:
            return 0.0, 0.0
        return found

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Write a value and its time."""
        try:
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]
        except OSError:
            return  # The value counts on in memory, and is written once there is room.
