"""The sandbox's settings, read once at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_API_VERSION = "2026-08-26.dahlia"


@dataclass(frozen=True, slots=True)
class Delays:
    """How many seconds of sandbox clock each slow thing takes."""

    balance_transaction: float = 1.0
    refund_reference: float = 2.0
    settle_soon: float = 5.0
    settle_late: float = 190.0
    refund_succeeds: float = 5.0
    refund_fails: float = 5.0
    refund_unclaimed: float = 45 * 86_400.0
    dispute_decided: float = 3.0


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """All that `create_app` needs.

    state: the SQLite file, or ":memory:" for a sandbox that forgets.
    base_url: what session URLs start with; None takes each request's own host.
    webhook_url, webhook_secret: an endpoint that exists from the start.
    retry_delays: seconds between the attempts of one delivery; it is given up after the last.
    """

    state: Path | str = ":memory:"
    base_url: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None
    merchant_name: str = "Coin Shop"
    seed: int = 0
    retry_delays: tuple[float, ...] = (1.0, 5.0, 30.0, 300.0, 1800.0, 7200.0)
    delivery_timeout_seconds: float = 10.0
    delays: Delays = field(default_factory=Delays)
