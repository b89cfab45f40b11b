"""`coinpurse demo`, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.conftest import Sandbox

# The demo sets what it needs; nothing of the caller's store may leak into it.
SET_ASIDE = ("STRIPE_", "COINPURSE_", "DATABASE_URL", "SECRET_KEY")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Demo:
    """A running demo. program: what starts it; by default this checkout."""

    def __init__(
        self,
        folder: Path,
        port: int,
        sandbox_port: int,
        *,
        program: Sequence[str] = (sys.executable, "-m", "coinpurse"),
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.sandbox = Sandbox(f"http://127.0.0.1:{sandbox_port}")
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *program,
                    "demo",
                    "--port",
                    str(port),
                    "--sandbox-port",
                    str(sandbox_port),
                ],
                cwd=folder,
                env={
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith(SET_ASIDE)
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "Ctrl-C stops everything" in self.log.read_text()

    def command(self, *arguments: str) -> Any:
        """What a command prints as JSON, with the environment that the demo's box names."""
        named = re.findall(r"export (\w+)=(\S+)", self.log.read_text())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(SET_ASIDE)}
        ended = subprocess.run(
            [sys.executable, "-m", "coinpurse", *arguments],
            cwd=self.log.parent,
            env={**kept, **dict(named)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return json.loads(ended.stdout)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ctrl-C, or another signal, and see that nothing it started is left."""
        started = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        assert self.process.wait(40) == 0
        _, left = psutil.wait_procs(started, timeout=10)
        assert left == []


def test_a_newcomer_buys_coins_and_finds_them_after_a_restart(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    ports = free_port(), free_port()
    demo = Demo(tmp_path, *ports)
    eventually(demo.is_up)
    said = demo.log.read_text()
    assert demo.url in said
    assert "4242 4242 4242 4242" in said
    email, password = (
        part.strip(" │\n") for part in said.partition("Log in")[2].partition("\n")[0].split("·")
    )
    customer = requests.Session()
    customer.headers["Origin"] = demo.url
    login = {"email": email, "password": password}
    assert customer.post(f"{demo.url}/api/auth/login", json=login, timeout=30).ok

    session_id = customer.post(
        f"{demo.url}/api/payment/create-checkout-session", json={"pack": "chest"}, timeout=30
    ).json()["session_id"]
    assert demo.command("doctor", "--alerts", "--json")["found"] == 0
    demo.sandbox.pay(session_id)
    eventually(lambda: customer.get(f"{demo.url}/api/wallet", timeout=30).json()["balance"] == 1200)
    payments = demo.command("payments", "list", "--json")
    assert demo.command("payments", "refund", payments[0]["id"], "--yes", "--json")
    eventually(lambda: customer.get(f"{demo.url}/api/wallet", timeout=30).json()["balance"] == 0)
    demo.stop()

    again = Demo(tmp_path, *ports)
    eventually(again.is_up)
    assert customer.get(f"{again.url}/api/wallet", timeout=30).json()["balance"] == 0
    again.stop()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, port, free_port())
        assert demo.process.wait(30) == 2

    assert f"Port {port} is taken: give another with --port." in demo.log.read_text()


def test_a_live_key_never_starts_a_demo(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"STRIPE_SECRET_KEY=sk_live_{secrets.token_hex(12)}\n")
    demo = Demo(tmp_path, free_port(), free_port())

    assert demo.process.wait(30) == 2
    assert "the demo never uses one" in demo.log.read_text()
