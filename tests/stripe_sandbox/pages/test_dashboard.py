"""The dashboard over plain HTTP."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.waiting import wait_until

if TYPE_CHECKING:
    from conftest import Buyer, HtmlPage, Merchant, Sandbox

LISTS = ("sessions", "payments", "refunds", "disputes", "events", "deliveries", "endpoints")


@pytest.fixture
def paid(sandbox: Sandbox, buyer: Buyer, card: dict[str, str]) -> dict[str, object]:
    """A session that was just paid."""
    session = sandbox.create_session()
    buyer.submit(buyer.open(session["url"]), "payment-form", "pay", **card)
    return sandbox.session(session["id"])


def post(sandbox: Sandbox, path: str, /, **fields: str) -> requests.Response:
    return sandbox.http.post(sandbox.url + path, data=fields, timeout=30)


def open_event(sandbox: Sandbox, developer: Buyer, session_id: str) -> HtmlPage:
    """The page of the event that a session completed."""
    events = sandbox.get("/v1/events", type="checkout.session.completed", limit="100")["data"]
    event = next(each for each in events if each["data"]["object"]["id"] == session_id)
    return developer.open(f"{sandbox.url}/dashboard/objects/{event['id']}")


@pytest.mark.parametrize("path", ["/", "/dashboard/", *(f"/dashboard/{name}" for name in LISTS)])
@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_opens_in_both_languages(
    sandbox: Sandbox, developer: Buyer, paid: object, path: str, language: str
) -> None:
    developer.language = language
    page = developer.open(sandbox.url + path)
    assert page.status == 200
    assert f'lang="{"en" if language == "en" else "zh-Hans"}"' in page.html
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert len(page.html.encode()) < 100_000


def test_a_session_can_be_found_filtered_and_opened(
    sandbox: Sandbox, developer: Buyer, paid: dict[str, str]
) -> None:
    identifier = paid["id"]
    found = developer.open(f"{sandbox.url}/dashboard/sessions?status=complete&q={identifier}")
    assert f"/dashboard/objects/{identifier}" in found.html
    assert "$99.99" in found.text("sessions")
    other = developer.open(f"{sandbox.url}/dashboard/sessions?status=expired&q={identifier}")
    assert other.text("empty") == "Nothing matches these filters."
    page = developer.open(f"{sandbox.url}/dashboard/objects/{identifier}")
    assert identifier in page.text("payload")
    assert "checkout.session.completed" in page.text("events")


def test_an_open_session_links_to_its_checkout(sandbox: Sandbox, developer: Buyer) -> None:
    session = sandbox.create_session()
    page = developer.open(f"{sandbox.url}/dashboard/objects/{session['id']}")
    assert page["open-checkout"].attributes["href"] == session["url"]


def test_an_event_shows_its_attempts_and_is_sent_again(
    sandbox: Sandbox, merchant: Merchant, developer: Buyer, paid: dict[str, str]
) -> None:
    identifier = paid["id"]
    page = open_event(sandbox, developer, identifier)
    assert "succeeded" in page.text("deliveries")
    assert '{"status": "success"}' in page.text("attempts")
    assert '"type": "checkout.session.completed"' in page.text("payload")

    event_id = page.url.rsplit("/", maxsplit=1)[-1]
    response = post(sandbox, f"/dashboard/events/{event_id}/send", endpoint="")

    assert "on its way again" in response.text
    wait_until(lambda: len(merchant.heard(identifier)) >= 2)
    assert merchant.heard(identifier) == ["checkout.session.completed"] * 2


def test_an_endpoint_shows_its_signing_secret(sandbox: Sandbox, developer: Buyer) -> None:
    endpoint = sandbox.get("/v1/webhook_endpoints")["data"][0]
    page = developer.open(f"{sandbox.url}/dashboard/objects/{endpoint['id']}")
    assert page.text("signing-secret").startswith("whsec_")


def test_a_fault_is_put_in_force_and_taken_out(sandbox: Sandbox, developer: Buyer) -> None:
    form = {"action": "set", "kind": "lose", "chance": "50", "count": "2",
            "event_type": "checkout.session.*", "endpoint": ""}  # fmt: skip
    response = post(sandbox, "/dashboard/faults", **form)
    assert "The fault is in force." in response.text
    page = developer.open(f"{sandbox.url}/dashboard/faults")
    assert "lose 50 % of the time · 2 more times" in page.text("rules")
    assert "event_type=checkout.session.*" in page.text("rules")
    overview = developer.open(f"{sandbox.url}/")
    assert "Faults are in force: 1." in overview.html

    post(sandbox, "/dashboard/faults", action="clear", rule=page.value("rule"))

    cleared = developer.open(f"{sandbox.url}/dashboard/faults")
    assert cleared.find("rules") is None
    assert cleared.find("no-faults") is not None


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("repeat", {"copies": "2"}),
        ("reorder", {"seconds": "1.5"}),
        ("delay", {"seconds": "3"}),
        ("rate_limit", {"path": "/v1/nothing*", "when": "before"}),
        ("server_error", {"path": "/v1/nothing*", "when": "after"}),
        ("timeout", {"path": "/v1/nothing*", "method": "POST", "seconds": "1", "when": "after"}),
    ],
)
def test_every_switch_works(
    sandbox: Sandbox, developer: Buyer, kind: str, extra: dict[str, str]
) -> None:
    assert developer.open(f"{sandbox.url}/dashboard/faults").find(f"fault-{kind}") is not None
    response = post(sandbox, "/dashboard/faults", action="set", kind=kind, chance="100", **extra)
    assert response.status_code == 200
    assert kind in developer.open(f"{sandbox.url}/dashboard/faults").text("rules")
    response = post(sandbox, "/dashboard/faults", action="clear")
    assert "All faults are out of force." in response.text


@pytest.mark.parametrize(
    "form",
    [
        {"action": "set", "kind": "nonsense"},
        {"action": "set", "kind": "lose", "chance": "101"},
        {"action": "set", "kind": "lose", "chance": "many"},
        {"action": "set", "kind": "lose", "chance": "nan"},
        {"action": "set", "kind": "repeat", "copies": "0"},
        {"action": "seed", "seed": "x"},
    ],
)
def test_a_switch_that_makes_no_sense_says_so(
    sandbox: Sandbox, developer: Buyer, form: dict[str, str]
) -> None:
    response = post(sandbox, "/dashboard/faults", **form)
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert developer.open(f"{sandbox.url}/dashboard/faults").find("rules") is None


def test_the_seed_is_set(sandbox: Sandbox, developer: Buyer) -> None:
    post(sandbox, "/dashboard/faults", action="seed", seed="42")
    assert developer.open(f"{sandbox.url}/dashboard/faults").value("seed") == "42"


def test_the_clock_moves_on_freezes_and_runs(sandbox: Sandbox, developer: Buyer) -> None:
    session = sandbox.create_session()
    moved = post(sandbox, "/dashboard/clock", seconds="90000")
    assert "The clock has moved on." in moved.text
    assert sandbox.session(session["id"])["status"] == "expired"
    post(sandbox, "/dashboard/clock", action="freeze")
    first = developer.open(f"{sandbox.url}/dashboard/clock")
    assert "frozen" in first.text("now")
    post(sandbox, "/dashboard/clock", action="run")
    assert "frozen" not in developer.open(f"{sandbox.url}/dashboard/clock").text("now")


@pytest.mark.parametrize("seconds", ["", "-5", "soon", "99999999999"])
def test_a_step_of_the_clock_that_makes_no_sense_says_so(sandbox: Sandbox, seconds: str) -> None:
    response = post(sandbox, "/dashboard/clock", seconds=seconds)
    assert response.status_code == 422
    assert "whole number of seconds" in response.text


@pytest.mark.parametrize("path", ["/dashboard/faults", "/dashboard/clock"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.evil.example", "Origin": "http://rebound.evil.example"},
    ],
)
def test_changes_from_another_site_are_refused(
    sandbox: Sandbox, developer: Buyer, path: str, headers: dict[str, str]
) -> None:
    response = sandbox.http.post(
        sandbox.url + path, data={"action": "reset", "kind": "lose"}, headers=headers, timeout=30
    )
    assert response.status_code == 403
    assert developer.open(f"{sandbox.url}/dashboard/faults").find("rules") is None


@pytest.mark.parametrize("path", ["nonsense", "objects/evt_none", "objects/nonsense"])
def test_what_is_not_there_is_said_kindly(sandbox: Sandbox, developer: Buyer, path: str) -> None:
    page = developer.open(f"{sandbox.url}/dashboard/{path}")
    assert page.status == 404
    assert "Not found" in page.html


def test_sending_an_unknown_event_is_not_found(sandbox: Sandbox) -> None:
    assert post(sandbox, "/dashboard/events/evt_none/send").status_code == 404


def test_long_lists_have_pages(sandbox: Sandbox, developer: Buyer) -> None:
    marker = f"bulk-{time.monotonic_ns()}"
    for _number in range(51):
        sandbox.create_session(client_reference_id=marker)
    first = developer.open(f"{sandbox.url}/dashboard/sessions?q={marker}")
    assert 'rel="next"' in first.html
    second = developer.open(f"{sandbox.url}/dashboard/sessions?q={marker}&page=2")
    assert second.html.count("/dashboard/objects/cs_test_") == 1
    assert 'rel="prev"' in second.html
    odd = developer.open(f"{sandbox.url}/dashboard/sessions?page=-1")
    assert odd.status == 200


def test_a_language_that_was_asked_for_is_remembered(sandbox: Sandbox, developer: Buyer) -> None:
    developer.open(f"{sandbox.url}/dashboard/clock?locale=zh-Hans")
    assert "时钟" in developer.open(f"{sandbox.url}/dashboard/clock").html


def test_an_empty_sandbox_teaches(sandbox: Sandbox, developer: Buyer) -> None:
    asked = developer.open(f"{sandbox.url}/dashboard/clock")
    assert "for good" in asked.html
    response = post(sandbox, "/dashboard/clock", action="reset")
    assert "The sandbox has forgotten everything." in response.text
    assert "base_addresses" in response.text
    for name in ("sessions", "payments", "refunds", "disputes", "events", "deliveries"):
        assert developer.open(f"{sandbox.url}/dashboard/{name}").text("empty")
