"""The ledger's values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from coinpurse.money import Money


@dataclass(frozen=True, slots=True)
class Wallet:
    """What a user has. balance = paid + bonus; a user without a row has zero coins."""

    user_id: str
    balance: int
    paid: int
    bonus: int

    @property
    def available(self) -> int:
        """Coins that can be spent now."""
        return self.balance


@dataclass(frozen=True, slots=True)
class NewGrant:
    """Coins that are to come together. price: what was paid for them; None for a gift."""

    kind: Literal["paid", "bonus"]
    coins: int
    price: Money | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One row of the ledger; rows never change.

    coins: signed change of the balance. grants: id of each grant touched and its signed change.
    created: False when the key had been used before and this is the first result.
    """

    id: int
    user_id: str
    type: str
    coins: int
    balance_after: int
    price: Money | None
    payment_id: UUID | None
    session_id: str | None
    description: str
    idempotency_key: str
    grants: tuple[tuple[int, int], ...]
    created_at: datetime
    created: bool = True
