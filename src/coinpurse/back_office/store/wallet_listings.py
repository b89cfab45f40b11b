"""The lists of wallets and of what changes them."""

from __future__ import annotations

from coinpurse.back_office.listing import Column, Filter, Listing, Search
from coinpurse.back_office.rules import ADJUSTMENT_STATES
from coinpurse.back_office.store.forms import (
    ACCOUNT,
    ANYTHING,
    EMAIL,
    NUMBER,
    SESSION,
    UUID,
)

TRANSACTION_TYPES = (
    "purchase",
    "grant",
    "adjustment",
    "usage",
    "reversal",
    "hold",
    "capture",
    "void",
    "hold_timeout",
    "expiry",
    "refund",
    "dispute",
    "restoration",
    "unblock",
)

WALLETS = Listing(
    name="wallets",
    source="coinpurse.wallets AS w",
    columns=(
        Column("created_at", "time", "w.created_at"),
        Column("user_id", "user", "w.user_id"),
        Column("balance", "coins", "w.balance"),
        Column("available", "coins", "w.balance - w.held - w.frozen"),
        Column("held", "coins", "w.held"),
        Column("frozen", "coins", "w.frozen"),
        Column("debt", "coins", "w.debt"),
        Column("blocked", "flag", "w.blocked"),
        Column("updated_at", "time", "w.updated_at"),
    ),
    order=(("w.created_at", "timestamptz"), ("w.user_id", "text")),
    time="w.created_at",
    filters=(
        Filter("blocked", "w.blocked", "flag"),
        Filter("debt", "w.debt > 0", "flag"),
        Filter("frozen", "w.frozen > 0", "flag"),
    ),
    searches=(
        Search(EMAIL, (f"w.user_id = {ACCOUNT}", "w.user_id = %(q)s")),
        Search(ANYTHING, ("w.user_id = %(q)s",)),
    ),
)

# Ids are as old as the rows, but for rows that were posted in the same moment.
NEAR = "(SELECT id FROM coinpurse.transactions WHERE created_at >= {} ORDER BY created_at LIMIT 1)"

TRANSACTIONS = Listing(
    name="transactions",
    source="coinpurse.transactions AS t",
    columns=(
        Column("created_at", "time", "t.created_at"),
        Column("id", "id", "t.id"),
        Column("user_id", "user", "t.user_id"),
        Column("type", "status", "t.type"),
        Column("coins", "coins", "t.coins"),
        Column("balance_after", "coins", "t.balance_after"),
        Column("amount_minor", "money", "t.amount_minor"),
        Column("currency", sql="t.currency"),
        Column("payment_id", "payment", "t.payment_id"),
        Column("actor", "user", "t.actor"),
        Column("description", sql="t.description"),
    ),
    order=(("t.id", "bigint"),),
    time="t.created_at",
    since="t.id >= " + NEAR.format("%(since)s - interval '1 minute'"),
    until="t.id <= coalesce("
    + NEAR.format("%(until)s + interval '1 minute'")
    + ", 9223372036854775807)",
    filters=(
        Filter("type", "t.type = %(type)s", "choice", TRANSACTION_TYPES),
        Filter("user", "t.user_id = %(user)s"),
    ),
    searches=(
        Search(SESSION, ("t.session_id = %(q)s",)),
        Search(NUMBER, ("t.id = %(q)s", "t.user_id = %(q)s")),
        Search(UUID, ("t.payment_id = %(q)s", "t.user_id = %(q)s")),
        Search(EMAIL, (f"t.user_id = {ACCOUNT}", "t.user_id = %(q)s")),
        Search(ANYTHING, ("t.user_id = %(q)s",)),
    ),
)

ADJUSTMENTS = Listing(
    name="adjustments",
    source="coinpurse.adjustment_requests AS a",
    columns=(
        Column("created_at", "time", "a.created_at"),
        Column("id", "id", "a.id"),
        Column("user_id", "user", "a.user_id"),
        Column("coins", "coins", "a.coins"),
        Column("reason", sql="a.reason"),
        Column("state", "status", "a.state"),
        Column("requested_by", "user", "a.requested_by"),
        Column("decided_by", "user", "a.decided_by"),
        Column("decided_at", "time", "a.decided_at"),
        Column("transaction_id", "id", "a.transaction_id"),
    ),
    order=(("a.created_at", "timestamptz"), ("a.id", "uuid")),
    time="a.created_at",
    filters=(
        Filter("state", "a.state = %(state)s", "choice", ADJUSTMENT_STATES),
        Filter("by", "a.requested_by = %(by)s"),
    ),
    searches=(
        Search(UUID, ("a.id = %(q)s", "a.user_id = %(q)s")),
        Search(EMAIL, (f"a.user_id = {ACCOUNT}", "a.user_id = %(q)s")),
        Search(ANYTHING, ("a.user_id = %(q)s",)),
    ),
)
