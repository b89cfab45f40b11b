"""What happened is announced with its effect, and once for each cause."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

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


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("cut\0here", "cut\ufffdhere"),
        ("half \ud83d", "half ?"),
        ([{"nul\0": ("\0",)}], [{"nul\ufffd": ["\ufffd"]}]),
        (float("nan"), "nan"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
        ({"whole": 1, "part": 0.5, "no": None, "yes": True}, ...),
    ],
)
def test_what_others_wrote_never_fails_what_it_is_told_of(
    database: Database, given: object, kept: object
) -> None:
    with database.unit_of_work() as work:
        announce(work, "payment.in_review", cause="p1", facts={"reason": given})

    assert rows(database)[0].facts == {"reason": given if kept is ... else kept}


def test_a_cause_of_any_length_is_announced_once(database: Database) -> None:
    longest = "".join(chr(number) for number in range(0x4E00, 0x8000))
    for cause in (longest, longest, longest + "!", "\0"):
        with database.unit_of_work() as work:
            announce(work, "payment.in_review", cause=cause, facts={})

    assert len({row.cause for row in rows(database)}) == len(rows(database)) == 3


@pytest.mark.parametrize("theirs", ["cut\0here", 7, UUID(int=1)])
def test_a_host_s_request_id_of_any_kind_is_taken(database: Database, theirs: object) -> None:
    with (
        structlog.contextvars.bound_contextvars(request_id=theirs),
        database.unit_of_work() as work,
    ):
        announce(work, "payment.completed", cause="p1", facts={})

    assert rows(database)[0].request_id == str(theirs).replace("\0", "\ufffd")
