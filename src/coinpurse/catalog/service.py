"""Which catalog is in force: the file, or what was edited here, one at a time.

A new version, of the file or of the database, is read whole before it takes the place of the old one; one with a
mistake never does.
"""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import structlog

from coinpurse.catalog import store
from coinpurse.catalog.entries import entry_of, read_packs
from coinpurse.catalog.rules import Catalog, Pack
from coinpurse.catalog.store import Version
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import CatalogChanged, ConfigurationError, NotFound

# How old a process's knowledge of the catalog may be.
CHECK_SECONDS = 2.0

log = structlog.get_logger()


def load_catalog(path: Path | None) -> Catalog:
    """Read a catalog file; None for the packaged sample. Raises ConfigurationError."""
    source = str(path) if path else "the sample catalog"
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path
            else (files("coinpurse") / "catalog" / "sample.toml").read_text(encoding="utf-8")
        )
        document = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise ConfigurationError(
            f"COINPURSE_CATALOG: {source} cannot be read ({error.strerror}); give the path of a catalog file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source} is not UTF-8 text; save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is not valid TOML: {error}.") from None
    except (ValueError, InvalidOperation):
        # Python reads neither integers of thousands of digits nor exponents of twenty.
        raise ConfigurationError(f"{source} has a number that is too large to read.") from None
    return Catalog(packs=read_packs(document.get("packs"), source), source=source)


class _File:
    """The catalog file, read again once it has changed. Raises ConfigurationError at first."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = self._stamp_now()
        self._restless: tuple[int, int] | None = self._stamp
        self.catalog = load_catalog(path)
        self.mistake: ConfigurationError | None = None

    def reload(self) -> None:
        """Read the file where it has changed and then stood still: it may be half written before."""
        stamp = self._stamp_now()
        if stamp == self._stamp or stamp != self._restless:
            self._restless = stamp
            return
        self._stamp = stamp
        try:
            self.catalog = load_catalog(self._path)
            self.mistake = None
            log.info("catalog.file_read", source=self.catalog.source)
        except ConfigurationError as error:
            self.mistake = error
            log.warning("catalog.file_refused", problem=str(error))

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size) if found else (0, 0)


class Catalogs:
    """The catalog in force, and its history. Safe for threads.

    path: the catalog file; None for the packaged sample. Raises ConfigurationError where it has a mistake.
    check_seconds: how old the answer of `current` may be.
    """

    def __init__(
        self,
        path: Path | None,
        database: Callable[[], Database],
        *,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._database = database
        self._check_seconds = check_seconds
        self._file = _File(path)
        self._held: Catalog | None = None
        self._version_mistake: ConfigurationError | None = None
        self._due_at = 0.0
        self._checking = threading.Lock()

    def current(self) -> Catalog:
        """Return the catalog in force, as it was some seconds ago at most."""
        held = self._held
        if held is not None and time.monotonic() < self._due_at:
            return held
        # One thread looks; the others go on with what they have, where they have something.
        if not self._checking.acquire(blocking=held is None):
            assert held is not None
            return held
        try:
            if self._held is None or time.monotonic() >= self._due_at:
                self._look()
                self._due_at = time.monotonic() + self._check_seconds
            assert self._held is not None
            return self._held
        finally:
            self._checking.release()

    def fresh(self) -> Catalog:
        """Return the catalog in force as it is now, for whoever is about to change it."""
        self._look_soon()
        return self.current()

    @property
    def file(self) -> Catalog:
        """The file's catalog as it was last read without a mistake, in force or not."""
        return self._file.catalog

    @property
    def problem(self) -> str | None:
        """Why the newest version of the source in force is not in force; None where all is well."""
        mistake = self.mistake
        return None if mistake is None else str(mistake)

    @property
    def mistake(self) -> ConfigurationError | None:
        """The same as the error that it is, for readers of other languages."""
        in_file = self._file.mistake if self._held and self._held.kind == "file" else None
        return self._version_mistake or in_file

    def versions(self, limit: int = 50) -> Sequence[Version]:
        """Return the history, newest first."""
        with self._database().unit_of_work() as work:
            return store.versions(work, limit=limit)

    def get_version(self, version_id: int) -> Version:
        """Return a version. Raises NotFound."""
        with self._database().unit_of_work() as work:
            version = store.get_version(work, version_id)
        if version is None:
            raise NotFound("catalog version", str(version_id))
        return version

    def put(
        self,
        work: UnitOfWork,
        packs: Sequence[Pack],
        *,
        based_on: int | None,
        note: str,
        actor: str,
    ) -> Version:
        """Put packs in force, which from then on are edited here. The caller commits.

        based_on: the version that they were made from; None for the file. What is put is checked as a file is.
        Raises ConfigurationError and, where somebody else was faster, CatalogChanged.
        """
        entries = [entry_of(pack) for pack in packs]
        read_packs(entries, "the catalog")
        return self._add(work, based_on, source="database", packs=entries, note=note, actor=actor)

    def hand_back(
        self, work: UnitOfWork, *, based_on: int | None, note: str, actor: str
    ) -> Version:
        """Put the file in force again. The caller commits. Raises ConfigurationError and CatalogChanged."""
        if self._file.mistake is not None:
            raise self._file.mistake
        return self._add(work, based_on, source="file", packs=None, note=note, actor=actor)

    def _add(self, work: UnitOfWork, based_on: int | None, **values: Any) -> Version:
        store.lock(work)
        found = store.latest(work)
        if (found and found[0]) != based_on:
            raise CatalogChanged("The catalog was changed meanwhile; look at it again.")
        added = store.add(work, **values)
        work.after_commit(self._look_soon)
        log.info("catalog.changed", version=added.id, source=added.source, actor=added.actor)
        return added

    def _look_soon(self) -> None:
        self._due_at = 0.0

    def _look(self) -> None:
        self._file.reload()
        try:
            with self._database().single_statement() as work:
                found = store.latest(work)
        except psycopg.OperationalError as error:
            if self._held is None:
                raise
            log.warning("catalog.not_checked", error=type(error).__name__)
            return
        if found is None or found[1] == "file":
            self._version_mistake = None
            self._held = replace(self._file.catalog, version=found and found[0])
        elif self._held is None or self._held.version != found[0]:
            self._read_version(found[0])

    def _read_version(self, version_id: int) -> None:
        with self._database().single_statement() as work:
            version = store.get_version(work, version_id)
        assert version is not None
        try:
            self._held = catalog_of(version)
            self._version_mistake = None
        except ConfigurationError as error:
            # Written by hand, or by a newer release: what was in force stays so, until somebody replaces the row.
            self._version_mistake = error
            log.warning("catalog.version_refused", version=version_id, problem=str(error))
            stays = self._held or self._in_force_before(version_id)
            self._held = replace(stays, version=version_id)

    def _in_force_before(self, version_id: int) -> Catalog:
        """Return what a process that was there then would still hold."""
        with self._database().single_statement() as work:
            earlier = store.versions(work, limit=version_id, before=version_id)
        for version in earlier:
            if version.source == "file":
                break
            with suppress(ConfigurationError):
                return catalog_of(version)
        return self._file.catalog


def catalog_of(version: Version) -> Catalog:
    """Read the packs of a version that was edited here. Raises ConfigurationError."""
    source = f"version {version.id} of the catalog"
    return Catalog(
        packs=read_packs(version.packs, source),
        source=source,
        kind="database",
        version=version.id,
    )
