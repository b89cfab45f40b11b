"""What a reconciliation works on: Stripe at a bearable pace, our books, and the run that is written down."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from coinpurse.catalog import Catalog
from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import GatewayError
from coinpurse.inbox import Inbox
from coinpurse.ledger import SpendOrder
from coinpurse.ports import StripeGateway
from coinpurse.reconciliation import store
from coinpurse.reconciliation.rules import Finding
from coinpurse.reconciliation.store import Run
from coinpurse.refunds import AfterSales

TRIES = 7
LONGEST_PAUSE_SECONDS = 20.0

Answer = TypeVar("Answer")


class Pace:
    """Keeps calls under Stripe's rate limit. per_second: None for as fast as it goes."""

    def __init__(self, per_second: float | None) -> None:
        self._gap_seconds = 0.0 if per_second is None else 1 / per_second
        self._next = 0.0

    def ask(self, call: Callable[[], Answer]) -> Answer:
        """Make a call when it is its turn, again where Stripe is busy or away. Raises GatewayError in the end."""
        for attempt in range(1, TRIES + 1):
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._gap_seconds
            try:
                return call()
            except GatewayError as error:
                if not error.retryable or attempt == TRIES:
                    raise
            pause = min(0.5 * 2**attempt, LONGEST_PAUSE_SECONDS)
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # nosec B311  # Only spreads calls.
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True, slots=True)
class Books:
    """What the steps work on: Stripe, our books and the run."""

    database: Database
    gateway: StripeGateway
    after_sales: AfterSales
    inbox: Inbox
    catalog: Catalog
    spend_order: SpendOrder
    pace: Pace
    run: Run

    def note(
        self,
        work: UnitOfWork,
        kind: str,
        subject: str,
        detail: str,
        *,
        payment_id: UUID | None = None,
        repaired: bool = False,
    ) -> None:
        """Write a finding down."""
        outcome = store.outcome_of(self.run, repaired=repaired)
        store.add_finding(work, self.run, Finding(kind, subject, payment_id, detail, outcome))
