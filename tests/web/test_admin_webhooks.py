"""Endpoints and deliveries in the back office, as an owner clicks through them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from standardwebhooks import Webhook

from coinpurse import Coinpurse
from coinpurse.endpoints import Endpoint, Reach
from coinpurse.endpoints.urls import read_url
from coinpurse.errors import InvalidRequest
from coinpurse.settings import Settings
from coinpurse.web.admin.webhook_words import URL_PROBLEMS
from tests.endpoints.receivers import Receiver
from tests.endpoints.test_urls import REFUSED
from tests.web.conftest import Browser, hidden, text_of
from tests.web.test_admin_frame import staff


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhooks_allow_private": True})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def owner(app: Flask, ada: Browser) -> Browser:
    return staff(app, ada)


def _purse(app: Flask) -> Coinpurse:
    purse: Coinpurse = app.extensions["coinpurse"]
    return purse


def _endpoints(app: Flask) -> list[Endpoint]:
    purse = _purse(app)
    with purse.database.unit_of_work() as work:
        return purse.webhook_endpoints.list_all(work)


def _actions(app: Flask) -> list[str]:
    with _purse(app).database.unit_of_work() as work:
        rows = work.rows("SELECT action FROM coinpurse.audit_log ORDER BY id")
    return [row.action for row in rows if not row.action.startswith("staff.")]


def _add(app: Flask, owner: Browser, receiver: Receiver, **fields: str) -> tuple[Endpoint, str]:
    page = "/admin/webhooks/new"
    nonce = hidden(owner.get(page).text, "nonce")
    shown = owner.submit(page, page, nonce=nonce, url=receiver.url, **fields)
    assert shown.status_code == 200, shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    return _endpoints(app)[0], text_of(shown.text, "secret")


def test_an_owner_adds_tests_and_watches_an_endpoint(
    app: Flask, owner: Browser, receiver: Receiver
) -> None:
    assert 'data-testid="empty"' in owner.get("/admin/webhooks/").text
    endpoint, secret = _add(app, owner, receiver, description="<b>the game</b>")
    page = f"/admin/webhooks/{endpoint.id}/"
    receiver.statuses, receiver.answer = [500], b"<script>alert(1)</script>"

    tested = owner.submit(f"{page}test", page)
    _purse(app).notifications.deliver_due()

    assert tested.status_code == 303
    assert Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    shown = owner.get(page)
    assert secret not in shown.text
    assert "&lt;b&gt;the game&lt;/b&gt;" in shown.text
    (link,) = re.findall(r'href="(/admin/deliveries/[0-9a-f-]{36}/)"', shown.text)
    delivery = owner.get(link).text
    assert text_of(delivery, "answer") == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert "webhook.test" in text_of(delivery, "body")
    assert secret not in delivery

    assert owner.submit(f"{link}replay", link).status_code == 303
    _purse(app).notifications.deliver_due()

    ids = [came.headers["webhook-id"] for came in receiver.received]
    assert len(ids) == 2
    assert ids[0] == ids[1]
    assert 'data-testid="row"' in owner.get(f"/admin/deliveries/?endpoint_id={endpoint.id}").text
    assert 'data-testid="row"' not in owner.get("/admin/deliveries/?state=dead").text
    assert _actions(app) == [
        "webhook_endpoint.added",
        "webhook_endpoint.tested",
        "delivery.replayed",
    ]


def test_a_double_click_adds_one_endpoint(app: Flask, owner: Browser, receiver: Receiver) -> None:
    page = "/admin/webhooks/new"
    nonce = hidden(owner.get(page).text, "nonce")

    answers = [owner.submit(page, page, nonce=nonce, url=receiver.url) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 303]
    (endpoint,) = _endpoints(app)
    assert answers[1].location == f"/admin/webhooks/{endpoint.id}/"
    assert _actions(app) == ["webhook_endpoint.added"]


def test_a_double_click_changes_the_secret_once(
    app: Flask, owner: Browser, receiver: Receiver
) -> None:
    endpoint, old = _add(app, owner, receiver)
    page = f"/admin/webhooks/{endpoint.id}/rotate"
    since = hidden(owner.get(page).text, "since")

    first = owner.submit(page, page, since=since)
    second = owner.submit(page, page, since=since)
    owner.submit(f"/admin/webhooks/{endpoint.id}/test", f"/admin/webhooks/{endpoint.id}/")
    _purse(app).notifications.deliver_due()

    assert (first.status_code, second.status_code) == (200, 303)
    new = text_of(first.text, "secret")
    (came,) = receiver.received
    for secret in (old, new):
        Webhook(secret).verify(came.body, came.headers)
    assert _actions(app).count("webhook_endpoint.rotated") == 1


def test_a_wrong_address_is_refused_at_its_field_and_what_was_typed_stays(
    app: Flask, owner: Browser
) -> None:
    page = "/admin/webhooks/new"
    nonce = hidden(owner.get(page).text, "nonce")

    for url in ("https://ada:word@example.com/", "https://0x7f.1/", 'https://"><b>.example/'):
        answer = owner.submit(page, page, nonce=nonce, url=url, description="the game")
        assert answer.status_code == 422
        assert text_of(answer.text, "url-error")
        assert 'value="the game"' in answer.text
        assert hidden(answer.text, "nonce") == nonce
    refused = owner.submit(page, page, nonce=nonce, url="https://a.example/", event_types="no.such")
    assert text_of(refused.text, "event_types-error")
    assert _endpoints(app) == []


def test_an_endpoint_is_changed_disabled_and_enabled(
    app: Flask, owner: Browser, receiver: Receiver
) -> None:
    endpoint, _ = _add(app, owner, receiver, event_types="payment.refunded")
    page = f"/admin/webhooks/{endpoint.id}/"
    form = owner.get(f"{page}edit").text
    assert re.search(r'value="payment.refunded" checked', form)

    edited = owner.submit(
        f"{page}edit", f"{page}edit", url="https://hooks.example.com", event_types="dispute.opened"
    )
    assert edited.status_code == 303
    (changed,) = _endpoints(app)
    assert (changed.url, changed.event_types) == (
        "https://hooks.example.com/",
        ("dispute.opened",),
    )
    assert "waits" in text_of(owner.get(f"{page}disable").text, "effect")
    owner.submit(f"{page}disable", f"{page}disable", confirmed="1")
    assert not _endpoints(app)[0].active
    assert text_of(owner.get(page).text, "state") == "Disabled"
    owner.submit(f"{page}enable", page)
    assert _endpoints(app)[0].active
    assert _actions(app)[1:] == [
        f"webhook_endpoint.{done}" for done in ("edited", "disabled", "enabled")
    ]


def test_nobody_but_an_owner_sees_or_does_any_of_it(
    app: Flask, ada: Browser, receiver: Receiver
) -> None:
    staff(app, ada, "owner")
    endpoint, _ = _add(app, ada, receiver)
    _purse(app).back_office.grant_role("olga", "owner", actor="cli:test")
    staff(app, ada, "finance")
    page = f"/admin/webhooks/{endpoint.id}/"

    seen = [
        ada.get(address).status_code
        for address in ("/admin/webhooks/", page, f"{page}edit", "/admin/deliveries/")
    ]
    done = [
        ada.submit(address, "/admin/").status_code
        for address in (f"{page}test", f"{page}disable", f"{page}rotate", "/admin/webhooks/new")
    ]

    assert set(seen + done) == {403}
    assert _endpoints(app) == [endpoint]
    assert "/admin/webhooks/" not in ada.get("/admin/").text


def test_the_pages_are_there_in_chinese_and_unknown_ids_are_not_found(
    app: Flask, owner: Browser, receiver: Receiver
) -> None:
    endpoint, _ = _add(app, owner, receiver)
    nobody = "01a210b4-d752-7bfd-bf14-f8b2a80f6954"

    for address in (
        *("webhooks/", "webhooks/new", f"webhooks/{endpoint.id}/", "deliveries/"),
        *(f"webhooks/{endpoint.id}/edit", f"webhooks/{endpoint.id}/rotate"),
    ):
        assert owner.get(f"/admin/{address}?language=zh").status_code == 200
    for address in (f"webhooks/{nobody}/", f"webhooks/{nobody}/edit", f"deliveries/{nobody}/"):
        assert owner.get(f"/admin/{address}").status_code == 404
    assert owner.get("/admin/deliveries/?endpoint_id=x%27OR").status_code == 200
    assert owner.get("/admin/deliveries/?state=x").status_code == 422


def test_whatever_is_wrong_with_an_address_has_words_for_translators() -> None:
    def problem(url: str) -> str:
        with pytest.raises(InvalidRequest) as refused:
            read_url(url, Reach(loopback="demo" in url))
        return refused.value.problem

    urls = [*REFUSED, "https://192.0.2.1/", "http://8.8.8.8/demo"]

    assert {problem(url) for url in urls} == {str(words) for words in URL_PROBLEMS}
