"""Alerts to operators, through apprise: one for each cause and target, and no address anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import structlog
from pydantic import SecretStr

from coinpurse import Settings
from coinpurse.errors import LedgerInvariantBroken
from coinpurse.outbox import TYPES, announce
from tests.notifications.conftest import Listener, PostOffice
from tests.notifications.test_delivery import make_due
from tests.refunds.conftest import Shop

# Of apprise's own imports, on older Pythons.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def shop(open_shop: Callable[[Settings], Shop], settings: Settings, listener: Listener) -> Shop:
    """A shop whose operator is told at two addresses, each with a secret in it."""
    urls = ",".join(f"json://127.0.0.1:{listener.port}/{name}-hush" for name in ("one", "two"))
    return open_shop(settings.model_copy(update={"alert_urls": SecretStr(urls)}))


def titles(listener: Listener) -> list[tuple[str, str]]:
    return [(path, body["title"]) for path, body in listener.heard]


def test_a_dispute_is_told_once_to_each_target(shop: Shop, listener: Listener) -> None:
    payment = shop.buy()
    dispute_id = shop.dispute(payment)

    for _ in range(3):
        shop.follow(payment)
        shop.purse.notifications.deliver_due()

    title = "[Coinpurse] A buyer disputes a payment"
    assert sorted(titles(listener)) == [("/one-hush", title), ("/two-hush", title)]
    body: Any = listener.heard[0][1]["message"]
    assert dispute_id in body
    assert str(payment.id) in body
    assert "\nAmount: $99.99\n" in body


def test_only_the_target_that_failed_is_told_again_and_no_address_is_kept_or_logged(
    shop: Shop, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    listener.status["/two-hush"] = 500
    payment = shop.buy()
    shop.dispute(payment)
    shop.follow(payment)
    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as logs:
        shop.purse.notifications.deliver_due()
    listener.status.clear()
    make_due(shop.purse.database)

    shop.purse.notifications.deliver_due()

    assert [path for path, _ in listener.heard].count("/one-hush") == 1
    assert [path for path, _ in listener.heard].count("/two-hush") == 2
    ((message, deliveries),) = shop.purse.notifications.latest(type_="dispute.opened")
    assert {each.state for each in deliveries} == {"delivered"}
    ours = [record for record in caplog.records if not record.name.startswith("urllib3")]
    assert "hush" not in repr((logs, ours, [record.getMessage() for record in ours]))
    found = shop.purse.notifications.find(message.id)
    assert "hush" not in repr(found)


def test_a_target_that_was_taken_out_of_the_settings_is_given_up(
    shop: Shop,
    listener: Listener,
    open_shop: Callable[[Settings], Shop],
    settings: Settings,
) -> None:
    listener.status = {"/one-hush": 500, "/two-hush": 500}
    with shop.purse.database.unit_of_work() as work:
        announce(work, "operator.alert", cause="x", facts={"event": "event.dead"})
    shop.purse.notifications.deliver_due()
    make_due(shop.purse.database)
    only_one = SecretStr(f"json://127.0.0.1:{listener.port}/one-hush")
    changed = open_shop(settings.model_copy(update={"alert_urls": only_one}))
    listener.status = {}

    changed.purse.notifications.deliver_due()

    ((_, deliveries),) = changed.purse.notifications.latest()
    assert sorted(each.state for each in deliveries) == ["dead", "delivered"]


def test_an_operator_who_reads_chinese_is_told_in_chinese(
    open_shop: Callable[[Settings], Shop], settings: Settings, listener: Listener
) -> None:
    urls = SecretStr(f"json://127.0.0.1:{listener.port}/one")
    shop = open_shop(settings.model_copy(update={"alert_urls": urls, "alert_language": "zh"}))
    payment = shop.buy()
    shop.dispute(payment)
    shop.follow(payment)

    shop.purse.notifications.deliver_due()

    ((_, told),) = listener.heard
    assert told["title"] == "[Coinpurse] 买家对一笔付款提出了争议"
    assert "\n金额：US$99.99\n" in str(told["message"])


def test_every_type_for_operators_reaches_them_in_words(shop: Shop, listener: Listener) -> None:
    for_operators = [name for name, type_ in TYPES.items() if type_.operator]
    for name in (*for_operators, "payment.completed"):
        with shop.purse.database.unit_of_work() as work:
            announce(work, name, cause="x", facts={"event": "event.dead", "reason": "why"})

    shop.purse.notifications.deliver_due()

    assert len(listener.heard) == 2 * len(for_operators)
    assert all("Reason: why" in body["message"] for _, body in listener.heard)


def test_an_alert_by_mail_keeps_its_lines_and_no_word_of_it_is_markup(
    open_shop: Callable[[Settings], Shop], settings: Settings, post_office: PostOffice
) -> None:
    url = f"mailto://127.0.0.1:{post_office.port}?from=a@example.com&to=b@example.com&mode=insecure"
    shop = open_shop(settings.model_copy(update={"alert_urls": SecretStr(url)}))
    with shop.purse.database.unit_of_work() as work:
        facts = {"event": "event.dead", "event_id": "evt_1", "error": "<img src=//x>"}
        announce(work, "operator.alert", cause="x", facts=facts)

    shop.purse.notifications.deliver_due()

    parts = {each.get_content_type(): each for each in post_office.only().walk()}
    assert "Error: <img src=//x>" in parts["text/plain"].get_content().splitlines()
    assert "text/html" not in parts or "<img" not in parts["text/html"].get_content()


def test_broken_books_alert_once_a_day_whoever_meets_them(
    shop: Shop, listener: Listener, database_url: str
) -> None:
    shop.purse.credit("bob", 100, key="c")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE coinpurse.wallets SET balance = 200 WHERE user_id = 'bob'")

    for key in ("k", "l"):
        with pytest.raises(LedgerInvariantBroken):
            shop.purse.spend("bob", 150, key=key)
    shop.purse.notifications.deliver_due()

    assert titles(listener)[0][1] == "[Coinpurse] The ledger contradicts itself"
    assert len(listener.heard) == 2
    assert "bob" in listener.heard[0][1]["message"]
