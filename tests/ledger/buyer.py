"""A buyer, one payment of hers, and what can be done with both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from coinpurse import ledger
from coinpurse.db import Database
from coinpurse.ledger import NewGrant, Transaction, Wallet

SOON = datetime.now(UTC) + timedelta(days=10)


class Buyer:
    """Ada. Every call is a transaction of its own."""

    def __init__(self, database: Database, sql: psycopg.Connection) -> None:
        self.database = database
        self.sql = sql
        self.payment = uuid4()
        self.calls = 0

    def do(self, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
        with self.database.unit_of_work() as work:
            return call(work, *args, **values)

    def keyed(self, call: Callable[..., Any], *args: Any, **values: Any) -> Any:
        self.calls += 1
        return self.do(call, *args, key=f"k{self.calls}", **values)

    def buy(
        self,
        paid: int,
        bonus: int = 0,
        *,
        payment: UUID | None = None,
        expires_at: datetime | None = None,
        user_id: str = "ada",
    ) -> Transaction:
        grants = [NewGrant("paid", paid, expires_at=expires_at)]
        if bonus:
            grants.append(NewGrant("bonus", bonus, expires_at=expires_at))
        posted: Transaction = self.keyed(
            ledger.credit,
            user_id,
            grants,
            type_="purchase",
            source="purchase",
            payment_id=payment or self.payment,
        )
        return posted

    def spend(self, coins: int) -> Transaction:
        posted: Transaction = self.keyed(ledger.spend, "ada", coins)
        return posted

    def hold(self, coins: int, ttl_seconds: float = 600) -> int:
        held: ledger.Hold = self.keyed(ledger.hold, "ada", coins, ttl_seconds=ttl_seconds)
        return held.id

    def claim(self, taking: int, freezing: int = 0, **values: Any) -> Transaction | None:
        values.setdefault("payment_id", self.payment)
        posted: Transaction | None = self.do(
            ledger.claim, "ada", taking=taking, freezing=freezing, **values
        )
        return posted

    def posted(self, taking: int, freezing: int = 0, **values: Any) -> Transaction:
        posted = self.claim(taking, freezing, **values)
        assert posted is not None
        assert posted.created
        return posted

    def wallet(self) -> Wallet:
        with self.database.unit_of_work() as work:
            found = ledger.get_wallet(work, "ada")
            assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []
        return found

    def grants(self) -> list[tuple[str, int, int, int]]:
        """Kind, coins, remaining and frozen of each grant, oldest first."""
        rows = self.sql.execute(
            "SELECT kind, coins, remaining, frozen FROM coinpurse.grants WHERE user_id = 'ada' ORDER BY id"
        )
        return [tuple(row) for row in rows]

    def types(self) -> list[str]:
        """The types of the rows, oldest first."""
        rows = self.do(ledger.list_transactions, "ada", before=None, limit=100)
        return [row.type for row in reversed(rows)]

    def let_expire(self) -> None:
        """The time of every grant that has an end comes."""
        self.sql.execute(
            "UPDATE coinpurse.grants SET expires_at = now() WHERE expires_at < 'infinity'"
        )
        self.sql.execute("UPDATE coinpurse.wallets SET next_due_at = now()")
