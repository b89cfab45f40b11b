"""The threat model names what there is: every control, every test, every dependency."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "docs/threat-model.md"
NAMED = re.compile(r"`((?:src|tests|deploy)/[^`:\s]+)(?:::([^`\s]+))?`")
PINNED = re.compile(r"([A-Za-z0-9_.-]+)==\S+")


def rows() -> list[list[str]]:
    """The rows of every table: threat, control, test."""
    lines = MODEL.read_text(encoding="utf-8").splitlines()
    found = [line.strip("|").split("|") for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in found if row[1].strip() != "control"]


@cache
def names_in(path: Path) -> frozenset[str]:
    """Every function and class of a module, also those inside of others."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_every_threat_has_a_control_and_a_test_that_exist(row: list[str]) -> None:
    _threat, control, test = row
    controls, tests = NAMED.findall(control), NAMED.findall(test)

    assert tests
    assert all(path.startswith("tests/") and name.startswith("test_") for path, name in tests)
    # What is left to a library or to the proxy has a file of ours that sees to it.
    assert controls or "constraints.txt" in control
    for path, name in controls + tests:
        assert (ROOT / path).is_file(), path
        assert not name or name in names_in(ROOT / path), f"{path}::{name}"


def test_who_attacks_and_what_is_left_to_the_operator_is_told() -> None:
    titles = re.findall(r"^## (.+)$", MODEL.read_text(encoding="utf-8"), re.M)

    assert titles[-1] == "What is left to you"
    assert len(rows()) > 50


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    pinned = {_plain(found[1]) for line in lines if (found := PINNED.fullmatch(line))}
    wanted = [
        *project["project"]["dependencies"],
        *chain(*project["project"]["optional-dependencies"].values()),
        *(
            each
            for each in chain(*project["dependency-groups"].values())
            # A group that includes another is no dependency.
            if isinstance(each, str)
        ),
    ]

    assert len(pinned) == len([line for line in lines if line])
    assert {_plain(re.split(r"[^\w.-]", each)[0]) for each in wanted} <= pinned


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
