"""A store whose Stripe is the one of the given key, and who tidies up there."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from coinpurse.catalog import Catalog, load_catalog
from coinpurse.settings import Settings
from coinpurse.stripe_gateway import STRIPE_VERSION, SetUp

# What Stripe makes known of a payment a moment later: events, disputes, warnings.
PATIENCE_SECONDS = 90


@pytest.fixture(scope="session")
def run_id() -> str:
    """Marks what this run makes at Stripe."""
    return secrets.token_hex(4)


@pytest.fixture
def settings(database_url: str, webhook_secret: str, tmp_path: Path, run_id: str) -> Settings:
    """The key of the environment, one small pack, and a database of this check's own."""
    file = tmp_path / "catalog.toml"
    file.write_text(
        f'[[packs]]\nsku = "check-{run_id}"\ncoins = 100\nbonus = 20\nprices = {{ usd = "9.99", jpy = "1480" }}\n'
    )
    return Settings(
        stripe_secret_key=os.environ["STRIPE_SECRET_KEY"].strip(),
        stripe_webhook_secret=webhook_secret,
        stripe_api_base=os.environ.get("STRIPE_API_BASE") or None,
        database_url=database_url,
        secret_key=secrets.token_hex(32),
        catalog=file,
    )


@pytest.fixture
def set_up(settings: Settings) -> SetUp:
    """What `webhook setup` and `doctor` ask through."""
    return SetUp(settings.require_stripe_key(), api_base=settings.api_base)


@pytest.fixture
def buyer_at_stripe(settings: Settings) -> stripe.StripeClient:
    """Pays without a browser, by Stripe's own SDK: the store never does this."""
    return stripe.StripeClient(
        settings.require_stripe_key(),
        stripe_version=STRIPE_VERSION,
        max_network_retries=2,
        base_addresses={"api": settings.api_base} if settings.api_base else None,
    )


@pytest.fixture
def withdrawn(settings: Settings) -> Callable[[], Catalog]:
    """The same catalog with its pack withdrawn, which archives what was made."""

    def read() -> Catalog:
        assert settings.catalog is not None
        text = settings.catalog.read_text()
        settings.catalog.write_text(text + "active = false\n")
        return load_catalog(settings.catalog)

    return read


@pytest.fixture
def soon() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Ask again, every two seconds, for what Stripe says a moment later."""

    def ask(question: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (answer := question()):
            assert time.monotonic() < deadline, f"Stripe said nothing for {PATIENCE_SECONDS} s"
            time.sleep(2)
        return answer

    return ask
