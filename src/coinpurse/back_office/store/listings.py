"""The table of all lists. Each way to narrow one, and to look something up in it, is answered by an index.

Columns are named as the rows are; what pages call them is theirs.
"""

from __future__ import annotations

from coinpurse.back_office.listing import Column, Filter, Listing, Search
from coinpurse.back_office.rules import ROLES
from coinpurse.back_office.store.forms import (
    ACCOUNT,
    ANYTHING,
    EMAIL,
    UUID,
    prefix_of,
)
from coinpurse.back_office.store.payment_listings import (
    DISPUTES,
    EVENTS,
    FINDINGS,
    PAYMENTS,
    RECONCILIATIONS,
    REFUND_REQUESTS,
    REFUNDS,
)
from coinpurse.back_office.store.wallet_listings import ADJUSTMENTS, TRANSACTIONS, WALLETS
from coinpurse.back_office.store.webhook_listings import DELIVERIES, WEBHOOK_ENDPOINTS

AUDIT = Listing(
    name="audit",
    source="coinpurse.audit_log AS l",
    columns=(
        Column("at", "time", "l.at"),
        Column("id", "id", "l.id"),
        Column("actor", "user", "l.actor"),
        Column("action", sql="l.action"),
        Column("subject_kind", sql="l.subject_kind"),
        Column("subject_id", "id", "l.subject_id"),
        Column("reason", sql="l.reason"),
        Column("facts", "json", "l.facts"),
    ),
    order=(("l.id", "bigint"),),
    time="l.at",
    filters=(
        Filter("action", "l.action = %(action)s"),
        Filter("kind", "l.subject_kind = %(kind)s"),
        Filter("actor", "l.actor = %(actor)s"),
    ),
    searches=(
        Search(EMAIL, (f"l.actor = {ACCOUNT}", f"l.subject_id = {ACCOUNT}")),
        Search(ANYTHING, ("l.subject_id = %(q)s", "l.actor = %(q)s", "l.action = %(q)s")),
    ),
)

STAFF = Listing(
    name="staff",
    source="coinpurse.staff AS s",
    columns=(
        Column("user_id", "user", "s.user_id"),
        Column("role", "status", "s.role"),
        Column("created_at", "time", "s.created_at"),
        Column("created_by", "user", "s.created_by"),
        Column("changed_at", "time", "s.changed_at"),
    ),
    order=(("s.created_at", "timestamptz"), ("s.user_id", "text")),
    filters=(Filter("role", "s.role = %(role)s", "choice", ROLES),),
    searches=(
        Search(EMAIL, (f"s.user_id = {ACCOUNT}", "s.user_id = %(q)s")),
        Search(ANYTHING, ("s.user_id = %(q)s",)),
    ),
)

USERS = Listing(
    name="users",
    source="coinpurse.users AS u",
    columns=(
        Column("created_at", "time", "u.created_at"),
        Column("id", "user", "u.id"),
        Column("email", sql="u.email"),
        Column("locale", sql="u.locale"),
    ),
    order=(("u.created_at", "timestamptz"), ("u.id", "uuid")),
    time="u.created_at",
    searches=(
        Search(UUID, ("u.id = %(q)s",)),
        Search(ANYTHING, ("lower(u.email) LIKE %(q)s",), prefix_of),
    ),
)

API_KEYS = Listing(
    name="api_keys",
    source="coinpurse.api_keys AS k",
    columns=(
        Column("created_at", "time", "k.created_at"),
        Column("name", sql="k.name"),
        Column("prefix", "id", "k.prefix"),
        Column("scopes", sql="array_to_string(k.scopes, ', ')"),
        Column("last_used_at", "time", "k.last_used_at"),
        Column("revoked_at", "time", "k.revoked_at"),
    ),
    order=(("k.created_at", "timestamptz"), ("k.id", "uuid")),
    searches=(Search(ANYTHING, ("k.prefix = %(q)s", "k.name = %(q)s")),),
)

LISTINGS: dict[str, Listing] = {
    each.name: each
    for each in (
        PAYMENTS,
        WALLETS,
        TRANSACTIONS,
        EVENTS,
        REFUNDS,
        REFUND_REQUESTS,
        DISPUTES,
        ADJUSTMENTS,
        AUDIT,
        STAFF,
        USERS,
        API_KEYS,
        RECONCILIATIONS,
        FINDINGS,
        WEBHOOK_ENDPOINTS,
        DELIVERIES,
    )
}
