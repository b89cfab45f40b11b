"""What processes hold: memory and open files, read from /proc."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import psycopg

PROC = Path("/proc")


@dataclass(frozen=True)
class Held:
    """What processes hold together. pss_mb: memory, where what several share counts in parts."""

    processes: int
    pss_mb: float
    files: int

    def __add__(self, other: Held) -> Held:
        return Held(
            self.processes + other.processes,
            self.pss_mb + other.pss_mb,
            self.files + other.files,
        )


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children = defaultdict(list)
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            children[int(stat.rpartition(")")[2].split()[1])].append(int(folder.name))
    found = [pid]
    for one in found:
        found += children[one]
    return found


def held_by(pid: int) -> Held:
    """Measure one process; one that has just ended holds nothing."""
    folder = PROC / str(pid)
    try:
        lines = (folder / "smaps_rollup").read_text(encoding="ascii").splitlines()
        files = len(list((folder / "fd").iterdir()))
    except OSError:
        return Held(0, 0.0, 0)
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return Held(1, kilobytes / 1024, files)


def held_by_tree(pid: int) -> Held:
    """Measure a process and all that descend from it, together."""
    return sum((held_by(one) for one in tree(pid)), Held(0, 0.0, 0))


def count_connections(url: str) -> int:
    """Count the server's connections of ours to the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return int(row[0])
