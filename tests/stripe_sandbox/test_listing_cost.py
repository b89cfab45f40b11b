"""What a page of a long list costs: counted in SQLite's own steps, so that no clock decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stripe_sandbox.app import create_app
from stripe_sandbox.config import SandboxConfig
from stripe_sandbox.world import World

COUNT = 5_000
NOW = 1_790_000_000
STEPS_PER_CALL = 100

List = Callable[..., tuple[dict[str, Any], int]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[World, Any]]:
    app = create_app(SandboxConfig(state=tmp_path / "state.sqlite"))
    world: World = app.extensions["stripe_sandbox"]
    yield world, app.test_client()
    world.stop()


@pytest.fixture
def list_(world: tuple[World, Any]) -> List:
    """List, and count the steps of SQLite's machine."""
    made, client = world

    def list_(path: str, **query: object) -> tuple[dict[str, Any], int]:
        calls = 0

        def count() -> int:
            nonlocal calls
            calls += 1
            return 0

        with made.lock:
            made.store._connection.set_progress_handler(count, STEPS_PER_CALL)
            try:
                answer = client.get(
                    path, query_string=query, headers={"Authorization": "Bearer sk_test_a"}
                )
            finally:
                made.store._connection.set_progress_handler(None, 0)
        assert answer.status_code == 200, answer.text
        return answer.get_json(), calls * STEPS_PER_CALL

    return list_


def fill(world: World, kind: str, seconds: int) -> None:
    """Write objects that were created within so many seconds."""
    with world.unit() as work:
        for number in range(COUNT):
            created = NOW + number * seconds // COUNT
            body = {"id": f"x_{number}", "object": kind, "created": created, "status": "complete",
                    "type": "charge.succeeded"}  # fmt: skip
            work.store.insert(body, kind, created)


@pytest.mark.parametrize("seconds", [1, COUNT])
@pytest.mark.parametrize("more", [{}, {"status": "complete"}])
def test_every_page_costs_the_same(
    world: tuple[World, Any], list_: List, seconds: int, more: dict[str, str]
) -> None:
    fill(world[0], "checkout.session", seconds)
    costs, found, cursor = [], [], {}

    while True:
        page, cost = list_(
            "/v1/checkout/sessions", limit=100, **{"created[gte]": NOW}, **more, **cursor
        )
        costs.append(cost)
        found += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"starting_after": found[-1]}

    assert found == [f"x_{number}" for number in reversed(range(COUNT))]
    assert max(costs) < 3 * costs[0]


@pytest.mark.parametrize("seconds", [1, COUNT])
def test_paging_back_finds_the_same(world: tuple[World, Any], list_: List, seconds: int) -> None:
    fill(world[0], "checkout.session", seconds)

    page, cost = list_("/v1/checkout/sessions", limit=100, ending_before="x_2000")
    _, first = list_("/v1/checkout/sessions", limit=100)

    assert [each["id"] for each in page["data"]] == [f"x_{n}" for n in range(2100, 2000, -1)]
    assert page["has_more"] is True
    assert cost < 3 * first


def test_undelivered_events_are_found_among_many(world: tuple[World, Any], list_: List) -> None:
    made, _ = world
    with made.unit() as work:
        now = work.timestamp
        for number in range(COUNT):
            event = {"id": f"evt_{number}", "object": "event", "created": now, "type": "a.b",
                     "data": {"object": {}}, "api_version": None}  # fmt: skip
            work.store.insert(event, "event", now)
            work.store.execute(
                "INSERT INTO deliveries (event, endpoint, style, status, created)"
                " VALUES (?, 'we_1', 'snapshot', ?, ?)",
                (event["id"], "failed" if number == 7 else "succeeded", now),
            )

    page, cost = list_("/v1/events", limit=100, delivery_success="false")

    assert [event["id"] for event in page["data"]] == ["evt_7"]
    # A few steps for each event that was delivered, and no look at what it says.
    assert cost < 40 * COUNT
    plan = made.store.rows(
        "EXPLAIN QUERY PLAN SELECT 1 FROM deliveries WHERE event = ? AND status != 'succeeded'",
        ("evt_7",),
    )
    assert json.dumps([row["detail"] for row in plan]).count("deliveries_open") == 1
