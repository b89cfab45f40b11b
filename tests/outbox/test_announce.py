"""What happened is announced with its effect, and once for each cause."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from coinpurse.db import Database
from coinpurse.outbox import announce


def rows(database: Database) -> list[Any]:
    with database.unit_of_work() as work:
        return work.rows(
            "SELECT type, cause, facts, request_id FROM coinpurse.messages ORDER BY id"
        )


def test_a_cause_is_announced_once(database: Database) -> None:
    for coins in (1200, 7):
        with database.unit_of_work() as work:
            announce(work, "payment.completed", cause="p1", facts={"coins": coins})
    with database.unit_of_work() as work:
        announce(work, "payment.refunded", cause="p1", facts={})

    assert [(row.type, row.facts) for row in rows(database)] == [
        ("payment.completed", {"coins": 1200}),
        ("payment.refunded", {}),
    ]


def test_what_is_rolled_back_was_never_announced(database: Database) -> None:
    def announce_and_fail() -> None:
        with database.unit_of_work() as work:
            announce(work, "payment.completed", cause="p1", facts={})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        announce_and_fail()

    assert rows(database) == []


def test_a_message_names_the_request_that_it_happened_in(database: Database) -> None:
    with (
        structlog.contextvars.bound_contextvars(request_id="req-1"),
        database.unit_of_work() as work,
    ):
        announce(work, "payment.completed", cause="p1", facts={})

    assert rows(database)[0].request_id == "req-1"


def test_a_type_that_nobody_knows_is_a_bug(database: Database) -> None:
    with pytest.raises(AssertionError), database.unit_of_work() as work:
        announce(work, "payment.complete", cause="p1", facts={})
