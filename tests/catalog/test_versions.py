"""Which catalog is in force: the file or what was edited, one at a time, and never one with a mistake."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coinpurse.catalog import Catalogs, Pack
from coinpurse.db import Database
from coinpurse.errors import CatalogChanged, CatalogMistake, ConfigurationError
from coinpurse.money import Money

POUCH = '[[packs]]\nsku = "pouch"\ncoins = 100\nprices = { usd = "9.99" }\n'
PRICES = {"usd": Money(9999, "usd"), "jpy": Money(14800, "jpy"), "eur": Money(9399, "eur")}
CHEST = Pack("chest", 1000, 200, PRICES)
Opener = Callable[[], Catalogs]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(POUCH)
    return path


@pytest.fixture
def opened(file: Path, database: Database) -> Opener:
    """Another process: it looks each time that it is asked."""
    return lambda: Catalogs(file, lambda: database, check_seconds=0.0)


def put(catalogs: Catalogs, database: Database, *packs: Pack, based_on: int | None) -> int:
    with database.unit_of_work() as work:
        return catalogs.put(work, packs, based_on=based_on, note="", actor="ada").id


def change(file: Path, text: str) -> None:
    """Write the file with another time than before, however coarse the clock of the file system."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 1_000_000_000, before + 1_000_000_000))


def skus(catalogs: Catalogs) -> list[str]:
    return [pack.sku for pack in catalogs.current().packs]


def test_the_file_is_in_force_until_it_is_taken_over_and_again_once_handed_back(
    opened: Opener, database: Database, file: Path
) -> None:
    ours, theirs = opened(), opened()
    assert (ours.current().kind, ours.current().source, skus(ours)) == (
        "file",
        str(file),
        ["pouch"],
    )

    first = put(ours, database, CHEST, based_on=None)

    for each in (ours, theirs):
        assert (each.current().kind, each.current().version) == ("database", first)
        assert each.current().packs == (CHEST,)
    change(file, POUCH.replace("pouch", "purse"))
    assert [skus(each) for each in (ours, theirs)] == [["chest"], ["chest"]]
    with database.unit_of_work() as work:
        theirs.hand_back(work, based_on=first, note="", actor="bob")
    # What the file says by now, not what it said when it was put aside.
    assert [skus(each) for each in (ours, theirs)] == [["purse"], ["purse"]]
    assert [(each.source, each.actor) for each in ours.versions()] == [
        ("file", "bob"),
        ("database", "ada"),
    ]


def test_every_field_of_a_pack_survives_a_version(opened: Opener, database: Database) -> None:
    full = replace(
        CHEST,
        active=False,
        image="https://img.example.com/a.png",
        available_from=datetime(2026, 1, 1, tzinfo=UTC),
        available_until=datetime(2026, 2, 1, 12, 30, tzinfo=UTC),
        limit_per_user=2,
        first_purchase_bonus=50,
        bonus_expires_days=30,
    )

    put(opened(), database, full, based_on=None)

    (kept,) = opened().current().packs
    assert kept == full
    # Their order is the one in which buyers are offered currencies.
    assert list(kept.prices) == ["usd", "jpy", "eur"]


def test_of_two_owners_who_edit_at_once_one_is_told(opened: Opener, database: Database) -> None:
    catalogs = opened()

    def edit(_: int) -> bool:
        try:
            put(catalogs, database, CHEST, based_on=None)
        except CatalogChanged:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(edit, range(8)))

    assert results.count(True) == 1
    assert len(catalogs.versions()) == 1


def test_a_version_with_a_mistake_is_refused_by_pack_and_field_and_the_old_one_stays(
    opened: Opener, database: Database
) -> None:
    catalogs = opened()
    first = put(catalogs, database, CHEST, based_on=None)
    wrong = replace(CHEST, sku="other", bonus=0, bonus_expires_days=3)

    with pytest.raises(CatalogMistake) as mistake:
        put(catalogs, database, CHEST, wrong, based_on=first)

    assert (mistake.value.sku, mistake.value.field) == ("other", "bonus_expires_days")
    assert "pack 2 (other): bonus_expires_days needs a bonus" in str(mistake.value)
    assert catalogs.current().version == first


def test_a_version_that_was_written_by_hand_and_cannot_be_read_leaves_the_old_one_in_force(
    opened: Opener, database: Database, database_url: str
) -> None:
    catalogs = opened()
    put(catalogs, database, CHEST, based_on=None)
    assert skus(catalogs) == ["chest"]
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO coinpurse.catalog_versions (source, packs, actor) VALUES ('database', %s, 'eve')",
            [json.dumps([{"sku": "pouch", "coins": 0, "prices": {"usd": "1"}}])],
        )

    assert skus(catalogs) == ["chest"]
    assert catalogs.problem is not None
    assert "pack 1 (pouch): coins must be a whole number" in catalogs.problem
    # A process that has just started knows no less, and both can put another in its place.
    fresh = opened()
    assert skus(fresh) == ["chest"]
    assert fresh.problem == catalogs.problem
    put(fresh, database, replace(CHEST, sku="mended"), based_on=fresh.current().version)
    assert skus(fresh) == skus(catalogs) == ["mended"]
    assert fresh.problem is catalogs.problem is None


def test_versions_are_never_changed(opened: Opener, database: Database, database_url: str) -> None:
    put(opened(), database, CHEST, based_on=None)

    with psycopg.connect(database_url) as connection:
        for statement in (
            "UPDATE coinpurse.catalog_versions SET actor = 'eve'",
            "DELETE FROM coinpurse.catalog_versions",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation), connection.transaction():
                connection.execute(statement)


def test_a_changed_file_is_read_once_it_stands_still(opened: Opener, file: Path) -> None:
    catalogs = opened()
    assert skus(catalogs) == ["pouch"]
    half = POUCH + POUCH.replace("pouch", "chest").replace("100", "1000")

    change(file, POUCH.replace("pouch", "half"))
    assert skus(catalogs) == ["pouch"]
    change(file, half)
    assert skus(catalogs) == ["pouch"]

    assert skus(catalogs) == ["pouch", "chest"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POUCH.replace("100", "0"), "pack 1 (pouch): coins must be a whole number"),
        ("[[packs", "is not valid TOML"),
        (None, "cannot be read"),
    ],
)
def test_a_file_with_a_mistake_never_replaces_the_one_in_force(
    opened: Opener, database: Database, file: Path, text: str | None, words: str
) -> None:
    catalogs = opened()
    assert skus(catalogs) == ["pouch"]
    if text is None:
        file.unlink()
    else:
        change(file, text)

    for _ in range(3):
        assert skus(catalogs) == ["pouch"]

    assert catalogs.problem is not None
    assert words in catalogs.problem
    first = put(catalogs, database, CHEST, based_on=None)
    with pytest.raises(ConfigurationError, match=r"shop\.toml"), database.unit_of_work() as work:
        catalogs.hand_back(work, based_on=first, note="", actor="ada")
    assert skus(catalogs) == ["chest"]


def test_without_the_database_the_last_catalog_stays(file: Path, database_url: str) -> None:
    database = Database(database_url)
    broken: list[Any] = []

    def lend() -> Database:
        if broken:
            raise psycopg.OperationalError("gone")
        return database

    catalogs = Catalogs(file, lend, check_seconds=0.0)
    assert skus(catalogs) == ["pouch"]

    broken.append(True)

    assert skus(catalogs) == ["pouch"]
    with pytest.raises(psycopg.OperationalError):
        Catalogs(file, lend).current()
    database.close()
