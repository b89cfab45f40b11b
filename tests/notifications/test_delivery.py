"""The machine that delivers: once to each target, again where it failed, never twice at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from threading import Barrier
from uuid import UUID, uuid4

import pytest
import structlog

from coinpurse.db import Database, UnitOfWork
from coinpurse.errors import NotFound
from coinpurse.notifications import Delivery, Notifications, Outcome
from coinpurse.notifications.rules import BACK_OFF, SENDERS, back_off
from coinpurse.outbox import Message, announce


@dataclass
class Ear:
    """A channel that hears what it is told, and answers what the test wants."""

    to: Sequence[UUID | None] = (None,)
    answer: Outcome = Outcome(True, 200)  # noqa: RUF009  Frozen.
    heard: list[Delivery] = field(default_factory=list)
    problem: Exception | None = None
    poison: str | None = None

    def targets(self, work: UnitOfWork, message: Message) -> Sequence[UUID | None]:
        if message.cause == self.poison:
            raise KeyError(message.cause)
        return self.to

    def send(self, delivery: Delivery, message: Message) -> Outcome:
        self.heard.append(delivery)
        if self.problem is not None:
            raise self.problem
        return self.answer


def tell(database: Database, cause: str = "p1") -> None:
    with database.unit_of_work() as work:
        announce(work, "payment.completed", cause=cause, facts={"coins": 7})


def make_due(database: Database) -> None:
    with database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.deliveries SET next_attempt_at = now() WHERE state = 'waiting'"
        )


def only_delivery(notifications: Notifications) -> Delivery:
    ((_, deliveries),) = notifications.latest()
    (delivery,) = deliveries
    return delivery


def test_each_target_of_each_channel_hears_once(database: Database) -> None:
    hook, mail = Ear((uuid4(), uuid4())), Ear()
    notifications = Notifications(database, {"webhook": hook, "mail": mail})
    tell(database)

    for _ in range(2):
        notifications.deliver_due()

    assert {each.endpoint_id for each in hook.heard} == set(hook.to)
    assert (len(hook.heard), len(mail.heard)) == (2, 1)
    ((message, deliveries),) = notifications.latest()
    assert message.facts == {"coins": 7}
    assert {each.state for each in deliveries} == {"delivered"}


def test_a_failure_waits_longer_each_time_and_ends_dead(database: Database) -> None:
    ear = Ear(answer=Outcome(False, 503, "busy"))
    notifications = Notifications(database, {"webhook": ear})
    tell(database)

    for _ in range(len(BACK_OFF["webhook"]) + 3):
        notifications.deliver_due()
        make_due(database)

    assert len(ear.heard) == len(BACK_OFF["webhook"]) + 1
    dead = only_delivery(notifications)
    assert (dead.state, dead.last_status, dead.last_error) == ("dead", 503, "busy")
    found = notifications.find(dead.message_id)
    assert found is not None
    ((_, attempts),) = found[1]
    assert [each.error for each in attempts] == ["busy"] * len(ear.heard)


def test_nothing_is_tried_before_its_time(database: Database) -> None:
    ear = Ear(answer=Outcome(False))
    notifications = Notifications(database, {"webhook": ear})
    tell(database)

    for _ in range(3):
        notifications.deliver_due()

    assert len(ear.heard) == 1


def test_what_cannot_be_helped_is_dead_at_once_and_can_be_replayed(database: Database) -> None:
    ear = Ear(answer=Outcome(False, 410, "gone", final=True))
    notifications = Notifications(database, {"webhook": ear})
    tell(database)
    notifications.deliver_due()
    dead = only_delivery(notifications)
    assert dead.state == "dead"
    ear.answer = Outcome(True, 200)

    assert notifications.replay_dead("mail") == 0
    assert notifications.replay_dead() == 1
    notifications.deliver_due()
    again = only_delivery(notifications)
    assert (again.id, again.state, again.attempts) == (dead.id, "delivered", 1)

    notifications.replay(dead.id)
    notifications.deliver_due()
    assert [each.id for each in ear.heard] == [dead.id] * 3
    with pytest.raises(NotFound):
        notifications.replay(uuid4())


def test_a_replayed_message_finds_the_channel_that_came_later(database: Database) -> None:
    hook, mail = Ear(), Ear()
    tell(database)
    Notifications(database, {"webhook": hook}).deliver_due()
    both = Notifications(database, {"webhook": hook, "mail": mail})

    both.replay(both.latest()[0][0].id)
    both.deliver_due()

    assert (len(hook.heard), len(mail.heard)) == (1, 1)


def test_a_channel_that_breaks_is_a_failed_attempt_and_tells_no_secret(database: Database) -> None:
    ear = Ear(problem=RuntimeError("https://user:secret@example.com"))
    notifications = Notifications(database, {"alert": ear})
    tell(database)

    with structlog.testing.capture_logs() as logs:
        notifications.deliver_due()

    assert "secret" not in repr(logs)
    assert only_delivery(notifications).last_error == "RuntimeError"
    assert only_delivery(notifications).state == "waiting"


def test_workers_side_by_side_send_each_delivery_once(database: Database) -> None:
    ear = Ear()
    workers = [Notifications(database, {"webhook": ear}) for _ in range(6)]
    for number in range(60):
        tell(database, f"p{number}")
    together = Barrier(len(workers))

    def work_on(notifications: Notifications) -> None:
        together.wait(30)
        while notifications.deliver_due(limit=7):
            pass

    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(work_on, workers))
    workers[0].deliver_due()

    assert len(ear.heard) == 60
    assert len({each.id for each in ear.heard}) == 60


def test_a_sender_that_died_leaves_its_delivery_to_the_next_turn(database: Database) -> None:
    ear = Ear()
    notifications = Notifications(database, {"webhook": ear})
    tell(database)
    notifications.fan_out()
    (lost,) = notifications.claim("webhook", limit=1)

    assert notifications.claim("webhook", limit=1) == []
    make_due(database)
    notifications.deliver_due()

    assert [each.id for each in ear.heard] == [lost.delivery.id]
    assert only_delivery(notifications).attempts == 2


def test_a_late_failure_undoes_no_success(database: Database) -> None:
    ear = Ear()
    notifications = Notifications(database, {"webhook": ear})
    tell(database)
    notifications.fan_out()
    (slow,) = notifications.claim("webhook", limit=1)
    make_due(database)
    notifications.deliver_due()
    ear.answer = Outcome(False, None, "timed out")

    notifications.attempt(slow)

    assert only_delivery(notifications).state == "delivered"


def test_every_channel_has_its_senders_and_waits_that_grow() -> None:
    assert BACK_OFF.keys() == SENDERS.keys()
    for channel, waits in BACK_OFF.items():
        assert list(waits) == sorted(waits)
        assert back_off(channel, len(waits) + 1) is None


def test_a_message_that_breaks_a_channel_holds_up_no_other_message_or_channel(
    database: Database,
) -> None:
    hook, mail = Ear(poison="p1"), Ear()
    notifications = Notifications(database, {"webhook": hook, "mail": mail})
    for cause in ("p1", "p2"):
        tell(database, cause)

    with structlog.testing.capture_logs() as logs:
        notifications.deliver_due()

    assert (len(hook.heard), len(mail.heard)) == (1, 2)
    assert [each["channel"] for each in logs if each["event"] == "message.broken"] == ["webhook"]
    hook.poison = None
    notifications.replay(notifications.latest()[-1][0].id)
    notifications.deliver_due()
    assert (len(hook.heard), len(mail.heard)) == (2, 2)


def test_what_a_newer_release_announces_waits_for_its_worker(database: Database) -> None:
    ear = Ear()
    notifications = Notifications(database, {"webhook": ear})
    tell(database)
    with database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.messages SET type = 'payment.of_tomorrow'")
    tell(database, "p2")

    notifications.deliver_due()

    assert len(ear.heard) == 1
    with database.unit_of_work() as work:
        assert [
            row.type
            for row in work.rows("SELECT type FROM coinpurse.messages WHERE fanned_out_at IS NULL")
        ] == ["payment.of_tomorrow"]


@pytest.mark.parametrize(
    "answer", [Outcome(False, error="cut\0 \ud800", answer="\0"), Outcome(True, answer="\ud800\0")]
)
def test_whatever_an_answer_says_the_attempt_is_noted(database: Database, answer: Outcome) -> None:
    notifications = Notifications(database, {"webhook": Ear(answer=answer)})
    tell(database)

    notifications.deliver_due()

    found = notifications.find(only_delivery(notifications).message_id)
    assert found is not None
    assert len(found[1][0][1]) == 1
    assert only_delivery(notifications).state == ("delivered" if answer.ok else "waiting")


def test_the_server_s_clock_says_when_to_try_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock is a day behind would spend all attempts at once."""

    class Behind(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Behind:
            return cls.fromtimestamp(time.time() - 86400, tz)

    monkeypatch.setattr("coinpurse.notifications.service.datetime", Behind, raising=False)
    ear = Ear(answer=Outcome(False))
    notifications = Notifications(database, {"webhook": ear})
    tell(database)

    for _ in range(3):
        notifications.deliver_due()

    assert len(ear.heard) == 1
