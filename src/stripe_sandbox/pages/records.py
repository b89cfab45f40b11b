"""What the dashboard's lists read beyond `dashboard_queries`: filters, text search and pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stripe_sandbox import dashboard_queries
from stripe_sandbox.json_types import Json

if TYPE_CHECKING:
    import sqlite3

    from stripe_sandbox.world import World

Row = TypeVar("Row")

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver. `status` is the HTTP status; None when there was no answer."""

    at: float
    seconds: float
    status: int | None
    response: str
    error: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. `due` is None once nothing more will be sent."""

    id: int
    event_id: str
    event_type: str
    endpoint_id: str
    endpoint_url: str
    style: str
    status: str
    fault: str | None
    created: float
    due: float | None
    attempts: tuple[Attempt, ...]

    @property
    def last_attempt(self) -> Attempt | None:
        """The newest try."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Up to PAGE_SIZE rows, newest first."""

    rows: tuple[Row, ...]
    number: int
    has_more: bool


def count_by_kind(world: World) -> dict[str, int]:
    """Return how many objects of each kind there are, and how many deliveries."""
    with world.lock:
        row = world.store.row("SELECT count(*) AS count FROM deliveries")
    deliveries = int(row["count"]) if row is not None else 0
    return dashboard_queries.counts(world) | {"delivery": deliveries}


def list_objects(
    world: World, kind: str, *, filters: Mapping[str, str], text: str = "", page: int = 1
) -> Page[Json]:
    """Return one page of objects; `text` is looked for in the whole object."""
    with world.lock:
        found = world.store.select(
            kind,
            filters,
            limit=page * PAGE_SIZE + 1,
            clause="AND instr(lower(body), lower(?)) > 0" if text else "",
            clause_parameters=(text,) if text else (),
        )
    first = (page - 1) * PAGE_SIZE
    return Page(tuple(found[first : page * PAGE_SIZE]), page, len(found) > page * PAGE_SIZE)


def signing_secret(world: World, endpoint_id: str) -> str:
    """Return what an endpoint's deliveries are signed with; empty when there is none."""
    with world.lock:
        return str(world.store.private(endpoint_id).get("secret", ""))


def events_about(world: World, identifier: str, *, limit: int = 20) -> list[Json]:
    """Return the newest events whose payload mentions an object."""
    with world.lock:
        return world.store.select(
            "event",
            {},
            limit=limit,
            clause="AND instr(body, ?) > 0",
            clause_parameters=(json.dumps(identifier),),
        )


def list_deliveries(
    world: World,
    *,
    event_id: str = "",
    status: str = "",
    text: str = "",
    page: int = 1,
) -> Page[Delivery]:
    """Return one page of deliveries with all their attempts; empty filters match everything."""
    with world.lock:
        rows = world.store.rows(
            "SELECT deliveries.*, event.type AS event_type, endpoint.body AS endpoint_body "
            "FROM deliveries LEFT JOIN objects AS event ON event.id = deliveries.event "
            "LEFT JOIN objects AS endpoint ON endpoint.id = deliveries.endpoint "
            "WHERE (?1 = '' OR deliveries.event = ?1) AND (?2 = '' OR deliveries.status = ?2) "
            "AND (?3 = '' OR instr(event.type || ' ' || deliveries.event || ' ' "
            "|| coalesce(endpoint.body, ''), ?3) > 0) "
            "ORDER BY deliveries.id DESC LIMIT ?4 OFFSET ?5",
            (event_id, status, text, PAGE_SIZE + 1, (page - 1) * PAGE_SIZE),
        )
        deliveries = tuple(_delivery(world, row) for row in rows[:PAGE_SIZE])
    return Page(deliveries, page, len(rows) > PAGE_SIZE)


def endpoint_url(endpoint: Json | None) -> str:
    """Return where an endpoint, or an event destination, is posted to."""
    if endpoint is None:
        return ""
    target = endpoint.get("webhook_endpoint") or endpoint
    return str(target.get("url") or "")


def _delivery(world: World, row: sqlite3.Row) -> Delivery:
    attempts = world.store.rows(
        "SELECT at, seconds, status, response, error FROM attempts WHERE delivery = ? ORDER BY id",
        (row["id"],),
    )
    body = row["endpoint_body"]
    return Delivery(
        id=row["id"],
        event_id=row["event"],
        event_type=row["event_type"] or "",
        endpoint_id=row["endpoint"],
        endpoint_url=endpoint_url(json.loads(body) if body else None),
        style=row["style"],
        status=row["status"],
        fault=row["fault"],
        created=row["created"],
        due=row["due"],
        attempts=tuple(
            Attempt(
                at=attempt["at"],
                seconds=attempt["seconds"],
                status=attempt["status"],
                response=attempt["response"] or "",
                error=attempt["error"] or "",
            )
            for attempt in attempts
        ),
    )
