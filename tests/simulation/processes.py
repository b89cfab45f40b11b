"""The application's processes: forked from a zygote, killed without warning, started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

READY_SECONDS = 120.0
# What every restart of PostgreSQL writes many times.
NOISE = ("error connecting in", "reconnection attempt in", "discarding closed connection")
LONGEST_LINE = 2000
REPOSITORY = Path(__file__).parents[2]


class Zygote:
    """The other end of `zygote.py`. Safe for threads."""

    def __init__(self, mutant: str | None = None) -> None:
        options = ["--mutant", mutant] if mutant else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.zygote", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        self._lock = threading.Lock()
        self._answer()

    def start(
        self, arguments: list[str], env: dict[str, str], log: Path, output: Path | None = None
    ) -> int:
        """Fork a child that runs `coinpurse` with these arguments; returns its process id."""
        told = self._order(
            start=arguments, env=env, log=str(log), output=str(output) if output else None
        )
        return int(told["pid"])

    def wait(self, pid: int) -> int:
        """Wait for a child to end; returns its exit code, or minus the signal that ended it."""
        # The zygote must not be kept waiting: it forks for others meanwhile.
        while (told := self._order(look=pid))["status"] is None:
            time.sleep(0.003)
        return int(told["status"])

    def has_ended(self, pid: int) -> bool:
        """Whether a child has ended by itself; it need not be waited for any more."""
        return self._order(look=pid)["status"] is not None

    def close(self) -> None:
        """End the zygote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        self._process.wait()

    def _order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Application:
    """`coinpurse serve` and `coinpurse worker`, on one port, with one environment."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = Path(tempfile.mkdtemp(prefix="simulation-app-"))
        self._env: dict[str, str] = {}
        self.web: int | None = None
        self.worker: int | None = None
        self._command: int | None = None

    def configure(self, env: dict[str, str]) -> None:
        """Set the environment of what is started from now on; logs and kept counts begin anew."""
        self._env = env
        for kept in self.folder.iterdir():
            if kept.is_dir():
                shutil.rmtree(kept)
            else:
                kept.unlink()

    def start_web(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        if self.web is None:
            self.web = self._zygote.start(
                ["serve", "--port", str(self.port)], self._env, self.folder / "serve.log"
            )
            self._wait_until_ready()

    def start_worker(self) -> None:
        """Start the worker unless it runs. It takes jobs as soon as it is up; nobody waits for that."""
        if self.worker is None:
            self.worker = self._zygote.start(["worker"], self._env, self.folder / "worker.log")

    def kill_web(self) -> None:
        """End the server and its workers at once."""
        if self.web is not None:
            self._kill(self.web)
            self.web = None

    def kill_worker(self) -> None:
        """End the worker at once."""
        if self.worker is not None:
            self._kill(self.worker)
            self.worker = None

    def supervise(self) -> None:
        """Start again what ended by itself, as an init system does."""
        if self.worker is not None and self._zygote.has_ended(self.worker):
            self.worker = None
            self.start_worker()
        if self.web is not None and self._zygote.has_ended(self.web):
            self.web = None
            self.start_web()

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and what it printed."""
        output = self.folder / "output"
        output.unlink(missing_ok=True)
        self._command = self._zygote.start(
            list(arguments), self._env, self.folder / "command.log", output
        )
        code = self._zygote.wait(self._command)
        self._command = None
        # One that was killed at once has not even opened its output.
        return code, output.read_text() if output.exists() else ""

    def kill_command(self) -> None:
        """End the command under way, which another thread waits for."""
        if self._command is not None:
            _kill_group(self._command)

    def logs(self, lines: int = 30) -> str:
        """Return the end of each log."""
        told = []
        for log in sorted(self.folder.glob("*.log")):
            kept = [
                line[:LONGEST_LINE]
                for line in log.read_text(errors="replace").splitlines()
                if not any(noise in line for noise in NOISE)
            ]
            told += [f"--- {log.name}", *kept[-lines:]]
        return "\n".join(told)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with suppress(requests.RequestException):
                if requests.get(f"{self.url}/healthz", timeout=READY_SECONDS).ok:
                    return
            assert time.monotonic() < deadline, "serve did not become ready"
            time.sleep(0.01)

    def close(self) -> None:
        """End both processes and delete the logs."""
        self.kill_web()
        self.kill_worker()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self, pid: int) -> None:
        _kill_group(pid)
        self._zygote.wait(pid)


def _kill_group(pid: int) -> None:
    """Kill a child with all of its own; one that has only just been forked has no group yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
