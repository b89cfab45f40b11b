"""From an announcement to the receiver: signed, repeated until taken, and given up where nobody is left."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.contextvars import bound_contextvars

from coinpurse import Coinpurse, outbox
from coinpurse.db.identifiers import new_id
from coinpurse.endpoints import (
    EVENT_TYPES,
    FIELDS,
    Endpoint,
    NewSecret,
    Sender,
    SentWebhook,
    WebhookChannel,
)
from coinpurse.endpoints.rules import FAILURES, is_given_up
from coinpurse.errors import InvalidRequest, NotFound
from coinpurse.notifications import Attempt, Notifications, courier
from coinpurse.settings import Settings
from tests.endpoints.receivers import Received, Receiver

FACTS = {"payment_id": "0199", "user_id": "ada", "coins": 1000, "status": "completed", "pack": "大"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhooks_allow_private": True})


@pytest.fixture
def other() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def _add(purse: Coinpurse, receiver: Receiver, *event_types: str) -> NewSecret:
    with purse.database.unit_of_work() as work:
        return purse.webhook_endpoints.add(work, receiver.url, event_types=event_types)


def _announce(purse: Coinpurse, type_: str = "payment.completed", **facts: object) -> None:
    with purse.database.unit_of_work() as work:
        outbox.announce(work, type_, cause=str(new_id()), facts={**FACTS, **facts})


def _deliver(purse: Coinpurse) -> None:
    """Do what the worker does, for all that is due or waits for its time."""
    with purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.deliveries SET next_attempt_at = now() WHERE state = 'waiting'"
        )
    purse.notifications.deliver_due()


def _sent(purse: Coinpurse, endpoint: Endpoint | None = None) -> list[SentWebhook]:
    with purse.database.unit_of_work() as work:
        return purse.webhook_endpoints.deliveries(work, endpoint_id=endpoint and endpoint.id)


def _now(purse: Coinpurse, endpoint: Endpoint) -> Endpoint:
    with purse.database.unit_of_work() as work:
        return purse.webhook_endpoints.get(work, endpoint.id)


def _attempts(purse: Coinpurse, sent: SentWebhook) -> list[Attempt]:
    found = purse.notifications.find(sent.message_id)
    assert found is not None
    return [each for delivery, tries in found[1] if delivery.id == sent.id for each in tries]


def _verify(received: Received, secret: str) -> dict[str, object]:
    verified: dict[str, object] = Webhook(secret).verify(received.body, received.headers)
    return verified


def test_a_webhook_verifies_with_the_library_of_the_standard(
    purse: Coinpurse, receiver: Receiver
) -> None:
    made = _add(purse, receiver)
    with bound_contextvars(request_id="req-7"):
        _announce(purse, secret_of_another_kind="not for others")

    purse.notifications.deliver_due()

    (came,) = receiver.received
    body = _verify(came, made.secret)
    assert made.secret.startswith("whsec_")
    assert body["type"] == "payment.completed"
    age = datetime.now(UTC) - datetime.fromisoformat(str(body["timestamp"]))
    assert timedelta(0) <= age < timedelta(minutes=1)
    assert body["data"] == {
        **dict.fromkeys(FIELDS["payment.completed"]),
        **FACTS,
    }
    assert came.headers["x-request-id"] == "req-7"
    assert came.headers["content-type"] == "application/json"
    (sent,) = _sent(purse)
    assert (sent.state, str(sent.message_id)) == ("delivered", came.headers["webhook-id"])
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(came.body + b" ", came.headers)


def test_for_a_day_after_a_rotation_both_secrets_verify(
    purse: Coinpurse, receiver: Receiver
) -> None:
    old = _add(purse, receiver)
    with purse.database.unit_of_work() as work:
        new = purse.webhook_endpoints.rotate(work, old.endpoint.id)
    assert new.endpoint.previous_secret_until is not None
    left = new.endpoint.previous_secret_until - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)

    _announce(purse)
    _deliver(purse)
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.webhook_endpoints SET previous_secret_until = now()")
    _announce(purse)
    _deliver(purse)

    during, after = receiver.received
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    assert _verify(during, old.secret) == _verify(during, new.secret)
    _verify(after, new.secret)
    with pytest.raises(WebhookVerificationError):
        _verify(after, old.secret)


def test_an_endpoint_hears_of_what_it_chose_and_of_everything_by_default(
    purse: Coinpurse, receiver: Receiver, other: Receiver
) -> None:
    _add(purse, receiver, "payment.refunded", "dispute.opened")
    _add(purse, other)
    for type_ in ("payment.completed", "payment.refunded"):
        _announce(purse, type_)

    _deliver(purse)

    def types(heard: Receiver) -> list[str]:
        return sorted(json.loads(came.body)["type"] for came in heard.received)

    assert types(receiver) == ["payment.refunded"]
    assert types(other) == ["payment.completed", "payment.refunded"]


def test_a_test_goes_to_its_endpoint_alone_even_while_that_is_disabled(
    purse: Coinpurse, receiver: Receiver, other: Receiver
) -> None:
    made = _add(purse, receiver)
    _add(purse, other)
    with purse.database.unit_of_work() as work:
        purse.webhook_endpoints.disable(work, made.endpoint.id)
        purse.webhook_endpoints.test(work, made.endpoint.id)
        purse.webhook_endpoints.test(work, made.endpoint.id)
        with pytest.raises(NotFound):
            purse.webhook_endpoints.test(work, new_id())

    _deliver(purse)

    assert [_verify(came, made.secret)["type"] for came in receiver.received] == 2 * [
        "webhook.test"
    ]
    assert other.received == []


def test_a_webhook_is_repeated_with_the_same_id_and_body_until_it_is_taken(
    purse: Coinpurse, receiver: Receiver
) -> None:
    made = _add(purse, receiver)
    receiver.statuses, receiver.answer = [500, 302], b"<b>down</b>\x00"
    _announce(purse)

    purse.notifications.deliver_due()
    (first,) = _sent(purse)
    purse.notifications.deliver_due()
    assert len(receiver.received) == 1, "a repeat waits for its time"
    for _ in range(3):
        _deliver(purse)

    assert first.next_attempt_at is not None
    assert timedelta(seconds=1) < first.next_attempt_at - datetime.now(UTC) < timedelta(minutes=1)
    assert (first.state, first.last_status) == ("waiting", 500)
    assert len(receiver.received) == 3
    assert len({(came.headers["webhook-id"], came.body) for came in receiver.received}) == 1
    for came in receiver.received:
        _verify(came, made.secret)
    (sent,) = _sent(purse)
    assert (sent.state, sent.attempts) == ("delivered", 3)
    tries = _attempts(purse, sent)
    assert [(each.status, each.error is None) for each in tries] == [
        (500, False),
        (302, False),
        (204, True),
    ]
    assert tries[0].answer == "<b>down</b>\N{REPLACEMENT CHARACTER}"
    endpoint = _now(purse, made.endpoint)
    assert (endpoint.failing_since, endpoint.failures) == (None, 0)


def test_a_delivery_is_sent_again_when_asked(purse: Coinpurse, receiver: Receiver) -> None:
    _add(purse, receiver)
    _announce(purse)
    _deliver(purse)
    (sent,) = _sent(purse)

    purse.notifications.replay(sent.id)
    _deliver(purse)

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_a_receiver_that_says_gone_is_disabled_at_once_and_an_operator_hears_of_it(
    purse: Coinpurse, receiver: Receiver, other: Receiver
) -> None:
    made = _add(purse, receiver, "payment.completed")
    _add(purse, other, "operator.alert")
    receiver.statuses = [410]
    _announce(purse)
    _announce(purse)

    _deliver(purse)
    _announce(purse)
    _deliver(purse)

    assert len(receiver.received) == 1
    endpoint = _now(purse, made.endpoint)
    assert (endpoint.active, endpoint.disabled_why) == (False, "gone")
    assert {sent.state for sent in _sent(purse, made.endpoint)} == {"dead"}
    assert len(_sent(purse, made.endpoint)) == 2
    (alert,) = (json.loads(came.body)["data"] for came in other.received)
    assert alert["event"] == "webhook_endpoint.disabled"
    assert (alert["endpoint_id"], alert["why"]) == (str(made.endpoint.id), "gone")


def test_an_endpoint_that_only_fails_for_days_is_disabled_and_can_be_enabled_again(
    purse: Coinpurse, receiver: Receiver, other: Receiver
) -> None:
    made = _add(purse, receiver, "payment.completed")
    _add(purse, other, "operator.alert")
    receiver.statuses = [500] * (FAILURES + 1)
    for _ in range(FAILURES + 1):
        _announce(purse)
    _deliver(purse)
    assert _now(purse, made.endpoint).active, "it has failed often, and not for long"
    with purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.webhook_endpoints SET failing_since = now() - interval '5 days 1 minute'"
            " WHERE failing_since IS NOT NULL"
        )
    receiver.statuses = [500] * (FAILURES + 1)

    _deliver(purse)
    _deliver(purse)

    disabled = _now(purse, made.endpoint)
    assert (disabled.active, disabled.disabled_why) == (False, "failing")
    assert len(receiver.received) == FAILURES + 2, "the first failure that is one too many ends it"
    alerts = [json.loads(came.body)["data"] for came in other.received]
    assert [alert["why"] for alert in alerts] == ["failing"]

    receiver.statuses = []
    with purse.database.unit_of_work() as work:
        enabled = purse.webhook_endpoints.enable(work, made.endpoint.id)
    _deliver(purse)
    assert (enabled.active, enabled.failing_since) == (True, None)
    assert {sent.state for sent in _sent(purse, made.endpoint)} == {"delivered"}


@pytest.mark.parametrize(
    ("days", "failures", "given_up"),
    [(None, 0, False), (4.9, 1000, False), (5.0, FAILURES, True), (30, FAILURES - 1, False)],
)
def test_days_and_failures_both_count(days: float | None, failures: int, given_up: bool) -> None:
    now = datetime.now(UTC)
    since = None if days is None else now - timedelta(days=days)

    assert is_given_up(since, failures, now) is given_up


def test_what_is_on_its_way_to_a_disabled_endpoint_arrives_once_that_is_enabled(
    purse: Coinpurse, receiver: Receiver
) -> None:
    made = _add(purse, receiver)
    _announce(purse)
    purse.notifications.fan_out()
    with purse.database.unit_of_work() as work:
        purse.webhook_endpoints.disable(work, made.endpoint.id)
    _deliver(purse)
    assert receiver.received == []
    assert _now(purse, made.endpoint).failures == 0

    with purse.database.unit_of_work() as work:
        purse.webhook_endpoints.enable(work, made.endpoint.id)
    _deliver(purse)

    assert len(receiver.received) == 1


def test_two_workers_never_send_a_delivery_at_the_same_time(
    purse: Coinpurse, receiver: Receiver
) -> None:
    _add(purse, receiver)
    for _ in range(20):
        _announce(purse)
    receiver.held = threading.Event()
    purse.notifications.fan_out()
    workers = [Notifications(purse.database, purse.services.channels) for _ in range(4)]
    threads = [threading.Thread(target=worker.deliver_due) for worker in workers]

    for thread in threads:
        thread.start()
    receiver.arriving.wait(10)
    # Whoever looks while others send finds nothing that is theirs.
    for worker in workers:
        assert worker.claim("webhook", limit=100) == []
    receiver.held.set()
    for thread in threads:
        thread.join(30)

    assert len(receiver.received) == 20
    assert len({came.headers["webhook-id"] for came in receiver.received}) == 20
    assert {sent.attempts for sent in _sent(purse)} == {1}


def test_a_receiver_that_hangs_does_not_keep_others_waiting(
    purse: Coinpurse, receiver: Receiver, other: Receiver, eventually: Callable[..., Any]
) -> None:
    _add(purse, receiver)
    _add(purse, other)
    receiver.held = threading.Event()
    for _ in range(20):
        _announce(purse)

    # So patient that the one who hangs does hang for as long as this takes.
    sender = Sender(purse.services.webhook_reach, total_seconds=80)
    channel = WebhookChannel(purse.database, sender)

    async def carry() -> None:
        async with courier.at_work(Notifications(purse.database, {"webhook": channel})):
            try:
                await asyncio.to_thread(eventually, lambda: len(other.received) == 20)
            finally:
                assert receiver.held is not None
                receiver.held.set()

    asyncio.run(carry())

    assert receiver.received


def test_an_endpoint_is_edited_and_its_secret_stays(purse: Coinpurse, receiver: Receiver) -> None:
    made = _add(purse, receiver)

    with purse.database.unit_of_work() as work:
        edited = purse.webhook_endpoints.edit(
            work,
            made.endpoint.id,
            url=receiver.url.replace("hooks", "new"),
            description=" the game ",
            event_types=["payment.refunded", "payment.refunded"],
        )
        (listed,) = purse.webhook_endpoints.list_all(work)
    _announce(purse, "payment.refunded")
    _deliver(purse)

    assert listed == edited
    assert (edited.description, edited.event_types) == ("the game", ("payment.refunded",))
    assert receiver.received[0].path == "/new?shop=1"
    _verify(receiver.received[0], made.secret)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("url", {"url": "https://example.com:22/"}),
        ("event_types", {"event_types": ["payment.completed", "payment.made"]}),
        ("event_types", {"event_types": ["webhook.test"]}),
        ("description", {"description": "a\nb"}),
        ("description", {"description": "a" * 201}),
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_at_the_field(
    purse: Coinpurse, field: str, given: dict[str, str]
) -> None:
    with purse.database.unit_of_work() as work, pytest.raises(InvalidRequest) as refused:
        purse.webhook_endpoints.add(work, **{"url": "https://example.com/", **given})

    assert refused.value.field == field


def test_nobody_is_shown_a_secret_again(purse: Coinpurse, receiver: Receiver) -> None:
    made = _add(purse, receiver)

    shown = repr(_now(purse, made.endpoint))

    assert made.secret not in shown
    assert made.secret.removeprefix("whsec_") not in shown


def test_every_event_that_can_be_chosen_is_announced_and_has_its_fields() -> None:
    assert set(FIELDS) == set(EVENT_TYPES) - {"operator.alert"} | {"webhook.test"}
