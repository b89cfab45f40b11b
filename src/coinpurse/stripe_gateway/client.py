"""The SDK's client, set up as we want it."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version

import stripe

from coinpurse.stripe_gateway.transport import Transport

# The version that our readers were written for. An upgrade of the SDK does not change it.
STRIPE_VERSION = "2026-10-28.endive"
# To connect, and to wait for the next bytes of an answer.
TIMEOUT_SECONDS = (5.0, 20.0)
# The SDK's client does not retry by itself. It repeats with the same idempotency key.
MAX_RETRIES = 2


def make_client(
    secret_key: str, api_base: str | None, timeout_seconds: tuple[float, float]
) -> stripe.StripeClient:
    """Make a client. Sets the SDK's global telemetry, log level and app info; sends nothing.

    api_base: another host than Stripe's, with or without a slash at its end.
    """
    _set_up_sdk()
    return stripe.StripeClient(
        secret_key,
        stripe_version=STRIPE_VERSION,
        max_network_retries=MAX_RETRIES,
        http_client=Transport(timeout=timeout_seconds),
        base_addresses={"api": api_base.rstrip("/")} if api_base else None,
    )


def _set_up_sdk() -> None:
    """Set what the SDK knows only as globals of its module."""
    # On, it sends our platform and latencies, and writes an id file into the home directory.
    stripe.enable_telemetry = False
    if stripe.app_info is None:
        # A host application that gave its own name keeps it.
        stripe.set_app_info("coinpurse", version=_own_version())
    logger = logging.getLogger("stripe")
    if logger.level == logging.NOTSET:
        # At DEBUG it writes whole requests and answers, with buyers' details.
        logger.setLevel(logging.INFO)


def _own_version() -> str:
    try:
        return version("coinpurse")
    except PackageNotFoundError:
        # Running from a source tree that was not installed.
        return "unknown"
