"""The load, the soak and the look at plans run, each for some seconds. What they find on a quiet machine: `docs/`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import growths

ROOT = Path(__file__).parents[1]


def run(part: str, output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{part}", "--output", str(output), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.system
def test_a_load_rises_to_a_knee_and_nothing_fails_on_the_way(tmp_path: Path) -> None:
    ran = run("load", tmp_path, "--seconds", "1", "--first", "100", "--most-steps", "4")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    steps = json.loads((tmp_path / "load.json").read_text(encoding="utf-8"))["steps"]
    assert {step["name"] for step in steps} == {"rising", "rush", "afterwards"}
    asked = {kind for step in steps for kind in step["came"]["statuses"]}
    assert asked == {"spend", "wallet", "checkout", "webhook", "status"}
    assert all(0 < mb < 1000 for step in steps for mb in step["held_mb"].values())


@pytest.mark.system
def test_a_soak_looks_at_each_process(tmp_path: Path) -> None:
    ran = run("soak", tmp_path, "--minutes", "0.2", "--every", "1", "--rate", "20")

    table = (tmp_path / "soak.md").read_text(encoding="utf-8")
    assert "requests failed" not in ran.stderr
    for name in ("web, main, MB", "web 2, MB", "worker, files", "database: connections"):
        assert f"| {name} |" in table


def test_a_leak_is_told_from_noise() -> None:
    def samples(per_minute: float) -> list[tuple[float, dict[str, float]]]:
        return [
            (10.0 * n, {"web 1, MB": 70 + per_minute * n / 6 + n % 3, "worker, files": 20 + n % 2})
            for n in range(180)
        ]

    assert [one.is_too_much for one in growths(samples(0.1))] == [False, False]
    assert [one.is_too_much for one in growths(samples(1.0))] == [True, False]


@pytest.mark.system
def test_the_main_operations_find_their_rows_by_index(tmp_path: Path) -> None:
    ran = run("plans", tmp_path, "--rows", "20000")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    text = (tmp_path / "plans.md").read_text(encoding="utf-8")
    spend = text.partition("### spend\n")[2].partition("###")[0]
    assert "using transactions_idempotency on transactions" in spend
    assert "Rows read:" in spend
