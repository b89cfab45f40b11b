"""What verification finds beside the figures of a wallet: holds, captures, reversals, claims, times and strays."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from coinpurse import ledger
from coinpurse.db import Database
from coinpurse.ledger import NewGrant

LATE = "wallets that would be settled too late"
HELD = "grants that hold other coins than the open holds"
HOLDS = "holds that are not what their transactions say"
REVERSALS = "reversals of other than what was spent"
CLAIMS = "claims that are not what their transactions say"
STRAY = "transactions without a wallet"

TAMPERING = {
    "UPDATE coinpurse.wallets SET next_due_at = 'infinity'": {LATE},
    # The sums stay: two grants exchange what is held in them.
    "UPDATE coinpurse.grants SET held = 6 - held WHERE kind = 'bonus' AND NOT exhausted": {HELD},
    "UPDATE coinpurse.holds SET captured = captured + 1 WHERE state = 'captured'": {HOLDS},
    "UPDATE coinpurse.transactions SET hold_id = 999 WHERE type = 'capture'": {HOLDS},
    "UPDATE coinpurse.transactions SET reverses = 1 WHERE type = 'reversal'": {REVERSALS},
    "UPDATE coinpurse.transactions SET reverses = 999 WHERE type = 'reversal'": {REVERSALS},
    "UPDATE coinpurse.transactions SET type = 'adjustment' WHERE idempotency_key = 's'": {
        REVERSALS
    },
    "UPDATE coinpurse.grants SET taken = taken + 1 WHERE kind = 'paid'": {CLAIMS},
    "UPDATE coinpurse.claims SET owed = owed + 1": {CLAIMS},
    "UPDATE coinpurse.claims SET forgiven = forgiven + 1": {CLAIMS},
    "DELETE FROM coinpurse.wallets": {STRAY},
}


@pytest.mark.parametrize("last", [True, False], ids=["the last wallet", "one between others"])
@pytest.mark.parametrize("statement", TAMPERING)
def test_tampering_is_found(
    database: Database, sql: psycopg.Connection, statement: str, last: bool
) -> None:
    payment = uuid4()
    with database.unit_of_work() as work:
        soon = [
            NewGrant("bonus", 6, expires_at=datetime(2098 + n, 1, 1, tzinfo=UTC)) for n in (0, 1)
        ]
        ledger.credit(work, "bob", [NewGrant("paid", 50)], key="c", source="s", payment_id=payment)
        ledger.credit(work, "bob", soon, key="d", source="gift")
        ledger.hold(work, "bob", 6, key="h", ttl_seconds=600)
        captured = ledger.hold(work, "bob", 10, key="h2", ttl_seconds=600)
        ledger.capture(work, captured.id, key="h3", coins=3)
        spent = ledger.spend(work, "bob", 40, key="s")
        ledger.reverse(work, spent.id, key="r", coins=2)
        ledger.credit(work, "bob", [NewGrant("bonus", 6)], key="e", source="gift")
        ledger.claim(work, "bob", payment, taking=49)
        for user in ("ada", *(() if last else ("cyd",))):
            ledger.credit(work, user, [NewGrant("bonus", 5)], key="c", source="gift")
    with database.unit_of_work() as work:
        assert [wrong for _, differing in ledger.verify(work) for wrong in differing] == []
    sql.execute("SET session_replication_role = replica")
    before, where, condition = statement.partition(" WHERE ")

    sql.execute(f"{before} WHERE user_id = 'bob'" + (f" AND {condition}" if where else ""))

    with database.unit_of_work() as work:
        found = [wrong for _, differing in ledger.verify(work) for wrong in differing]
    assert {wrong.what for wrong in found} == TAMPERING[statement]
    assert {wrong.user_id for wrong in found} <= {"bob"}
