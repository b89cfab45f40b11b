"""One id for each request, in our own app and in a host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask
from structlog.testing import capture_logs

from coinpurse.app import create_app
from coinpurse.settings import Settings
from coinpurse.web import request_ids
from tests.conftest import as_user


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def store(settings: Settings) -> Iterator[Flask]:
    """The standalone store."""
    app = create_app(settings)
    yield app
    app.extensions["coinpurse"].database.close()


def rejected(app: Flask, **headers: str) -> tuple[dict[str, Any], str | None]:
    """Send a delivery that is refused; its log line, and the id of the answer."""
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = app.test_client().post("/api/payment/webhook", data=b"{}", headers=headers)
    [line] = [dict(line) for line in lines if line["event"] == "webhook.rejected"]
    return line, answer.headers.get("X-Request-Id")


def test_sane_id_of_the_caller_is_kept_and_answered(store: Flask) -> None:
    line, answered = rejected(store, **{"X-Request-Id": "proxy-1:ab.c_d=9"})

    assert (line["request_id"], answered) == ("proxy-1:ab.c_d=9", "proxy-1:ab.c_d=9")


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "a b", "ada@example.com", 'a"b', "<script>", "a/../b", "ü"]
)
def test_any_other_is_replaced_by_one_of_ours(store: Flask, given: str) -> None:
    line, answered = rejected(store, **{"X-Request-Id": given})

    assert line["request_id"] == answered != given
    assert request_ids.FORM.fullmatch(str(answered))


def test_each_request_has_its_own_and_nothing_is_left_for_the_next(store: Flask) -> None:
    first, _ = rejected(store)
    assert structlog.contextvars.get_contextvars() == {}
    structlog.contextvars.bind_contextvars(left_behind="by another request of this thread")
    second, _ = rejected(store)

    assert first["request_id"] != second["request_id"]
    assert "left_behind" not in second


def test_every_answer_of_the_store_has_one(store: Flask) -> None:
    client = store.test_client()

    assert client.get("/healthz").headers["X-Request-Id"]
    assert client.get("/no-such-page").headers["X-Request-Id"]


def test_host_keeps_its_own_routes_to_itself(host: Flask) -> None:
    @host.get("/own")
    def own() -> dict[str, Any]:
        return dict(structlog.contextvars.get_contextvars())

    answer = host.test_client().get("/own")

    assert (answer.json, "X-Request-Id" in answer.headers) == ({}, False)
    assert rejected(host)[1]
    assert as_user(host, "ada").get("/api/wallet").headers["X-Request-Id"]


def test_id_that_a_host_has_bound_is_taken_over_and_left_to_it(host: Flask) -> None:
    structlog.contextvars.bind_contextvars(request_id="hosts-own", tenant="a")

    line, answered = rejected(host)

    assert (line["request_id"], line["tenant"], answered) == ("hosts-own", "a", None)
    assert structlog.contextvars.get_contextvars() == {"request_id": "hosts-own", "tenant": "a"}


def test_slow_request_gets_a_line_without_the_path(
    store: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_ids, "SLOW_SECONDS", 0.0)
    with capture_logs() as lines:
        store.test_client().get("/api/v1/wallets/ada-lovelace")

    [line] = [line for line in lines if line["event"] == "request.slow"]
    assert (line["route"], line["status"]) == ("/api/v1/wallets/<user_id>", "401")
    assert "lovelace" not in str(lines)
