"""The reference says what the code says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from blinker import NamedSignal

from coinpurse import Settings, signals
from coinpurse.db import Database
from coinpurse.settings import environment_name
from tests.documentation import schema

DOCS = Path(__file__).parents[2] / "docs"
LANGUAGES = [DOCS, DOCS / "zh_CN"]


def test_the_page_about_the_tables_is_current(database: Database) -> None:
    with database.connection() as connection:
        current = schema.page(connection)
    if os.environ.get("COINPURSE_WRITE_DOCS"):
        schema.PAGE.write_text(current, encoding="utf-8")

    assert schema.PAGE.read_text(encoding="utf-8") == current, (
        "the tables have changed: COINPURSE_WRITE_DOCS=1 python -m pytest tests/documentation -k tables writes the page"
    )


@pytest.mark.parametrize("folder", LANGUAGES, ids=["English", "Chinese"])
def test_every_setting_has_a_row(folder: Path) -> None:
    rows = re.findall(
        r"^\| (`.*?) \| .+ \|$", (folder / "configuration.md").read_text("utf-8"), re.MULTILINE
    )
    explained = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}

    known = {environment_name(name) for name in Settings.model_fields}

    # This one is read before there are settings.
    assert explained == known | {"COINPURSE_LOG_LEVEL"}


def test_every_signal_has_a_row() -> None:
    page = (DOCS / "reference" / "events.md").read_text("utf-8")

    known = {name for name, value in vars(signals).items() if isinstance(value, NamedSignal)}

    assert set(re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", page, re.MULTILINE)) == known
