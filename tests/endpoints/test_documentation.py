"""What docs/outgoing-webhooks.md promises, in both languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from coinpurse.endpoints import EVENT_TYPES, FIELDS
from coinpurse.endpoints.rules import (
    FAILING,
    FAILURES,
    PAYMENT_FIELDS,
    ROTATION,
    body_of,
    headers_of,
    new_secret,
)
from coinpurse.endpoints.sender import KEPT_CHARACTERS, MOST_BYTES, TOTAL_SECONDS
from coinpurse.notifications.rules import BACK_OFF, SENDERS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "outgoing-webhooks.md", DOCS / "zh_CN" / "outgoing-webhooks.md"]


@pytest.fixture(params=PAGES, ids=["English", "Chinese"])
def page(request: pytest.FixtureRequest) -> str:
    text: str = request.param.read_text(encoding="utf-8")
    return text


@pytest.fixture
def secret() -> str:
    return new_secret()


@pytest.fixture
def receiver(page: str, secret: str, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The receiver that the page shows, running."""
    monkeypatch.setenv("COINS_WEBHOOK_SECRET", secret)
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"__name__": "shop"}
    exec(compile(code, "docs", "exec"), names)  # noqa: S102  It is ours.
    app: Flask = names["app"]
    return app


def test_the_receiver_of_the_page_takes_ours_once_and_refuses_others(
    receiver: Flask, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = body_of("payment.completed", datetime.now(UTC), {"user_id": "ada", "coins": 1000})
    headers = headers_of("msg_1", body, now=datetime.now(UTC), secrets=[new_secret(), secret])
    client = receiver.test_client()

    answers = [
        client.post("/hooks/coins", data=data, headers=headers).status_code
        for data in (body, body, body.replace(b"1000", b"9000"))
    ]

    assert answers == [204, 204, 400]
    assert capsys.readouterr().out.count("payment.completed") == 1


def test_the_page_names_every_event_with_its_fields_and_no_others(page: str) -> None:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|[^|]*\| (.*) \|$", page, re.MULTILINE)
    told = {type_: set(re.findall(r"`([a-z_]+)`", fields)) for type_, fields in rows}

    assert set(told) == {*EVENT_TYPES, "webhook.test"}
    for type_, fields in FIELDS.items():
        is_payment = set(PAYMENT_FIELDS) <= set(fields)
        if type_ != "dispute.closed":
            assert told[type_] == set(fields) - set(PAYMENT_FIELDS if is_payment else ())
    explained = set(re.findall(r"`([a-z_]+)`", page))
    assert {name for fields in FIELDS.values() for name in fields} <= explained


def test_the_page_s_figures_are_those_of_the_code(page: str) -> None:
    flat = re.sub(r"[\s*]", "", page)
    assert [seconds // 3600 for seconds in BACK_OFF["webhook"][3:]] == [2, 5, 10, 14, 20, 24]
    assert list(BACK_OFF["webhook"][:3]) == [5, 300, 1800]
    assert re.search(r"2,5,10,14,20and24hours|2、5、10、14、20、24小时", flat)
    assert (TOTAL_SECONDS, FAILING.days, FAILURES, ROTATION.total_seconds()) == (15, 5, 10, 86400)
    assert (MOST_BYTES, KEPT_CHARACTERS, SENDERS["webhook"]) == (4096, 1000, 8)
    for words in (r"15(seconds|秒)", r"5(days|天)", r"24(hours|小时)", r"4KB", r"1000(char|个字)"):
        assert re.search(words, flat)
