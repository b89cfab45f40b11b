"""The results as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Plan, Row

PACKAGES = ("coinpurse", "psycopg", "flask", "gunicorn", "sqlalchemy")


def machine() -> dict[str, str]:
    """What the figures depend on, without naming the machine."""
    cpus = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (cpus.read_text(encoding="utf-8").splitlines() if cpus.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "processor": f"{os.cpu_count()} × {models[0] if models else platform.machine()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def markdown(rows: list[Row], facts: dict[str, str]) -> str:
    """Write the table."""
    lines = [
        "| work | against | ours | theirs | unit | ratio | wanted | |",
        "|---|---|--:|--:|---|--:|--:|---|",
        *(_line(row) for row in rows),
        "",
        *(f"- {name}: {value}" for name, value in facts.items()),
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path, rows: list[Row], facts: dict[str, str], plan: Plan) -> None:
    """Write both forms into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(markdown(rows, facts), encoding="utf-8")
    content = {
        "facts": facts,
        "plan": asdict(plan),
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
    }
    (folder / "benchmarks.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _line(row: Row) -> str:
    sign = "≥" if row.at_least else "≤"
    cells = [
        row.work,
        row.against,
        _figure(row.ours),
        _figure(row.theirs),
        row.unit,
        _figure(row.ratio),
        "" if row.limit is None else f"{sign} {row.limit:g}",
        row.note or row.verdict,
    ]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
