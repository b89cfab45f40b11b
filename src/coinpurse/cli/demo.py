"""`coinpurse demo`: the whole store on this machine, with the sandbox in Stripe's place."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from types import FrameType

import click
from rich.console import Console
from rich.panel import Panel

from coinpurse.accounts import DEMO_EMAIL, DEMO_PASSWORD, ensure_account
from coinpurse.db import Database, upgrade
from coinpurse.errors import ConfigurationError
from coinpurse.settings import SANDBOX_URL, Settings

START_SECONDS = 60
STOP_SECONDS = 15

console = Console()


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="The store's.")
def demo(port: int) -> None:
    """Run the store with a sandbox for Stripe: no account, no network, no real money."""
    os.environ["COINPURSE_DEMO"] = "1"
    os.environ["COINPURSE_BASE_URL"] = base_url = f"http://127.0.0.1:{port}"
    settings = Settings()
    _require_free_port(port, "give another with --port")
    with ExitStack() as stack:
        # From here on Ctrl-C and SIGTERM both end the demo by way of this stack.
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            _start(stack, settings, base_url, port)
        except KeyboardInterrupt:
            console.print("\nStopping …")


def _start(stack: ExitStack, settings: Settings, base_url: str, port: int) -> None:
    with console.status("Starting PostgreSQL …"):
        database = Database.from_settings(settings)
        upgrade(database)
        ensure_account(database, DEMO_EMAIL, DEMO_PASSWORD)
        stack.callback(database.close)
    console.print("✓ PostgreSQL, with the store's tables")
    children = []
    if settings.api_base == SANDBOX_URL:
        with console.status("Starting the Stripe sandbox …"):
            children.append(_start_sandbox(stack, settings, base_url))
        console.print(f"✓ Stripe sandbox at {SANDBOX_URL}")
    with console.status("Starting the store …"):
        children.append(_run(stack, "coinpurse", "worker"))
        children.append(_run(stack, "coinpurse", "serve", "--port", str(port)))
        _wait_until(f"{base_url}/readyz", children)
    console.print("✓ Store and worker")
    console.print(_where_to_go(base_url))
    _wait_for_an_end(children)


def _start_sandbox(stack: ExitStack, settings: Settings, base_url: str) -> subprocess.Popen[bytes]:
    port = int(SANDBOX_URL.rpartition(":")[2])
    _require_free_port(port, "is another demo running? Stop it first")
    environment = {
        "STRIPE_SANDBOX_WEBHOOK_URL": f"{base_url}/api/payment/webhook",
        "STRIPE_SANDBOX_WEBHOOK_SECRET": settings.require_webhook_secrets()[0],
    }
    sandbox = _run(
        stack,
        "stripe_sandbox",
        *("serve", "--port", str(port), "--state", str(settings.state_dir / "stripe-sandbox.sqlite")),
        environment=environment,
    )
    _wait_until(f"{SANDBOX_URL}/_sandbox/health", [sandbox])
    return sandbox


def _run(
    stack: ExitStack, module: str, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start one of our commands; the stack stops it. Ctrl-C in the terminal reaches the demo alone."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until(url: str, children: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        _require_running(children)
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  Our own loopback address.
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ConfigurationError(f"{url} did not answer within {START_SECONDS} seconds; see the messages above.")


def _wait_for_an_end(children: list[subprocess.Popen[bytes]]) -> None:
    while True:
        _require_running(children)
        time.sleep(0.5)


def _require_running(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is not None:
            name = " ".join(str(part) for part in child.args[2:4])  # type: ignore[index]
            raise ConfigurationError(f"{name} ended with code {child.returncode}; see the messages above.")


def _require_free_port(port: int, mend: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigurationError(f"Port {port} is taken: {mend}.") from None


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _where_to_go(base_url: str) -> Panel:
    lines = [
        f"Store      [bold]{base_url}[/]",
        f"Log in     {DEMO_EMAIL}  ·  {DEMO_PASSWORD}",
        "Test card  4242 4242 4242 4242, any future date, any CVC",
        f"Sandbox    {SANDBOX_URL}  (sessions, events, faults)",
        "",
        "Ctrl-C stops everything. Nothing here moves real money.",
    ]
    return Panel("\n".join(lines), title="Coinpurse demo", expand=False)
