"""What is examined: the settings, and what several checks ask for, each fetched once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from coinpurse.accounts import DEMO_EMAIL
from coinpurse.db import Database
from coinpurse.doctor import store
from coinpurse.doctor.rules import NotChecked
from coinpurse.ports import StripeAccount, StripeSetUp, WebhookEndpoint
from coinpurse.registration import WEBHOOK_PATH, Knock, is_private
from coinpurse.settings import Settings

Found = TypeVar("Found")
LOOK_SECONDS = 5


def _once(fetch: Callable[[Patient], Found]) -> Callable[[Patient], Found]:
    """Fetch something at the first call. A failure is kept too: nobody waits twice for a server that is away."""
    name = fetch.__name__

    @wraps(fetch)
    def fetched(patient: Patient) -> Found:
        kept: dict[str, Any] = patient.kept
        if name not in kept:
            try:
                kept[name] = (fetch(patient), None)
            except Exception as error:  # noqa: BLE001  Raised below, now and at every later call.
                kept[name] = (None, error)
            patient.times[name] = datetime.now(UTC)
        value, failure = kept[name]
        if failure is not None:
            raise failure
        return value  # type: ignore[no-any-return]

    return fetched


class Patient:
    """A store as its settings describe it.

    stripe: None where there is no key to ask with. folder: where the commands run, with `.env`.
    """

    def __init__(self, settings: Settings, stripe: StripeSetUp | None, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.kept: dict[str, Any] = {}
        self.times: dict[str, datetime] = {}
        # How the store answered the last signed event.
        self.knocked: Knock | None = None
        self._stripe = stripe

    @property
    def stripe(self) -> StripeSetUp:
        """Stripe. Raises NotChecked where there is no key."""
        if self._stripe is None:
            raise NotChecked("there is no STRIPE_SECRET_KEY to ask with")
        return self._stripe

    @property
    def webhook_url(self) -> str:
        """Where Stripe reaches us."""
        return self.settings.base_url + WEBHOOK_PATH

    @property
    def is_private(self) -> bool:
        """Whether the base address is one of this machine or network alone."""
        return is_private(urlsplit(self.settings.base_url).hostname or "")

    @property
    def is_embedded(self) -> bool:
        """Whether the database is the one in the state directory."""
        return self.settings.database_url is None

    @_once
    def account(self) -> StripeAccount:
        """Whose key it is. Raises GatewayError."""
        return self.stripe.get_account()

    @_once
    def endpoints(self) -> list[WebhookEndpoint]:
        """The account's webhook endpoints. Raises GatewayError."""
        return self.stripe.list_webhook_endpoints()

    @_once
    def database(self) -> Database:
        """The database, which has answered. Raises psycopg.OperationalError, ConfigurationError and NotChecked."""
        if self.is_embedded and not (self.settings.state_dir / "postgresql").exists():
            # To look at it would make one.
            raise NotChecked("there is no database: DATABASE_URL is not set and none is embedded")
        database = Database.from_settings(self.settings)
        with database.read_aside(seconds=LOOK_SECONDS) as work:
            work.row("SELECT 1 AS answers")
        return database

    @_once
    def has_demo_account(self) -> bool:
        """Whether the database has the demo's account, whose password is known to all."""
        with self.database().read_aside(seconds=LOOK_SECONDS) as work:
            return store.has_account(work, DEMO_EMAIL)

    def heard_at(self, fetch: Callable[[Patient], object]) -> datetime:
        """When the answer to one of the questions above came, by this machine's clock."""
        return self.times[fetch.__name__]

    def close(self) -> None:
        """Give back what was opened."""
        value, _ = self.kept.get("database", (None, None))
        if value is not None:
            value.close()
