"""The pages of the back office, as a member of the staff clicks through them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from coinpurse import Coinpurse
from coinpurse.back_office.rules import TimelineEntry
from coinpurse.purchases import Payment
from coinpurse.web.admin import frame
from coinpurse.web.admin.timeline import shown
from tests.conftest import Sandbox
from tests.web.conftest import Browser, hidden, text_of
from tests.web.test_admin_frame import staff

LISTS = (
    "payments",
    "refunds",
    "refund_requests",
    "disputes",
    "wallets",
    "events",
    "reconciliations",
    "findings",
)


def purse_of(app: Flask) -> Coinpurse:
    purse: Coinpurse = app.extensions["coinpurse"]
    return purse


def bought(app: Flask, buyer: Browser, sandbox: Sandbox) -> Payment:
    """A chest of 1000 + 200 coins for 99.99 USD, paid and credited."""
    session_id = buyer.buy()
    sandbox.pay(session_id)
    return purse_of(app).payment_status(session_id, buyer.user_id).payment


def send(browser: Browser, page: str, path: str = "", **fields: str) -> TestResponse:
    """Fill in the form of a page and send it."""
    return browser.submit(path or page, page, **fields)


def confirmed(browser: Browser, path: str, html: str) -> TestResponse:
    """Click on the button of a confirmation page."""
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html))
    return browser.http.post(path, data={name: unescape(value) for name, value in fields.items()})


def test_an_empty_list_teaches_in_both_languages(app: Flask, ada: Browser) -> None:
    staff(app, ada, "viewer")

    for name in LISTS:
        for language in ("en", "zh"):
            answer = ada.get(f"/admin/{name}/?language={language}")
            assert (name, answer.status_code) == (name, 200)
            assert 'data-testid="empty"' in answer.text
        assert ada.get(f"/admin/{name}/export.csv").mimetype == "text/csv"


def test_a_wrong_filter_is_refused_at_its_field(app: Flask, ada: Browser) -> None:
    staff(app, ada, "viewer")

    for query, field in (
        ("status=nonsense", "status"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
    ):
        answer = ada.get(f"/admin/payments/?{query}")
        assert answer.status_code == 422
        assert text_of(answer.text, f"error-{field}")
    for query in ("older=x", "q=%00", "limit=9999", "_scheme=javascript&_external=1&page=x&view=y"):
        assert ada.get(f"/admin/payments/?{query}").status_code in (200, 422)
        assert "javascript:" not in ada.get(f"/admin/payments/?{query}").text


def test_a_payment_is_found_and_tells_its_story(app: Flask, ada: Browser, sandbox: Sandbox) -> None:
    payment = bought(app, ada, sandbox)
    staff(app, ada, "viewer")

    for q in ("ada@example.com", str(payment.id), payment.session_id, payment.payment_intent_id):
        assert f"/admin/payments/{payment.id}/" in ada.get(f"/admin/payments/?q={q}").text
    html = ada.get(f"/admin/payments/{payment.id}/").text

    assert "1,000 coins + 200 bonus" in html
    assert "+1,200 coins, balance 1,200" in html
    assert f"{sandbox.url}/dashboard/objects/{payment.payment_intent_id}" in html
    assert 'data-testid="refund"' not in html


@pytest.mark.parametrize(
    ("channel", "title"),
    [("mail", "Mail to the buyer"), ("alert", "Alert to you"), ("webhook", "Outgoing webhook")],
)
def test_the_story_names_what_was_sent_by_its_channel(app: Flask, channel: str, title: str) -> None:
    facts = {"channel": channel, "type": "payment.completed"}

    with app.test_request_context():
        (entry,) = shown([TimelineEntry(at=datetime.now(UTC), kind="delivery", facts=facts)])
        assert (str(entry.title), entry.detail) == (title, "payment.completed")


def test_the_story_says_in_words_why_a_bank_asks(app: Flask) -> None:
    told = {"status": "needs_response", "amount_minor": 500, "currency": "usd"}

    with app.test_request_context():
        for reason, words in (("product_not_received", "Nothing was delivered"), ("new", "new")):
            facts = {**told, "reason": reason}
            (entry,) = shown([TimelineEntry(at=datetime.now(UTC), kind="dispute", facts=facts)])
            assert entry.detail == f"$5.00 · Needs your answer · {words}"


def test_a_refund_shows_its_effect_before_it_is_made_once(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    payment = bought(app, ada, sandbox)
    purse = purse_of(app)
    purse.spend(ada.user_id, 400, key="sword")
    staff(app, ada, "finance")
    path = f"/admin/payments/{payment.id}/refund"

    page = send(ada, path, part="all", reason="She asked <b>nicely</b>")
    assert text_of(page.text, "effect") == (
        "Takes back 800 of 1,200 coins; 400 were spent and become debt."
    )
    assert purse.wallet(ada.user_id).balance == 800
    assert "<b>nicely</b>" not in page.text
    first = confirmed(ada, path, page.text)
    second = confirmed(ada, path, page.text)

    assert (first.status_code, second.status_code) == (303, 303)
    assert purse.wallet(ada.user_id).debt == 400
    html = ada.get(first.location).text
    assert "$99.99 is on its way back." in html
    assert "She asked &lt;b&gt;nicely&lt;/b&gt;" in html
    audit = purse.back_office.audit_about("payment", str(payment.id))
    assert [(each.action, each.actor) for each in audit] == [("payment.refund", ada.user_id)]
    assert "Amount: $99.99" in ada.get("/admin/audit/").text


def test_part_of_a_payment_goes_back_and_a_changed_wallet_is_shown_again(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    payment = bought(app, ada, sandbox)
    purse = purse_of(app)
    staff(app, ada, "finance")
    path = f"/admin/payments/{payment.id}/refund"

    for amount in ("", "abc", "0", "-1", "100", "1.234", "1e9", "NaN"):
        answer = send(ada, path, part="some", amount=amount, reason="x")
        assert (amount, answer.status_code) == (amount, 422)
    page = send(ada, path, part="some", amount="49.99", reason="Half").text
    assert text_of(page, "effect").startswith("Takes back all 599 coins")
    purse.spend(ada.user_id, 1000, key="castle")
    again = confirmed(ada, path, page)

    assert text_of(again.text, "changed")
    assert text_of(again.text, "effect").startswith("Takes back 200 of 599 coins; 399 were spent")
    assert confirmed(ada, path, again.text).status_code == 303
    assert purse.find_payment(str(payment.id)).refunded_minor == 4999  # type: ignore[union-attr]


def test_a_part_confirmed_in_two_tabs_goes_back_once(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    payment = bought(app, ada, sandbox)
    staff(app, ada, "finance")
    path = f"/admin/payments/{payment.id}/refund"
    tabs = [send(ada, path, part="some", amount="10", reason="Half").text for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda html: confirmed(ada, path, html), tabs))
    late = next(each for each in answers if each.status_code == 200)

    assert sorted(each.status_code for each in answers) == [200, 303]
    assert text_of(late.text, "changed")
    assert "$10.00" in text_of(late.text, "before")
    found = purse_of(app).find_payment(str(payment.id))
    assert found is not None
    assert found.refunded_minor == 1000


def test_roles_are_asked_on_the_server_for_each_action(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    payment = bought(app, ada, sandbox)
    staff(app, ada, "viewer")
    token = hidden(ada.get("/admin/payments/").text, "csrf_token")

    for path in (
        f"payments/{payment.id}/refund",
        f"payments/{payment.id}/review",
        f"payments/{payment.id}/cancel",
        "wallets/unblock",
        "events/evt_1/replay",
    ):
        answer = ada.http.post(f"/admin/{path}", data={"csrf_token": token, "confirmed": "1"})
        assert (path, answer.status_code) == (path, 403)
        assert "Your role does not reach that far" in answer.text


def test_every_change_needs_our_own_form(app: Flask, ada: Browser, sandbox: Sandbox) -> None:
    payment = bought(app, ada, sandbox)
    staff(app, ada)

    for path in (
        f"payments/{payment.id}/refund",
        f"payments/{payment.id}/cancel",
        "wallets/unblock",
        "events/evt_1/replay",
    ):
        assert (path, ada.http.post(f"/admin/{path}").status_code) == (path, 400)


def test_a_tampered_id_is_nothing_here(app: Flask, ada: Browser) -> None:
    staff(app, ada)

    for path in (
        f"payments/{uuid4()}/",
        f"payments/{uuid4()}/refund",
        "payments/1/",
        "events/evt_none/",
        "events/%27%20OR%201=1/",
        "events/a%00b/",
        "wallets/of?user=nobody",
        "wallets/of?user=%00",
        "wallets/of",
        "wallets/of?user=" + "x" * 300,
    ):
        assert (path, ada.get(f"/admin/{path}").status_code) == (path, 404)


def test_an_open_checkout_is_closed(app: Flask, ada: Browser) -> None:
    session_id = ada.buy()
    staff(app, ada, "support")
    payment = purse_of(app).find_payment(session_id)
    assert payment is not None

    answer = send(ada, f"/admin/payments/{payment.id}/cancel", confirmed="1")

    assert answer.status_code == 303
    assert purse_of(app).find_payment(session_id).status == "cancelled"  # type: ignore[union-attr]
    assert "The checkout is closed." in ada.get(answer.location).text


def test_a_review_is_settled_by_the_decision_that_was_confirmed(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    session_id = ada.buy()
    purse = purse_of(app)
    with purse.database.unit_of_work() as work:
        work.execute(
            "UPDATE coinpurse.payment_sessions SET review_reason = 'the user differs' WHERE session_id = %(id)s",
            id=session_id,
        )
    payment = purse.find_payment(session_id)
    assert payment is not None
    staff(app, ada, "finance")
    path = f"/admin/payments/{payment.id}/review"

    assert send(ada, path, decision="credit").status_code == 422
    assert send(ada, path, decision="refund", reason="not possible here").status_code == 422
    page = send(ada, path, decision="credit", reason="It was her.")
    assert text_of(page.text, "effect") == "Credits 1,200 coins to ada@example.com."
    assert confirmed(ada, path, page.text).status_code == 303

    assert purse.wallet(ada.user_id).balance == 1200
    assert confirmed(ada, path, page.text).status_code == 303
    assert purse.wallet(ada.user_id).balance == 1200


def test_a_wallet_explains_itself_and_is_unblocked(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    bought(app, ada, sandbox)
    purse = purse_of(app)
    purse.hold(ada.user_id, 30, key="bid", description="Auction <i>bid</i>")
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET blocked = true")
    staff(app, ada, "finance")
    path = f"/admin/wallets/of?user={ada.user_id}"

    html = ada.get(path).text
    assert text_of(html, "wallet-balance") == "1,200"
    assert text_of(html, "wallet-available") == "1,170"
    assert "Auction &lt;i&gt;bid&lt;/i&gt;" in html
    assert "1,200 coins on" in text_of(ada.get(f"{path}&at=2099-01-01T10:00").text, "explanation")
    assert "0 coins on" in text_of(ada.get(f"{path}&at=2001-01-01T10:00").text, "explanation")
    assert ada.get(f"{path}&at=tomorrow").status_code == 422

    form = f"/admin/wallets/unblock?user={ada.user_id}"
    nonce = hidden(ada.get(form).text, "nonce")
    fields = {"user": ada.user_id, "nonce": nonce}
    assert send(ada, form, "/admin/wallets/unblock", **fields).status_code == 422
    answer = send(ada, form, "/admin/wallets/unblock", **fields, reason="Debt was paid.")
    assert answer.status_code == 303
    assert not purse.wallet(ada.user_id).blocked


def test_a_failed_event_is_seen_and_replayed(app: Flask, ada: Browser) -> None:
    with purse_of(app).database.unit_of_work() as work:
        work.execute(
            "INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state, error)"
            " SELECT 'evt_1', 'customer.created', 'cus_1', false, now(), %(payload)s, 'dead', %(error)s",
            payload='{"id": "evt_1", "object": "event", "type": "customer.created",'
            ' "api_version": "2025-01-01", "created": 1700000000, "livemode": false,'
            ' "data": {"object": {"id": "cus_1", "object": "customer", "name": "<script>x</script>"}}}',
            error="Traceback <b>x</b>",
        )
    staff(app, ada, "support")

    assert "1 event was given up" in text_of(ada.get("/admin/").text, "task-dead_events")
    html = ada.get("/admin/events/evt_1/").text
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "<b>x</b>" not in html
    answer = send(ada, "/admin/events/evt_1/", "/admin/events/evt_1/replay")

    assert answer.status_code == 303
    assert text_of(ada.get(answer.location).text, "state") == "Ignored"


def test_money_that_nobody_could_have_been_charged_is_shown_all_the_same(app: Flask) -> None:
    with app.test_request_context():
        assert frame.amount(-1999, "usd") == "−$19.99"
        assert frame.amount(1999, "xau") == "1,999 XAU (minor units)"
        assert frame.amount(10**13, "usd") == "10,000,000,000,000 USD (minor units)"


def test_a_double_click_of_two_people_refunds_once_and_is_kept_once(
    app: Flask, sandbox: Sandbox, ada: Browser
) -> None:
    payment = bought(app, ada, sandbox)
    path = f"/admin/payments/{payment.id}/refund"
    people = [staff(app, Browser(app).register(f"f{n}@example.com"), "finance") for n in (1, 2)]
    pages = [send(each, path, part="some", amount="60", reason="Late").text for each in people]

    with ThreadPoolExecutor(6) as pool:
        clicks = [
            pool.submit(confirmed, who, path, html)
            for who, html in zip(people, pages, strict=True)
            for _ in range(3)
        ]
        statuses = {click.result().status_code for click in clicks}

    # Those who come too late are told so, or are shown what their own first click did.
    assert statuses <= {303, 422, 200}
    refunded = purse_of(app).find_payment(str(payment.id))
    assert refunded is not None
    assert refunded.refunded_minor == 6000
    audit = purse_of(app).back_office.audit_about("payment", str(payment.id))
    assert [each.action for each in audit] == ["payment.refund"]


def test_a_reason_that_is_too_long_is_refused_before_it_is_confirmed(
    app: Flask, ada: Browser, sandbox: Sandbox
) -> None:
    payment = bought(app, ada, sandbox)
    staff(app, ada, "finance")
    path = f"/admin/payments/{payment.id}/refund"

    # A browser counts the end of a line as one character, and sends two.
    lines = "\r\n".join("x" * 500)
    assert send(ada, path, part="all", reason=lines).status_code == 200
    for reason in ("x" * 1001, "\x00"):
        refused = send(ada, path, part="all", reason=reason)
        assert 'data-testid="reason-error"' in refused.text


def test_a_wallet_freed_by_two_clicks_at_once_is_kept_once(app: Flask, ada: Browser) -> None:
    purse = purse_of(app)
    purse.back_office.request_adjustment(ada.user_id, 5, reason="r", actor="cli:test", key="k")
    with purse.database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.wallets SET blocked = true")
    olga = staff(app, Browser(app).register("olga@example.com"), "finance")
    path = "/admin/wallets/unblock"
    html = olga.get(f"{path}?user={ada.user_id}").text
    form = {name: hidden(html, name) for name in ("csrf_token", "nonce")}
    form |= {"user": ada.user_id, "reason": "Paid her debt"}

    with ThreadPoolExecutor(4) as pool:
        clicks = [pool.submit(olga.http.post, path, data=form) for _ in range(4)]
        assert {click.result().status_code for click in clicks} == {303}

    assert not purse.wallet(ada.user_id).blocked
    audit = purse.back_office.audit_about("wallet", ada.user_id)
    assert [each.reason for each in audit] == ["Paid her debt"]
