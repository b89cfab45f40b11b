"""A folder in which processes count, each in files of its own.

Counts of processes that have ended stay: a total that went down would look like a restart, and its whole rest like
new happenings. They are gathered into one pair of files, so that the folder does not grow.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import Metric
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from coinpurse.counting import room

# prometheus-client's own variable; an operator may have set it.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
KINDS = ("counter", "histogram")
ARCHIVE = "ended"
# What reading a file raises that a crash of the machine has left in pieces, or that is being made.
UNREADABLE = (RuntimeError, ValueError, struct.error, OSError)

log = structlog.get_logger()


def folder_of(state_dir: Path) -> Folder:
    """Return the folder of a store: in its state directory, unless the environment names another."""
    return Folder(Path(os.environ.get(DIRECTORY) or state_dir / "metrics").resolve())


class Folder:
    """Where the processes of one machine count. A process takes part once it has entered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = ""
        self._alive: int | None = None

    def identity(self) -> str:
        """The name of this process in the folder: process numbers alone may repeat, in containers above all."""
        return self._identity

    def enter(self) -> None:
        """Take part, and gather what ended processes left. Raises OSError where the folder cannot be used."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self.locked():
            self._gather()
            self._rename()
            # The system takes the lock away when the process ends, however it does.
            self._alive = os.open(self._mark(self._identity), os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(self._alive, fcntl.LOCK_EX)
            for kind in KINDS:
                room.make(self.path / f"{kind}_{self._identity}.db")
        os.register_at_fork(after_in_child=self._rename)

    def gather(self) -> None:
        """Put the counts of ended processes together. Nothing is lost or counted twice, even if this is interrupted."""
        if self.path.is_dir():
            with self.locked():
                self._gather()

    def collect(self) -> Iterable[Metric]:
        """Return the sums over all processes, those that have ended among them."""
        with self.locked():
            self._finish_gathering()
            readable = [str(path) for path in self.path.glob("*.db") if _is_readable(path)]
            merged: Iterable[Metric] = MultiProcessCollector.merge(readable)
        return merged

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from entering, gathering and collecting; counting goes on."""
        lock = os.open(self.path / "lock", os.O_RDONLY | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _gather(self) -> None:
        self._finish_gathering()
        ended = [mark.stem for mark in self.path.glob("*.alive") if _has_ended(mark)]
        if not ended:
            return
        renamed = []
        deleted = [self._mark(identity).name for identity in ended]
        for kind in KINDS:
            found = [self.path / f"{kind}_{identity}.db" for identity in ended]
            deleted += [path.name for path in found]
            archive = self.path / f"{kind}_{ARCHIVE}.db"
            readable = [str(path) for path in (archive, *found) if _is_readable(path)]
            draft = self.path / f"{kind}_{ARCHIVE}.draft"
            draft.unlink(missing_ok=True)
            _write(draft, MultiProcessCollector.merge(readable, accumulate=False))
            renamed.append((draft.name, archive.name))
        plan = self.path / "gathering.draft"
        plan.write_text(json.dumps({"renamed": renamed, "deleted": deleted}), encoding="utf-8")
        _write_through(plan)
        # From here on it happens, now or when the next process comes.
        plan.rename(self.path / "gathering.json")
        self._finish_gathering()

    def _finish_gathering(self) -> None:
        decided = self.path / "gathering.json"
        if not decided.exists():
            return
        try:
            plan = json.loads(decided.read_text(encoding="utf-8"))
        except ValueError:
            # Another program's, or the disk's fault; without it each file still counts once.
            log.warning("metrics.file_unreadable", file=decided.name)
            decided.unlink()
            return
        for draft, archive in plan["renamed"]:
            if (self.path / draft).exists():
                (self.path / draft).rename(self.path / archive)
        for name in plan["deleted"]:
            (self.path / name).unlink(missing_ok=True)
        decided.unlink()

    def _rename(self) -> None:
        """Count elsewhere than the process that this one was forked from."""
        self._identity = f"{os.getpid()}-{secrets.token_hex(4)}"

    def _mark(self, identity: str) -> Path:
        return self.path / f"{identity}.alive"


def _has_ended(mark: Path) -> bool:
    """Whether the process that holds the mark has ended."""
    try:
        found = os.open(mark, os.O_RDONLY)
    except PermissionError:
        return False  # Another user's, whose next process sees to it.
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(found)
    return True


def _is_readable(path: Path) -> bool:
    try:
        if path.stat().st_size == 0:
            return False  # It is being made.
        for key, _, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            json.loads(key)
    except FileNotFoundError:
        return False
    except UNREADABLE:
        log.warning("metrics.file_unreadable", file=path.name)
        return False
    return True


def _write(path: Path, metrics: Iterable[Metric]) -> None:
    """Write sums into a new file. Raises OSError, and leaves no file, where there is no room."""
    room.make(path)
    kept: Any = room.RoomyFile(str(path))  # type: ignore[no-untyped-call]
    try:
        for metric in metrics:
            for sample in metric.samples:
                names, labels = list(sample.labels), list(sample.labels.values())
                key = mmap_key(metric.name, sample.name, names, labels, metric.documentation)
                kept.write_value(key, sample.value, 0.0)
    except OSError:
        path.unlink()
        raise
    finally:
        kept.close()


def _write_through(path: Path) -> None:
    """Have a file on the disk before its name says that it is."""
    written = os.open(path, os.O_RDONLY)
    try:
        os.fsync(written)
    finally:
        os.close(written)
