"""Every text is translated, by hand, and compiled."""

from __future__ import annotations

import re
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).parents[2]
CATALOGS = sorted((ROOT / "src/coinpurse/web/translations").glob("*/LC_MESSAGES/coinpurse.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
LANGUAGES = pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])


@cache
def texts_in_the_code() -> frozenset[str | tuple[str, ...]]:
    with (ROOT / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config)
    keywords = {"_": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
    # Paths are given from the root, so that a folder's own hidden parents do not matter.
    found = extract_from_dir(ROOT, methods, options, keywords=keywords)
    return frozenset(message for _file, _line, message, _comments, _context in found)


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def test_texts_are_found() -> None:
    assert CATALOGS
    assert "Get coins" in texts_in_the_code()
    assert ("coin", "coins") in texts_in_the_code()


@LANGUAGES
def test_every_text_is_translated(path: Path) -> None:
    catalog = read(path)

    def translated(message: str | tuple[str, ...]) -> bool:
        entry = catalog.get(message if isinstance(message, str) else message[0])
        if entry is None or entry.fuzzy:
            return False
        return all(entry.string) if isinstance(entry.string, tuple) else bool(entry.string)

    assert [message for message in texts_in_the_code() if not translated(message)] == []


@LANGUAGES
def test_no_translation_is_left_over(path: Path) -> None:
    known = {entry.id for entry in read(path) if entry.id}

    assert known - texts_in_the_code() == set()


@LANGUAGES
def test_placeholders_survive_translation(path: Path) -> None:
    for entry in read(path):
        if not entry.id:
            continue
        english = entry.id if isinstance(entry.id, str) else entry.id[-1]
        words = [entry.string] if isinstance(entry.string, str) else entry.string
        for text in words:
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(english)), english


@LANGUAGES
def test_the_compiled_file_is_up_to_date(path: Path) -> None:
    compiled = BytesIO()
    write_mo(compiled, read(path))
    compiled.seek(0)

    with path.with_suffix(".mo").open("rb") as file:
        kept = read_mo(file)

    fresh = read_mo(compiled)
    # The head carries the time of the compilation.
    assert [(entry.id, entry.string) for entry in kept if entry.id] == [
        (entry.id, entry.string) for entry in fresh if entry.id
    ]
