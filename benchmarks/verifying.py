"""`verify`, in a process of its own, beside the sum that psql asks for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.dataset import fill
from benchmarks.measure import Plan, Row, alternate
from benchmarks.server import Server, tool

LARGEST_RSS_MB = 200
VERIFY = """
import json, resource, sys, time
from benchmarks.server import purse_of
purse = purse_of(sys.argv[1])
purse.wallet("nobody")
begun = time.perf_counter()
differences = [one for _, found in purse.verify() for one in found]
seconds = time.perf_counter() - begun
purse.database.close()
rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "differences": len(differences), "rss_mb": rss_mb}))
"""
SUM = "SELECT sum(coins) FROM coinpurse.transactions GROUP BY user_id"


def rows(server: Server, plan: Plan) -> Iterator[Row]:
    """Verify a ledger that is consistent."""
    url = server.database("verified")
    fill(url, rows=plan.verified_rows)
    largest = 0.0

    def verify() -> float:
        nonlocal largest
        ran = subprocess.run(
            [sys.executable, "-c", VERIFY, url],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=600,
        )
        answer = json.loads(ran.stdout)
        assert answer["differences"] == 0
        largest = max(largest, answer["rss_mb"])
        return float(answer["seconds"])

    def summed() -> float:
        ran = subprocess.run(
            [tool("psql"), "-X", "-c", r"\timing on", "-c", SUM, url],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=600,
            env={**os.environ, "LC_ALL": "C", "PAGER": ""},
        )
        found = re.search(r"^Time: ([0-9.]+) ms", ran.stdout, re.MULTILINE)
        assert found is not None
        return float(found[1]) / 1000

    work = f"verify of {plan.verified_rows:,} rows"
    ours, theirs, ratio = alternate(verify, summed, repeats=plan.repeats)
    yield Row(work, "sum(coins) by user in psql", "s", ours, theirs, ratio, 3.0, at_least=False)
    yield Row(
        f"{work}: memory of the process",
        "the limit",
        "MB",
        largest,
        LARGEST_RSS_MB,
        largest / LARGEST_RSS_MB,
        1.0,
        at_least=False,
    )
