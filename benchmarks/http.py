"""Spending over HTTP: wrk, `coinpurse serve`, the service API; beside pgbench calling the kernel."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError

from benchmarks.measure import Plan, Row, alternate
from benchmarks.server import Server, purse_of, spends_per_second

CONNECTIONS = 16
WORKERS = 2
THREADS = 8
LIMIT = 0.35
# Every request spends of another wallet with a fresh key.
REQUEST = """
math.randomseed(os.time() + {seed})
function request()
    local user, key = math.random({wallets}), math.random(2^52)
    local headers = {{
        ["Authorization"] = "Bearer {key}",
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = string.format("wrk-{seed}-%.0f", key),
    }}
    return wrk.format("POST", "/api/v1/wallets/user-" .. user .. "/spend", headers,
                      '{{"coins": 1, "description": "A spell"}}')
end
"""


def rows(server: Server, url: str, plan: Plan) -> Iterator[Row]:
    """Measure the service API's spend, where wrk is installed."""
    work = f"POST /api/v1/wallets/<user>/spend, {CONNECTIONS} connections, {WORKERS} workers"
    against = "pgbench, 8 clients"
    if shutil.which("wrk") is None:
        note = "skipped: wrk is not installed (apt-get install wrk)"
        yield Row(work, against, "requests/s", None, None, None, LIMIT, note=note)
        return
    purse = purse_of(url)
    key = purse.api_keys.create("benchmark", ["spend"]).text
    purse.database.close()

    with _serving(url, server) as origin:

        def requests() -> float:
            script = server.folder / "spend.lua"
            script.write_text(
                REQUEST.format(wallets=plan.wallets, key=key, seed=secrets.randbelow(2**30)),
                encoding="ascii",
            )
            options = f"-t 1 -c {CONNECTIONS} -d {max(1, round(plan.seconds))}s --timeout 10s"
            ran = subprocess.run(
                ["wrk", *options.split(), "-s", str(script), origin],
                check=True,
                capture_output=True,
                text=True,
                timeout=plan.seconds + 60,
            )
            refused = re.search(r"Non-2xx.*|Socket errors.*", ran.stdout)
            assert refused is None, refused[0]
            found = re.search(r"Requests/sec:\s*([0-9.]+)", ran.stdout)
            assert found is not None
            return float(found[1])

        def pgbench() -> float:
            return spends_per_second(
                url, server.folder, clients=8, wallets=plan.wallets, seconds=plan.seconds
            )

        requests()
        ours, theirs, ratio = alternate(requests, pgbench, repeats=plan.repeats)
    yield Row(work, against, "requests/s", ours, theirs, ratio, LIMIT)


@contextmanager
def _serving(url: str, server: Server) -> Iterator[str]:
    """Run `coinpurse serve` for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    origin = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(12)}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{secrets.token_hex(24)}",
        "SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": url,
        "COINPURSE_BASE_URL": origin,
        "COINPURSE_THREADS": str(THREADS),
    }
    command = [sys.executable, "-m", "coinpurse", "serve", "--port", str(port)]
    with (server.folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", str(WORKERS)],
            env=environment,
            cwd=server.folder,
            stdout=log,
            stderr=log,
        )
    try:
        if not _is_ready(origin, process):
            output = (server.folder / "serve.log").read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"coinpurse serve did not become ready:\n{output[-2000:]}")
        yield origin
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(origin: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers, or has ended."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{origin}/healthz", timeout=5):  # noqa: S310  Our own.
                return True
        except URLError:
            time.sleep(0.1)
    return False
