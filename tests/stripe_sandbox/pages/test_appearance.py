"""What the style sheet promises: readable colours, targets that fingers hit, small files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stripe_sandbox.pages import security

STATIC = Path(security.__file__).parent / "static"
TEXT_PAIRS = [
    ("ink", "paper"), ("ink", "surface"), ("ink", "raised"), ("ink", "accent-soft"),
    ("ink", "warm-soft"), ("ink", "wrong-soft"),
    ("ink-soft", "paper"), ("ink-soft", "surface"), ("ink-soft", "accent-soft"),
    ("ink-soft", "warm-soft"),
    ("accent", "paper"), ("accent", "surface"), ("accent", "accent-soft"),
    ("accent-deep", "accent-soft"), ("accent-ink", "accent"), ("accent-ink", "accent-deep"),
    ("wrong", "paper"), ("wrong", "surface"), ("wrong", "wrong-soft"),
    ("warm", "paper"), ("warm", "warm-soft"), ("tape-ink", "tape"),
]  # fmt: skip
EDGE_PAIRS = [("line-strong", "paper"), ("line-strong", "surface"), ("line-strong", "raised")]


def colours(scheme: str) -> dict[str, str]:
    light, dark = (STATIC / "base.css").read_text().split("prefers-color-scheme: dark")
    pattern = r"--([a-z-]+): (#[0-9a-f]{6});"
    found = dict(re.findall(pattern, light))
    return found | dict(re.findall(pattern, dark)) if scheme == "dark" else found


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_has_aa_contrast(scheme: str, text: str, ground: str) -> None:
    named = colours(scheme)
    assert contrast(named[text], named[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGE_PAIRS)
def test_edges_of_inputs_have_aa_contrast(scheme: str, edge: str, ground: str) -> None:
    named = colours(scheme)
    assert contrast(named[edge], named[ground]) >= 3.0


def test_colours_are_named_in_one_place() -> None:
    for sheet in ("checkout.css", "dashboard.css"):
        assert re.findall(r"#[0-9a-f]{6}\b", (STATIC / sheet).read_text()) == []


def test_all_files_together_are_small() -> None:
    assert sum(path.stat().st_size for path in STATIC.iterdir()) < 40_000
