"""Acting again on many stored events."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from coinpurse import Coinpurse
from coinpurse.errors import InvalidRequest

START = datetime(2026, 11, 1, tzinfo=UTC)
TYPES = ("customer.created", "invoice.paid")
INSERT = """
    INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, received_at)
    SELECT id, type, '', false, now(), CAST(payload AS json), state, received_at
      FROM unnest(%(ids)s::text[], %(types)s::text[], %(payloads)s::text[], %(states)s::text[],
                  %(moments)s::timestamptz[]) AS e (id, type, payload, state, received_at)
"""


def store_events(purse: Coinpurse, *states: str, at: datetime = START) -> None:
    """Store events of both types in turn, each a minute after the one before."""
    rows = [
        (f"evt_{number:05}", TYPES[number % 2], state, at + timedelta(minutes=number))
        for number, state in enumerate(states)
    ]
    with purse.database.unit_of_work() as work:
        work.execute(
            INSERT,
            ids=[row[0] for row in rows],
            types=[row[1] for row in rows],
            payloads=[
                json.dumps(
                    {"id": id_, "type": type_, "created": 1, "data": {"object": {"id": "x"}}}
                )
                for id_, type_, _state, _moment in rows
            ],
            states=[row[2] for row in rows],
            moments=[row[3] for row in rows],
        )


def test_what_failed_or_is_dead_is_replayed_oldest_first_page_by_page(purse: Coinpurse) -> None:
    store_events(purse, "failed", "processed", "dead", "failed", "ignored", "failed", "foreign")

    replayed = list(purse.inbox.replay(only_wrong=True, page=2))

    assert [event.id[-1] for event in replayed] == ["0", "2", "3", "5"]
    assert {event.state for event in replayed} == {"ignored"}
    assert list(purse.inbox.replay(only_wrong=True)) == []


def test_all_of_a_type_are_replayed_whatever_their_state(purse: Coinpurse) -> None:
    store_events(purse, "failed", "failed", "processed", "processed", "dead")

    replayed = list(purse.inbox.replay(type_="customer.created", page=1))

    assert [event.id[-1] for event in replayed] == ["0", "2", "4"]
    wrong = list(purse.inbox.replay(type_="invoice.paid", only_wrong=True))
    assert [event.id[-1] for event in wrong] == ["1"]


def test_what_arrives_meanwhile_is_not_waited_for(purse: Coinpurse) -> None:
    store_events(purse, "failed", "failed")
    replay = purse.inbox.replay(only_wrong=True, page=1)
    assert next(replay).id == "evt_00000"
    with purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.stripe_events SET received_at = now() WHERE id = 'evt_00001'"
        )

    assert list(replay) == []


def test_events_received_in_the_same_moment_are_each_replayed_once(purse: Coinpurse) -> None:
    store_events(purse, *["failed"] * 7)
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.stripe_events SET received_at = %(start)s", start=START)

    replayed = [event.id for event in purse.inbox.replay(only_wrong=True, page=3)]

    assert replayed == [f"evt_{number:05}" for number in range(7)]


def test_an_event_that_fails_again_is_not_replayed_for_ever(purse: Coinpurse) -> None:
    store_events(purse, "failed", "failed")
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.stripe_events SET payload = '[]' WHERE id = 'evt_00000'")

    replayed = [(event.id, event.state) for event in purse.inbox.replay(only_wrong=True, page=1)]

    assert replayed == [("evt_00000", "failed"), ("evt_00001", "ignored")]


def test_a_replay_of_everything_must_be_asked_for_in_parts(purse: Coinpurse) -> None:
    with pytest.raises(InvalidRequest):
        next(purse.inbox.replay())


def test_many_events_take_no_more_memory_than_few(purse: Coinpurse) -> None:
    store_events(purse, *["failed"] * 600)

    def peak(count: int) -> int:
        tracemalloc.start()
        for number, _event in enumerate(purse.inbox.replay(type_=TYPES[0], page=20)):
            if number == count:
                break
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(290) < 1.5 * peak(30) + 200_000
