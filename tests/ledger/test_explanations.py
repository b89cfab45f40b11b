"""An explanation agrees with itself while rows arrive."""

from __future__ import annotations

from typing import Any

import psycopg

from coinpurse import Coinpurse, ledger
from coinpurse.db import UnitOfWork


class Interrupted(UnitOfWork):
    """Before each of its statements somebody else spends one of Ada's coins."""

    def __init__(self, connection: psycopg.Connection[Any], purse: Coinpurse) -> None:
        super().__init__(connection)
        self.purse = purse
        self.spent = 0

    def rows(self, sql: str, **values: object) -> list[Any]:
        self._interrupt()
        return super().rows(sql, **values)

    def row(self, sql: str, **values: object) -> Any | None:
        self._interrupt()
        return super().row(sql, **values)

    def _interrupt(self) -> None:
        self.spent += 1
        self.purse.spend("ada", 1, key=f"{self.spent}")


def test_rows_that_arrive_meanwhile_are_in_all_of_an_explanation_or_in_none(
    purse: Coinpurse, database_url: str
) -> None:
    purse.credit("ada", 100, key="c")

    with psycopg.connect(database_url) as connection:
        work = Interrupted(connection, purse)
        explained = ledger.explain(work, "ada")

    assert work.spent > 3
    assert 100 - work.spent < explained.balance < 100
    assert sum(grant.remaining for grant in explained.grants) == explained.balance
    assert explained.transactions[0].balance_after == explained.balance
    assert explained.at >= explained.transactions[0].created_at
