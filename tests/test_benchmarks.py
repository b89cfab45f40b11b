"""The quick benchmarks run and fill their table. How fast anything is says `make bench`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKS = {
    "purse.spend, 8 threads",
    "purse.spend, 1 thread",
    "purse.spend_many of 500",
    "one wallet, group commit",
    "POST /api/v1/wallets/<user>/spend",
    "spend, 300,000 ledger rows",
    "spend, a wallet of",
    "wallet page, 300,000 ledger rows",
    "payment status, 300,000 ledger rows",
    "verify of 100,000 rows",
    "POST /api/payment/webhook",
    "back office: payments, newest page",
    "back office: overview",
    "import coinpurse",
}


@pytest.mark.system
def test_the_quick_benchmarks_fill_their_table(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--output", str(tmp_path)],
        cwd=ROOT,
        check=True,
        timeout=600,
    )

    results = json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))
    table = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    for work in WORKS:
        assert any(row["work"].startswith(work) for row in results["rows"]), work
    for row in results["rows"]:
        assert row["work"] in table
        if row["verdict"] == "skipped":
            # The one part that needs a program of somebody else.
            assert "wrk" in row["note"]
            assert shutil.which("wrk") is None
        else:
            assert row["ratio"] > 0
    assert results["facts"]["fsync"] == "on"
    assert "server_version" in results["facts"]
