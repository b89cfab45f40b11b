"""What the database has at the end of a seed, read without the application."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.simulation.sandbox import Json

GRANT = "payment_id, taken, frozen, remaining - held - frozen AS free"
WALLET = "user_id, balance, held, frozen, debt, blocked"


@dataclass(frozen=True)
class Outcome:
    """What the database has at the end."""

    payments: list[Json]
    transactions: list[Json]
    wallets: dict[str, Json]
    holds: dict[int, Json]
    claims: dict[Any, Json]
    grants: dict[Any, list[Json]]
    refund_requests: list[Json]
    events: dict[str, str]
    messages: list[Json]

    def rows_of_payments(self) -> dict[Any, list[Json]]:
        """Return the ledger rows of each payment."""
        rows: dict[Any, list[Json]] = defaultdict(list)
        for row in self.transactions:
            if row["payment_id"] is not None:
                rows[row["payment_id"]].append(row)
        return rows

    def payment(self, id_: str | None) -> Json | None:
        """Return a payment's row."""
        return next((row for row in self.payments if str(row["id"]) == id_), None)


def read_outcome(database_url: str) -> Outcome:
    """Read the tables, without the application."""
    with psycopg.connect(database_url, row_factory=dict_row) as connection:

        def rows(table: str, columns: str = "*") -> list[Json]:
            return connection.execute(
                f"SELECT {columns} FROM coinpurse.{table}".encode()  # noqa: S608  Names of our own.
            ).fetchall()

        grants: dict[Any, list[Json]] = defaultdict(list)
        for given in rows("grants", GRANT):
            grants[given["payment_id"]].append(given)
        return Outcome(
            payments=rows("payment_sessions"),
            transactions=rows("transactions"),
            wallets={row["user_id"]: row for row in rows("wallets", WALLET)},
            holds={row["id"]: row for row in rows("holds")},
            claims={row["payment_id"]: row for row in rows("claims")},
            grants=grants,
            refund_requests=rows("refund_requests"),
            events={row["id"]: row["state"] for row in rows("stripe_events")},
            messages=rows("messages", "type, payment_id, fanned_out_at"),
        )
