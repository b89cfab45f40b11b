"""Mail to buyers: one for each cause, in their language, and nothing lost while the server is away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from coinpurse import Settings
from coinpurse.notifications import Delivery, announce_expiring
from coinpurse.purchases import Payment, fulfil, report_of_session
from coinpurse.purchases.rules import Report, Signal
from tests.notifications.conftest import PostOffice
from tests.notifications.test_delivery import make_due
from tests.refunds.conftest import Shop

RETURN = {"success_url": "http://127.0.0.1:5000/s", "cancel_url": "http://127.0.0.1:5000/c"}


def buy(shop: Shop, locale: str | None = "en-US", *, currency: str = "usd") -> Payment:
    """Buy a chest as ada@example.com, in the language."""
    started = shop.purse.start_checkout(
        "ada", pack="chest", currency=currency, buyer_locale=locale, **RETURN
    )
    shop.sandbox.pay(started.session_id, email="ada@example.com")
    return shop.purse.payment_status(started.session_id, "ada").payment


def deliver(shop: Shop) -> None:
    shop.purse.notifications.deliver_due()


def only_delivery(shop: Shop) -> Delivery:
    ((_, deliveries),) = shop.purse.notifications.latest()
    (delivery,) = deliveries
    return delivery


def parts(mail: EmailMessage) -> tuple[str, str]:
    """The text and the HTML of a mail."""
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


@pytest.mark.parametrize(
    ("locale", "tag", "subject", "words"),
    [
        ("en-US", "en", "Your receipt from Ada & Söhne: $99.99", "Your coins are here"),
        ("zh-Hans-CN", "zh-Hans", "Ada & Söhne 收据：US$99.99", "金币已到账"),
        ("de-DE", "en", "Your receipt from Ada & Söhne: 99,99\xa0$", "1.200"),
        (None, "en", "Your receipt from Ada & Söhne: $99.99", "Your coins are here"),
    ],
)
def test_a_buyer_gets_a_receipt_in_their_language(
    shop: Shop,
    post_office: PostOffice,
    locale: str | None,
    tag: str,
    subject: str,
    words: str,
) -> None:
    payment = buy(shop, locale)

    deliver(shop)

    mail = post_office.only()
    assert (mail["Subject"], mail["Content-Language"]) == (subject, tag)
    assert mail["To"] == "ada@example.com"
    assert mail["From"] == "Ada & Söhne <shop@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{only_delivery(shop).id}@example.com>"
    text, html = parts(mail)
    for content in (text, html):
        assert words in content
        assert str(payment.id) in content
        assert "http://127.0.0.1:5000/wallet" in content
    assert f'<html lang="{tag}">' in html
    assert "src=" not in html, "a mail that loads something tells who reads it"


def test_names_are_escaped_in_html_and_plain_in_text(
    open_shop: Callable[[Settings], Shop], mail_settings: Settings, post_office: PostOffice
) -> None:
    name = 'A&B <img src="x">'
    shop = open_shop(mail_settings.model_copy(update={"store_name": name}))
    buy(shop)

    deliver(shop)

    text, html = parts(post_office.only())
    assert name in text
    assert "<img" not in html
    assert "A&amp;B &lt;img" in html


def test_however_often_a_payment_is_reported_its_receipt_goes_out_once(
    shop: Shop, post_office: PostOffice
) -> None:
    payment = buy(shop)
    assert payment.session_id is not None
    session = shop.purse.services.gateway.get_checkout_session(payment.session_id)

    for _ in range(3):
        with shop.purse.database.unit_of_work() as work:
            fulfil(work, report_of_session(session))
        shop.follow(payment)
        deliver(shop)

    assert len(post_office.mails) == 1


def test_while_the_server_is_away_the_mail_waits_and_the_payment_does_not(
    shop: Shop, post_office: PostOffice
) -> None:
    post_office.close()
    payment = buy(shop)
    deliver(shop)
    waiting = only_delivery(shop)
    assert (waiting.state, waiting.attempts) == ("waiting", 1)
    assert waiting.last_error == "ConnectionRefusedError: Connection refused"
    assert payment.status == "completed"
    post_office.open()
    post_office.answer = "451 Try later"
    make_due(shop.purse.database)
    deliver(shop)
    assert only_delivery(shop).last_status == 451
    post_office.answer = "250 OK"
    make_due(shop.purse.database)

    deliver(shop)

    assert post_office.only()["Message-ID"] == f"<{waiting.id}@example.com>"
    assert only_delivery(shop).state == "delivered"


def test_a_server_that_hangs_up_after_it_took_the_mail_gets_it_once(
    shop: Shop, post_office: PostOffice
) -> None:
    post_office.hangs_up = True
    buy(shop)

    deliver(shop)
    make_due(shop.purse.database)
    deliver(shop)

    assert len(post_office.mails) == 1
    assert only_delivery(shop).state == "delivered"


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    shop: Shop, post_office: PostOffice
) -> None:
    post_office.to_recipient = "550 5.1.1 <ada@example.com> is not known here"
    buy(shop)

    deliver(shop)

    dead = only_delivery(shop)
    assert (dead.state, dead.last_status) == ("dead", 550)
    assert dead.last_error is not None
    assert "ada@" not in dead.last_error


def test_a_receipt_waits_for_an_address_that_comes_later(
    shop: Shop, post_office: PostOffice
) -> None:
    started = shop.purse.start_checkout("ada", pack="chest", **RETURN)
    shop.sandbox.pay(started.session_id)
    session = shop.purse.services.gateway.get_checkout_session(started.session_id)
    assert session.payment_intent_id is not None
    shop.purse.services.after_sales.refresh(session.payment_intent_id)
    deliver(shop)
    assert only_delivery(shop).last_error == "the buyer's address is not known yet"

    with shop.purse.database.unit_of_work() as work:
        fulfil(work, report_of_session(session))
    make_due(shop.purse.database)
    deliver(shop)

    assert post_office.only()["To"] == "buyer@example.com"


def test_a_refund_tells_of_the_money_the_coins_and_the_debt(
    shop: Shop, post_office: PostOffice
) -> None:
    payment = buy(shop)
    shop.purse.spend("ada", 900, key="k")
    deliver(shop)
    post_office.mails.clear()

    for amount in (2000, None):
        shop.refund_at_stripe(payment, amount)
        for _ in range(2):
            shop.follow(payment)
            deliver(shop)

    part, rest = (parts(mail)[0].replace("\r\n", "\n") for mail in post_office.mails)
    assert "Refunded: $20.00\nCoins taken back: 240\n" in part
    assert "owe" not in part
    assert "Coins that you had spent already: 900." in rest
    assert "Refunded: $79.99\nRefunded in all: $99.99\nCoins taken back: 60\n" in rest


def test_a_delayed_payment_that_fails_is_told_of(shop: Shop, post_office: PostOffice) -> None:
    started = shop.purse.start_checkout("ada", pack="chest", buyer_locale="zh-CN", **RETURN)
    payment = shop.purse.find_payment(str(started.payment_id))
    assert payment is not None
    for signal in (Signal.SETTLING, Signal.SETTLEMENT_FAILED, Signal.SETTLEMENT_FAILED):
        report = Report(
            signal=signal,
            payment_id=str(payment.id),
            session_id=started.session_id,
            payment_intent_id="pi_1",
            user_id="ada",
            amount_minor=9999,
            currency="usd",
            livemode=False,
            buyer_email="ada@example.com",
        )
        with shop.purse.database.unit_of_work() as work:
            fulfil(work, report)

    deliver(shop)

    mail = post_office.only()
    assert mail["Subject"] == "你在 Ada & Söhne 的付款未成功"
    assert "US$99.99" in parts(mail)[0]


def test_owners_hear_once_of_each_day_on_which_coins_expire(
    shop: Shop, post_office: PostOffice
) -> None:
    buy(shop)
    deliver(shop)
    post_office.mails.clear()
    now = datetime.now(UTC)
    for number, (coins, days) in enumerate([(30, 3), (12, 3), (5, 5), (9, 40)]):
        at = (now + timedelta(days=days)).replace(hour=12)
        shop.purse.credit("ada", coins, key=f"gift-{number}", expires_at=at)
        shop.purse.credit("bob", coins, key=f"gift-{number}", expires_at=at)

    for page in (1, 500):
        announce_expiring(shop.purse.database, notice_days=7, time_zone="UTC", page=page)
        deliver(shop)

    # Bob has never bought, so nobody knows where to write to him; his programs hear of it all the same.
    assert [mail["To"] for mail in post_office.mails] == ["ada@example.com"] * 2
    told = [message for message, _ in shop.purse.notifications.latest(type_="coins.expiring")]
    figures = {
        (message.user_id, message.facts["expires_on"]): message.facts["coins"] for message in told
    }
    first, second = (f"{now + timedelta(days=days):%Y-%m-%d}" for days in (3, 5))
    assert figures == {
        (user, day): coins for user in ("ada", "bob") for day, coins in ((first, 42), (second, 5))
    }
    assert announce_expiring(shop.purse.database, notice_days=0, time_zone="UTC") == 0


def test_without_a_mail_server_nothing_waits_for_one(
    open_shop: Callable[[Settings], Shop], settings: Settings
) -> None:
    shop = open_shop(settings)
    buy(shop)

    deliver(shop)

    ((message, deliveries),) = shop.purse.notifications.latest()
    assert (message.type, deliveries) == ("payment.completed", [])
