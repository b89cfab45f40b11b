"""Old messages are cleared, never one that waits, and what was told once is not told again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from coinpurse.db import Database
from coinpurse.errors import NotFound
from coinpurse.notifications import Notifications, Outcome, clear_old, store
from coinpurse.outbox import announce
from tests.notifications.test_delivery import Ear, only_delivery, tell

DAYS = 90


def age(database: Database, days: int, cause: str = "%") -> None:
    """Make messages older than they are."""
    with database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.messages SET created_at = created_at - make_interval(days => %(days)s)"
            " WHERE cause LIKE %(cause)s",
            days=days,
            cause=cause,
        )


def told(database: Database, ear: Ear, *causes: str) -> Notifications:
    """Messages that were told, or tried to."""
    notifications = Notifications(database, {"webhook": ear})
    for cause in causes:
        tell(database, cause)
    notifications.deliver_due()
    return notifications


def whole(database: Database) -> list[str]:
    """The causes of messages that are as they were."""
    with database.unit_of_work() as work:
        rows = work.rows(
            """SELECT cause FROM coinpurse.messages WHERE facts = '{"coins": 7}' ORDER BY cause"""
        )
    return [row.cause for row in rows]


def test_what_was_delivered_or_given_up_is_cleared_and_never_told_again(database: Database) -> None:
    ear = Ear()
    notifications = told(database, ear, "delivered")
    ear.answer = Outcome(False, 410, "gone", final=True)
    told(database, ear, "dead")
    with database.unit_of_work() as work:
        announce(work, "coins.expiring", cause="ada:2027-01-01", user_id="ada", facts={"coins": 7})
    notifications.fan_out()
    notifications.deliver_due()
    age(database, DAYS + 1)

    assert clear_old(database, kept_days=DAYS) == 3
    assert clear_old(database, kept_days=DAYS) == 0

    with database.unit_of_work() as work:
        announce(work, "coins.expiring", cause="ada:2027-01-01", user_id="ada", facts={"coins": 7})
        tell(database, "delivered")
        for table in ("deliveries", "delivery_attempts"):
            assert work.rows(f"SELECT id FROM coinpurse.{table}") == []  # noqa: S608
        kept = work.rows("SELECT cause, facts, user_id FROM coinpurse.messages ORDER BY cause")
    assert [tuple(row) for row in kept] == [
        (cause, {}, None) for cause in ("ada:2027-01-01", "dead", "delivered")
    ]
    heard = len(ear.heard)
    notifications.deliver_due()
    assert len(ear.heard) == heard


def test_what_was_cleared_is_neither_shown_nor_replayed(database: Database) -> None:
    ear = Ear()
    notifications = told(database, ear, "old")
    delivery = only_delivery(notifications)
    age(database, DAYS + 1)
    clear_old(database, kept_days=DAYS)

    assert notifications.latest() == []
    assert notifications.find(delivery.message_id) is None
    assert notifications.find_delivery(delivery.id) is None
    for id_ in (delivery.id, delivery.message_id):
        with pytest.raises(NotFound):
            notifications.replay(id_)
    notifications.deliver_due()
    assert len(ear.heard) == 1


def test_what_waits_or_is_young_stays(database: Database) -> None:
    ear = Ear()
    notifications = told(database, ear, "old-1", "old-2", "young")
    ear.answer = Outcome(False, 503)
    told(database, ear, "old-waiting")
    tell(database, "old-new")  # Nobody has looked at it yet.
    age(database, DAYS + 1, "old-%")
    age(database, DAYS - 1, "young")

    assert clear_old(database, kept_days=0) == 0
    assert clear_old(database, kept_days=DAYS, page=1) == 2

    assert whole(database) == ["old-new", "old-waiting", "young"]
    assert notifications.fan_out() == 1


def test_what_is_replayed_at_this_moment_stays(
    database: Database, eventually: Callable[..., Any]
) -> None:
    ear = Ear()
    notifications = told(database, ear, "a", "b")
    age(database, DAYS + 1)
    _, (replayed, *_) = next(each for each in notifications.latest() if each[0].cause == "a")

    with ThreadPoolExecutor(1) as pool:
        with database.unit_of_work() as work:
            assert store.wake(work, replayed.id)
            clearing = pool.submit(clear_old, database, kept_days=DAYS)
            eventually(lambda: somebody_waits_for_a_lock(database))
        assert clearing.result(60) == 1

    assert whole(database) == ["a"]
    notifications.deliver_due()
    assert ear.heard[-1].id == replayed.id


def somebody_waits_for_a_lock(database: Database) -> bool:
    # In a transaction of its own each time: within one the view stays as it was first read.
    with database.unit_of_work() as work:
        return bool(
            work.rows(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )


def test_the_old_are_found_by_an_index(database: Database) -> None:
    with database.unit_of_work() as work:
        work.execute("SET LOCAL enable_seqscan = off")
        plan = work.rows(
            f"EXPLAIN {store.OLD}",
            older_than=timedelta(days=90),
            after_at=store.BEGINNING[0],
            after_id=UUID(int=0),
            limit=500,
        )
    lines = "\n".join(row[0] for row in plan)
    assert "Index Scan using messages_whole" in lines
    assert "Sort" not in lines
