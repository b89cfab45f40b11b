"""`stripe listen`: sessions, and the web socket that pushes events to the official CLI."""

from __future__ import annotations

import json
import time

from flask import Flask, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

from stripe_sandbox import events, signatures
from stripe_sandbox.json_types import Json
from stripe_sandbox.world import World

PATH = "/_sandbox/listen"
POLL_SECONDS = 0.05
BATCH = 50


def register_listener_socket(app: Flask, world: World) -> None:
    """Add the web socket route."""
    Sock(app).route(PATH)(lambda socket: _serve(world, socket))


def _serve(world: World, socket: Server) -> None:
    listener = request.headers.get("Websocket-Id", "")
    feature = request.args.get("websocket_feature", "webhooks")
    sent: set[int] = set()
    seen = 0.0
    try:
        while True:
            if time.monotonic() - seen > 5:
                _mark_seen(world, listener, feature)
                seen = time.monotonic()
            _push(world, socket, listener, sent)
            message = socket.receive(timeout=POLL_SECONDS)
            if message is not None:
                _receive(world, listener, message)
    except ConnectionClosed:
        _mark_seen(world, listener, feature)


def _mark_seen(world: World, listener: str, feature: str) -> None:
    with world.unit() as work:
        work.store.execute(
            "INSERT INTO listeners (id, secret, features, seen) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (listener, signatures.stable_secret(listener), json.dumps([feature]), work.now),
        )


def _push(world: World, socket: Server, listener: str, sent: set[int]) -> None:
    with world.lock:
        rows = world.store.rows(
            "SELECT q.id, q.event, q.feature, q.conversation, l.secret FROM listener_queue q "
            "JOIN listeners l ON l.id = q.listener "
            "WHERE q.listener = ? AND q.acknowledged = 0 ORDER BY q.id LIMIT ?",
            (listener, BATCH + len(sent)),
        )
        fresh = [row for row in rows if row["id"] not in sent]
        found = [(row, world.store.find(row["event"], "event")) for row in fresh]
    for row, event in found:
        sent.add(row["id"])
        if event is not None:
            message = (
                _thin(event, row["secret"])
                if row["feature"] == "v2_events"
                else (_snapshot(event, row["conversation"], row["secret"], listener))
            )
            socket.send(json.dumps(message))


def _snapshot(event: Json, conversation: str, secret: str, listener: str) -> Json:
    payload = events.snapshot_payload(event, None)
    return {
        "type": "webhook_event",
        "webhook_id": listener,
        "webhook_conversation_id": conversation,
        "event_payload": payload,
        "http_headers": _headers(payload, secret),
        "endpoint": {"api_version": None},
    }


def _thin(event: Json, secret: str) -> Json:
    payload = json.dumps(events.thin_event(event))
    return {
        "type": "v2_event",
        "http_headers": _headers(payload, secret),
        "payload": payload,
        "destination_id": "ed_cli_listener",
    }


def _headers(payload: str, secret: str) -> Json:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signatures.header(payload, secret, int(time.time())),
    }


def _receive(world: World, listener: str, message: str | bytes) -> None:
    try:
        content = json.loads(message)
    except ValueError:
        return
    if not isinstance(content, dict) or content.get("type") != "event_ack":
        return
    with world.unit() as work:
        work.store.execute(
            "UPDATE listener_queue SET acknowledged = 1 WHERE listener = ?1 AND event = ?2 "
            "AND (?3 = '' OR conversation = ?3 OR feature = 'v2_events')",
            (listener, content.get("event_id"), content.get("webhook_conversation_id") or ""),
        )
