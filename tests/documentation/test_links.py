"""Links between our pages lead somewhere, and the whole of the documentation can be built."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "deploy/**/*.md")
    for path in ROOT.glob(pattern)
)
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)|(?:src|href)=\"(?P<attribute>[^\"]+)\"")
HEADING = re.compile(r"^#{1,6} (?P<words>.+)$", re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """The anchors that code hosts and Sphinx give to headings."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    words = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", found["words"]) for found in HEADING.finditer(text))  # fmt: skip
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in words}


def links_of(page: Path) -> Iterator[str]:
    for found in LINK.finditer(CODE.sub("", page.read_text("utf-8"))):
        target = found["target"] or found["attribute"]
        if not re.match(r"[a-z+]+:", target):
            yield unquote(target)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.system
def test_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "-j", "2",
         "-d", str(tmp_path / "doctrees"), str(ROOT / "docs"), str(tmp_path / "pages")],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    ours = [path.relative_to(ROOT / "docs") for path in PAGES if ROOT / "docs" in path.parents]
    pages = {str(path.with_suffix(".html")) for path in ours}
    built = {str(path.relative_to(tmp_path / "pages")) for path in tmp_path.glob("pages/**/*.html")}
    assert pages <= built
    calls = (tmp_path / "pages" / "reference" / "http.html").read_text("utf-8")
    assert "/api/v1/wallets/{user_id}/spend" in calls
