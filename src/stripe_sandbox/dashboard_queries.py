"""What the dashboard reads. Every function takes the world first and returns plain values.

    sessions(world, limit=50)           newest checkout sessions (Stripe's JSON)
    payment_intents(world, limit=50)    newest PaymentIntents
    refunds(world, limit=50), disputes(world, limit=50)
    events(world, limit=50)             newest events, each with "deliveries"
    endpoints(world)                    webhook endpoints and event destinations
    deliveries(world, event=..., status=..., endpoint=..., limit=100)
    find(world, identifier)             any object by its id, or None
    counts(world)                       {"checkout.session": 3, ...}

To act: `world.redeliver(event_id, endpoint_id=None)`, `world.set_fault({...})`,
`world.clear_faults(id=None)`, `world.set_clock(world.clock.advanced(seconds))`,
`world.reset()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stripe_sandbox.json_types import Json

if TYPE_CHECKING:
    from stripe_sandbox.world import World


def sessions(world: World, limit: int = 50) -> list[Json]:
    """Return the newest checkout sessions."""
    return _newest(world, "checkout.session", limit)


def payment_intents(world: World, limit: int = 50) -> list[Json]:
    """Return the newest PaymentIntents."""
    return _newest(world, "payment_intent", limit)


def refunds(world: World, limit: int = 50) -> list[Json]:
    """Return the newest refunds."""
    return _newest(world, "refund", limit)


def disputes(world: World, limit: int = 50) -> list[Json]:
    """Return the newest disputes."""
    return _newest(world, "dispute", limit)


def events(world: World, limit: int = 50) -> list[Json]:
    """Return the newest events with their deliveries and attempts."""
    found = _newest(world, "event", limit)
    return [event | {"deliveries": deliveries(world, event=event["id"])} for event in found]


def endpoints(world: World) -> list[Json]:
    """Return all endpoints, of both generations."""
    return _newest(world, "webhook_endpoint", 100) + _newest(
        world, "v2.core.event_destination", 100
    )


def find(world: World, identifier: str) -> Json | None:
    """Return any object."""
    with world.lock:
        return world.store.find(identifier)


def counts(world: World) -> dict[str, int]:
    """Return how many objects there are of each kind."""
    with world.lock:
        rows = world.store.rows("SELECT kind, count(*) AS n FROM objects GROUP BY kind")
    return {row["kind"]: row["n"] for row in rows}


def deliveries(
    world: World,
    *,
    event: str | None = None,
    status: str | None = None,
    endpoint: str | None = None,
    limit: int = 100,
) -> list[Json]:
    """Return deliveries, newest first, each with its attempts in order.

    status: pending (waiting or between attempts), succeeded, failed (given up),
    lost (a fault), abandoned (its endpoint is gone).
    """
    wanted = {"event": event, "status": status, "endpoint": endpoint}
    filters = {name: value for name, value in wanted.items() if value is not None}
    conditions = " AND ".join(f"{name} = ?" for name in filters) or "1"
    with world.lock:
        rows = world.store.rows(
            f"SELECT * FROM deliveries WHERE {conditions} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (*filters.values(), limit),
        )
        found: list[Json] = [dict(row) for row in rows]
        for delivery in found:
            known = world.store.find(delivery["event"], "event") or {}
            delivery["type"] = known.get("type")
            delivery["attempts_made"] = delivery.pop("attempts")
            attempts = world.store.rows(
                "SELECT at, seconds, status, response, error FROM attempts "
                "WHERE delivery = ? ORDER BY id",
                (delivery["id"],),
            )
            delivery["attempts"] = [dict(attempt) for attempt in attempts]
    return found


def _newest(world: World, kind: str, limit: int) -> list[Json]:
    with world.lock:
        return world.store.select(kind, {}, limit=limit)
