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

from coinpurse import logs
from coinpurse.accounts import (
    DEMO_EMAIL,
    DEMO_PASSWORD,
    OWNER_EMAIL,
    OWNER_PASSWORD,
    ensure_account,
)
from coinpurse.back_office import BackOffice
from coinpurse.cli import output
from coinpurse.db import Database, upgrade
from coinpurse.errors import ConfigurationError
from coinpurse.settings import SANDBOX_URL, Settings

PORT = click.IntRange(1, 65535)
START_SECONDS = 60
# Ctrl-C, a service's stop, a closed terminal.
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 15

console = Console()


@click.command()
@click.option("--port", type=PORT, default=5000, show_default=True, help="The store's.")
@click.option("--sandbox-port", type=PORT, default=12111, show_default=True, help="The sandbox's.")
@click.option(
    "--use-database-url", is_flag=True, help="Use DATABASE_URL, which gets two demo accounts."
)
def demo(port: int, sandbox_port: int, use_database_url: bool) -> None:
    """Run the store with a sandbox for Stripe: no account, no network, no real money.

    With STRIPE_SECRET_KEY set to a test key, Stripe itself takes the sandbox's place.
    """
    os.environ["COINPURSE_DEMO"] = "1"
    os.environ["COINPURSE_BASE_URL"] = base_url = f"http://127.0.0.1:{port}"
    # The box with the addresses stays in sight; set the level to see every step.
    os.environ.setdefault("COINPURSE_LOG_LEVEL", "WARNING")
    logs.configure()
    if Settings().database_url is not None and not use_database_url:
        raise ConfigurationError(
            "DATABASE_URL is set, and the demo makes accounts with known passwords. Unset it, or confirm"
            " with --use-database-url that the database may have them."
        )
    _require_free_port(port, "give another with --port")
    sandbox_url = None
    if Settings().stripe_secret_key is None:
        if port == sandbox_port:
            raise ConfigurationError(
                "The store and the sandbox need a port each: give another with --sandbox-port."
            )
        _require_free_port(sandbox_port, "give another with --sandbox-port")
        os.environ["STRIPE_API_BASE"] = sandbox_url = f"http://127.0.0.1:{sandbox_port}"
    settings = Settings()
    with ExitStack() as stack:
        # From here on Ctrl-C and SIGTERM both end the demo by way of this stack.
        for number in ENDS:
            signal.signal(number, _interrupt)
        try:
            _start(stack, settings, base_url, sandbox_url)
        except KeyboardInterrupt:
            console.print("\nStopping …")


def _start(stack: ExitStack, settings: Settings, base_url: str, sandbox_url: str | None) -> None:
    with console.status("Starting PostgreSQL …"):
        database = Database.from_settings(settings)
        upgrade(database)
        ensure_account(database, DEMO_EMAIL, DEMO_PASSWORD)
        _make_owner(settings, database)
        stack.callback(database.close)
    console.print("✓ PostgreSQL, with the store's tables")
    children = []
    if sandbox_url is not None:
        with console.status("Starting the Stripe sandbox …"):
            children.append(_start_sandbox(stack, settings, base_url, sandbox_url))
        console.print("✓ Stripe sandbox")
    with console.status("Starting the store …"):
        children.append(_run(stack, "coinpurse", "worker"))
        children.append(_run(stack, "coinpurse", "serve", "--port", _port(base_url)))
        _wait_until(f"{base_url}/readyz", children)
    console.print("✓ Store and worker")
    console.print(_where_to_go(base_url, sandbox_url))
    _wait_for_an_end(children)


def _make_owner(settings: Settings, database: Database) -> None:
    owner = ensure_account(database, OWNER_EMAIL, OWNER_PASSWORD)
    office = BackOffice(
        database,
        spend_order=settings.spend_order,
        approval_above=settings.approval_above,
        time_zone=settings.time_zone,
    )
    office.grant_role(owner.user_id, "owner", actor=output.acting())


def _start_sandbox(
    stack: ExitStack, settings: Settings, base_url: str, sandbox_url: str
) -> subprocess.Popen[bytes]:
    environment = {
        "STRIPE_SANDBOX_MERCHANT_NAME": settings.store_name,
        "STRIPE_SANDBOX_WEBHOOK_URL": f"{base_url}/api/payment/webhook",
        "STRIPE_SANDBOX_WEBHOOK_SECRET": settings.require_webhook_secrets()[0],
    }
    sandbox = _run(
        stack,
        "stripe_sandbox",
        *(
            "serve",
            "--port",
            _port(sandbox_url),
            "--state",
            str(settings.state_dir / "stripe-sandbox.sqlite"),
        ),
        environment=environment,
    )
    _wait_until(f"{sandbox_url}/_sandbox/health", [sandbox])
    return sandbox


def _run(
    stack: ExitStack, module: str, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start one of our commands; the stack stops it. Ctrl-C in the terminal reaches the demo alone."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
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
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # nosec B310  # Our own address.
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ConfigurationError(
        f"{url} did not answer within {START_SECONDS} seconds; see the messages above."
    )


def _wait_for_an_end(children: list[subprocess.Popen[bytes]]) -> None:
    while True:
        _require_running(children)
        time.sleep(0.5)


def _require_running(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is not None:
            name = " ".join(str(part) for part in child.args[2:4])  # type: ignore[index]
            raise ConfigurationError(
                f"{name} ended with code {child.returncode}; see the messages above."
            )


def _require_free_port(port: int, mend: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise ConfigurationError(f"Port {port} is taken: {mend}.") from None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)  # What was started is stopped in peace.
    raise KeyboardInterrupt


def _port(url: str) -> str:
    return url.rpartition(":")[2]


def _exports(base_url: str, sandbox_url: str | None) -> list[str]:
    """What brings other commands to this demo: where each part is, unless it is at its usual port."""
    told = ["export COINPURSE_DEMO=1"]
    if base_url != Settings.model_fields["base_url"].default:
        told.append(f"export COINPURSE_BASE_URL={base_url}")
    if sandbox_url not in (None, SANDBOX_URL):
        told.append(f"export STRIPE_API_BASE={sandbox_url}")
    return told


def _where_to_go(base_url: str, sandbox_url: str | None) -> Panel:
    lines = [
        f"Store      [bold]{base_url}[/]",
        f"Log in     {DEMO_EMAIL}  ·  {DEMO_PASSWORD}",
        f"Admin      [bold]{base_url}/admin/[/]",
        f"Log in     {OWNER_EMAIL}  ·  {OWNER_PASSWORD}",
        "Test card  4242 4242 4242 4242, any future date, any CVC",
    ]
    if sandbox_url:
        lines.append(f"Sandbox    {sandbox_url}  (sessions, events, faults)")
    first, *more = _exports(base_url, sandbox_url)
    lines += [f"Commands   {first}", *(f"           {each}" for each in more)]
    lines += ["", "Ctrl-C stops everything. Nothing here moves real money."]
    return Panel("\n".join(lines), title="Coinpurse demo", expand=False)
