"""Events: written with the change they report, in one transaction, and queued for delivery."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from stripe_sandbox.config import DEFAULT_API_VERSION
from stripe_sandbox.faults import DELIVERY_KINDS
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

THIN_PREFIX = "v1."
# A listener that was away longer than this starts afresh.
LISTENER_MEMORY_SECONDS = 120.0
RESOURCE_PATHS = {
    "checkout.session": "/v1/checkout/sessions/",
    "payment_intent": "/v1/payment_intents/",
    "charge": "/v1/charges/",
    "refund": "/v1/refunds/",
    "dispute": "/v1/disputes/",
    "radar.early_fraud_warning": "/v1/radar/early_fraud_warnings/",
    "product": "/v1/products/",
    "price": "/v1/prices/",
    "customer": "/v1/customers/",
    "payment_method": "/v1/payment_methods/",
    "setup_intent": "/v1/setup_intents/",
}


def emit(work: UnitOfWork, type_: str, subject: Json, previous: Json | None = None) -> Json:
    """Record that something happened to `subject` and queue it for everyone who listens.

    previous: the former values of what changed, for `*.updated` events only.
    """
    data: Json = {"object": json.loads(json.dumps(subject))}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Json = {
        "id": new_id("evt_"),
        "object": "event",
        "api_version": DEFAULT_API_VERSION,
        "created": work.timestamp,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": work.request.id, "idempotency_key": work.request.idempotency_key},
        "type": type_,
    }
    audience = _audience(work, type_)
    for endpoint, style in audience:
        _queue_delivery(work, event, endpoint, style)
    event["pending_webhooks"] = len(audience) + _queue_for_listeners(work, event["id"])
    work.insert(event)
    return event


def changed(before: Json, after: Json) -> Json:
    """Return what `previous_attributes` says: the former values of all that differs."""
    previous: Json = {}
    for key, value in after.items():
        former = before.get(key)
        if former == value:
            continue
        if isinstance(former, dict) and isinstance(value, dict):
            names = [name for name in former | value if former.get(name) != value.get(name)]
            previous[key] = {name: former.get(name) for name in names}
        else:
            previous[key] = former
    return previous


def as_read(work: UnitOfWork, event: Json) -> Json:
    """Return the event as the API shows it now: only pending_webhooks moves."""
    row = work.store.row(
        "SELECT (SELECT count(*) FROM deliveries WHERE event = ?1 AND status != 'succeeded') "
        "+ (SELECT count(*) FROM listener_queue WHERE event = ?1 AND acknowledged = 0) AS open",
        (event["id"],),
    )
    return event | {"pending_webhooks": row["open"] if row is not None else 0}


def snapshot_payload(event: Json, api_version: str | None) -> str:
    """Return the body that an endpoint of this version receives, the same at every attempt."""
    return json.dumps(event | {"api_version": api_version or event["api_version"]}, indent=2)


def thin_event(event: Json) -> Json:
    """Return the thin form of an event: names what changed, tells nothing about it."""
    subject = event["data"]["object"]
    thin: Json = {
        "id": event["id"],
        "object": "v2.core.event",
        "type": THIN_PREFIX + event["type"],
        "livemode": False,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "reason": None,
        "related_object": None,
    }
    if event["request"]["id"] is not None:
        thin["reason"] = {"type": "request", "request": event["request"]}
    if subject["object"] in RESOURCE_PATHS:
        thin["related_object"] = {
            "id": subject["id"],
            "type": subject["object"],
            "url": RESOURCE_PATHS[subject["object"]] + subject["id"],
        }
    return thin


def queue_again(work: UnitOfWork, event_id: str, endpoint: Json, style: str) -> int:
    """Queue one more delivery of an old event to one endpoint; faults do not touch it."""
    cursor = work.store.execute(
        "INSERT INTO deliveries (event, endpoint, style, status, created, due) "
        "VALUES (?, ?, ?, 'pending', ?, ?)",
        (event_id, endpoint["id"], style, work.now, work.now),
    )
    work.sends = True
    return int(cursor.lastrowid or 0)


def queue_for_listener(work: UnitOfWork, event_id: str, listener: str, feature: str) -> None:
    """Queue an event for one `stripe listen`; it stays until acknowledged."""
    work.store.execute(
        "INSERT INTO listener_queue (listener, event, feature, conversation) VALUES (?, ?, ?, ?)",
        (listener, event_id, feature, new_id("wc_")),
    )
    work.sends = True


def active_listeners(work: UnitOfWork) -> list[tuple[str, list[str]]]:
    """Return the listeners of late, with the features that each asked for."""
    rows = work.store.rows(
        "SELECT id, features FROM listeners WHERE seen > ?", (work.now - LISTENER_MEMORY_SECONDS,)
    )
    return [(row["id"], json.loads(row["features"])) for row in rows]


def wants(endpoint: Json, type_: str) -> bool:
    """Tell whether an endpoint is on and has subscribed to this type."""
    enabled = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in enabled or type_ in enabled)


def _audience(work: UnitOfWork, type_: str) -> list[tuple[Json, str]]:
    endpoints = work.store.select("webhook_endpoint", {}, limit=100, oldest_first=True)
    destinations = work.store.select("v2.core.event_destination", {}, limit=100, oldest_first=True)
    audience = [(endpoint, "snapshot") for endpoint in endpoints if wants(endpoint, type_)]
    for destination in destinations:
        style = destination["event_payload"]
        if wants(destination, THIN_PREFIX + type_ if style == "thin" else type_):
            audience.append((destination, style))
    return audience


def _queue_delivery(work: UnitOfWork, event: Json, endpoint: Json, style: str) -> None:
    due, status, copies, kind = work.now, "pending", 0, None
    fault = work.faults.strike(
        DELIVERY_KINDS, event_type=event["type"], endpoint=str(endpoint.get("url"))
    )
    if fault is not None:
        kind = fault.kind
        status = "lost" if kind == "lose" else "pending"
        copies = fault.copies if kind == "repeat" else 0
        if kind == "delay":
            due += fault.seconds
        elif kind == "reorder":
            due += work.faults.part_of(fault.seconds)
    work.store.execute(
        "INSERT INTO deliveries (event, endpoint, style, status, copies, fault, created, due) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (event["id"], endpoint["id"], style, status, copies, kind, work.now, due),
    )
    work.sends = True


def _queue_for_listeners(work: UnitOfWork, event_id: str) -> int:
    queued = 0
    for listener, features in active_listeners(work):
        for feature in features:
            queue_for_listener(work, event_id, listener, feature)
            queued += 1
    return queued
