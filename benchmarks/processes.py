"""Servers that are measured: started, awaited, and stopped again."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], *, port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the block, which begins once it answers. log: takes all that it prints."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=log.parent,
            stdout=output,
            stderr=output,
        )
    try:
        if not _answers(port, process):
            printed = log.read_text(encoding="utf-8", errors="replace")
            raise SystemExit(f"{command[0]} did not become ready:\n{printed[-2000:]}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return True
        except HTTPError:
            return True  # It has no such page, and says so.
        except (URLError, OSError):
            time.sleep(0.1)
    return False
