"""The command `stripe-sandbox`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stripe_sandbox.app import create_app
from stripe_sandbox.config import Delays, SandboxConfig
from stripe_sandbox.server import NotLoopback, bind, serve_until_stopped


@click.group()
def main() -> None:
    """A stateful stand-in for the part of Stripe that a coin store uses."""


@main.command()
@click.option(
    "--host",
    envvar="STRIPE_SANDBOX_HOST",
    default="127.0.0.1",
    show_default=True,
    help="Loopback only.",
)
@click.option(
    "--port",
    envvar="STRIPE_SANDBOX_PORT",
    default=12111,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--state",
    envvar="STRIPE_SANDBOX_STATE",
    type=click.Path(path_type=Path),
    default=Path("stripe-sandbox.sqlite"),
    show_default=True,
    help="The SQLite file that keeps everything.",
)
@click.option(
    "--base-url",
    envvar="STRIPE_SANDBOX_BASE_URL",
    default=None,
    help="What session URLs start with, behind a proxy.",
)
@click.option(
    "--webhook-url",
    envvar="STRIPE_SANDBOX_WEBHOOK_URL",
    default=None,
    help="An endpoint that exists from the start.",
)
@click.option(
    "--webhook-secret",
    envvar="STRIPE_SANDBOX_WEBHOOK_SECRET",
    default=None,
    help="Its whsec_ secret; better from STRIPE_SANDBOX_WEBHOOK_SECRET.",
)
@click.option(
    "--merchant-name", envvar="STRIPE_SANDBOX_MERCHANT_NAME", default="Coin Shop", show_default=True
)
@click.option(
    "--seed",
    envvar="STRIPE_SANDBOX_SEED",
    default=0,
    show_default=True,
    help="Seeds the chance of faults.",
)
@click.option(
    "--retry-delays",
    envvar="STRIPE_SANDBOX_RETRY_DELAYS",
    default="1,5,30,300,1800,7200",
    show_default=True,
    help="Seconds between the attempts of a delivery.",
)
@click.option(
    "--delivery-timeout",
    envvar="STRIPE_SANDBOX_DELIVERY_TIMEOUT",
    default=10.0,
    show_default=True,
    help="Seconds that an endpoint has to answer.",
)
@click.option(
    "--settle-seconds",
    envvar="STRIPE_SANDBOX_SETTLE_SECONDS",
    default=5.0,
    show_default=True,
    help="Seconds until a delayed payment settles.",
)
def serve(
    host: str,
    port: int,
    state: Path,
    base_url: str | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    merchant_name: str,
    seed: int,
    retry_delays: str,
    delivery_timeout: float,
    settle_seconds: float,
) -> None:
    """Run the sandbox until it is interrupted."""
    config = SandboxConfig(
        state=state,
        base_url=base_url,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        merchant_name=merchant_name,
        seed=seed,
        retry_delays=_seconds(retry_delays),
        delivery_timeout_seconds=delivery_timeout,
        delays=Delays(settle_soon=settle_seconds),
    )
    app = create_app(config)
    try:
        server = bind(app, host, port)
    except NotLoopback as error:
        raise click.UsageError(str(error)) from error
    except (OSError, SystemExit) as error:
        raise click.ClickException(f"Cannot bind to {host}:{port}.") from error
    click.echo(f"stripe-sandbox listening on http://{host}:{server.server_port}")
    serve_until_stopped(server)
    app.extensions["stripe_sandbox"].stop()
    # Threads that still wait for slow endpoints must not hold up the exit; the state is safe.
    os._exit(0)


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise click.BadParameter("numbers separated by commas", param_hint="--retry-delays") from (
            error
        )
