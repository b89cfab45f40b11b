"""The versions that pyproject.toml allows, and those that are tested: both ends of each range."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.package.lowest import all_lowest, lowest

ROOT = Path(__file__).parents[2]


def test_the_lowest_version_is_written_as_pip_takes_it() -> None:
    assert lowest("psycopg[pool,binary]>=3.2.3") == "psycopg[binary,pool]==3.2.3"
    assert lowest("stripe>=16.1,<17") == "stripe==16.1"
    with pytest.raises(ValueError, match="not enough values"):
        lowest("certifi")


def test_every_dependency_has_a_lowest_version_and_a_tested_highest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    allowed = [Requirement(each) for each in (*project["dependencies"], *extras)]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    highest = {
        canonicalize_name(name): v for name, _, v in (line.partition("==") for line in lines)
    }

    assert len(all_lowest()) == len(allowed) > 20
    for each in allowed:
        assert each.specifier.contains(highest[canonicalize_name(each.name)]), str(each)
