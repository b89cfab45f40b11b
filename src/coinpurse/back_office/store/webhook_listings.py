"""The lists of outgoing webhooks: who receives them, and everything that is delivered to anybody."""

from __future__ import annotations

from coinpurse.back_office.listing import Column, Filter, Listing, Search
from coinpurse.back_office.store.forms import UUID
from coinpurse.notifications import STATES
from coinpurse.outbox import TYPES

CHANNELS = ("webhook", "mail", "alert")
ENDPOINT_STATES = ("active", "by_hand", "gone", "failing")

WEBHOOK_ENDPOINTS = Listing(
    name="webhook_endpoints",
    source="coinpurse.webhook_endpoints AS e",
    columns=(
        Column("url", sql="e.url"),
        Column("state", "status", "coalesce(e.disabled_why, 'active')"),
        Column("description", sql="e.description"),
        Column("event_types", sql="array_to_string(e.event_types, ', ')"),
        Column("failures", "number", "e.failures"),
        Column("failing_since", "time", "e.failing_since"),
        Column("created_at", "time", "e.created_at"),
        Column("id", "id", "e.id"),
    ),
    order=(("e.created_at", "timestamptz"), ("e.id", "uuid")),
    filters=(
        Filter(
            "state", "coalesce(e.disabled_why, 'active') = %(state)s", "choice", ENDPOINT_STATES
        ),
    ),
)

DELIVERIES = Listing(
    name="deliveries",
    source="coinpurse.deliveries AS d JOIN coinpurse.messages AS m ON m.id = d.message_id"
    " LEFT JOIN coinpurse.webhook_endpoints AS e ON e.id = d.endpoint_id",
    columns=(
        Column("created_at", "time", "d.created_at"),
        Column("type", sql="m.type"),
        Column("channel", sql="d.channel"),
        # Without the rest of the address, which may hold what only the receiver should know.
        Column("receiver", sql="substring(e.url FROM '://([^/?]+)')"),
        Column("state", "status", "d.state"),
        Column("attempts", "number", "d.attempts"),
        Column("last_status", sql="d.last_status"),
        Column("next_attempt_at", "time", "d.next_attempt_at"),
        Column("delivered_at", "time", "d.delivered_at"),
        Column("payment_id", "payment", "m.payment_id"),
        Column("last_error", sql="d.last_error"),
        Column("id", "id", "d.id"),
        Column("message_id", "id", "d.message_id"),
        Column("endpoint_id", "id", "d.endpoint_id"),
    ),
    order=(("d.created_at", "timestamptz"), ("d.id", "uuid")),
    time="d.created_at",
    filters=(
        Filter("state", "d.state = %(state)s", "choice", STATES),
        Filter("channel", "d.channel = %(channel)s", "choice", CHANNELS),
        Filter("type", "m.type = %(type)s", "choice", tuple(TYPES)),
        Filter(
            "endpoint_id",
            # There are few of them, and any text may stand in an address.
            "d.endpoint_id = (SELECT id FROM coinpurse.webhook_endpoints WHERE id::text = %(endpoint_id)s)",
        ),
    ),
    searches=(Search(UUID, ("d.id = %(q)s", "d.message_id = %(q)s", "m.payment_id = %(q)s")),),
)
