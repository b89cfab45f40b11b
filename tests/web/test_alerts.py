"""The words of alerts, in each language that we write."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import coinpurse
from coinpurse import Settings
from coinpurse.outbox import TYPES, Message
from coinpurse.web.admin.words import DISPUTE_REASONS
from coinpurse.web.alerts import NAMES, TITLES, VALUES, Alerts

# One of each; an id of letters and digits alone would be taken for a word.
FACTS: dict[str, Any] = {
    **dict.fromkeys(NAMES, "1-2"),
    "amount_minor": 14_800,
    "disputed_minor": 14_800,
    "currency": "jpy",
    "dispute_status": "needs_response",
    "dispute_reason": "fraudulent",
    "evidence_due_at": "2026-12-01T22:30:00+00:00",
    "failing_since": "2026-11-20T08:05:00+00:00",
    "why": "failing",
}
# What is called so in Chinese too.
NAMES_IN_CHINESE = {"Coinpurse", "Stripe", "Webhook", "webhook", "JP", "ID", "CET"}


def written(language: str, event: str, **facts: object) -> tuple[str, str]:
    """The alert of a store in Vienna, without the address at its end."""
    settings = Settings(alert_language=language, time_zone="Europe/Vienna")
    type_ = event if event in TYPES else "operator.alert"
    message = Message(
        id=UUID(int=1),
        type=type_,
        cause="x",
        user_id=None,
        payment_id=None,
        facts={**FACTS, **facts, "event": event},
        request_id=None,
        created_at=datetime(2026, 11, 25, 9, 7, tzinfo=UTC),
    )
    title, text = Alerts(settings).write(message)
    assert text.endswith("\nhttp://127.0.0.1:5000")
    return title, text.removesuffix("\nhttp://127.0.0.1:5000")


@pytest.mark.parametrize("event", TITLES)
def test_an_alert_in_chinese_has_no_english_in_it(event: str) -> None:
    title, text = written("zh", event)

    assert {*re.findall("[A-Za-z]+", f"{title} {text}")} <= NAMES_IN_CHINESE
    assert len(text.splitlines()) == len(NAMES) + 1
    assert all("：" in line for line in text.splitlines())


def test_what_an_alert_names_is_called_so_in_chinese() -> None:
    for fact, names in VALUES.items():
        for value in names:
            english, chinese = (
                written(tag, "dispute.opened", **{fact: value})[1] for tag in ("en", "zh")
            )
            assert str(value) not in english.splitlines()
            assert {*re.findall("[A-Za-z]+", chinese)} <= NAMES_IN_CHINESE, value


@pytest.mark.parametrize(
    ("language", "money", "dinars", "due"),
    [
        ("en", "Amount: ¥14,800", "Amount: KWD3.050", "Answer by: 1 Dec 2026, 23:30 CET"),
        ("zh", "金额：JP¥14,800", "金额：KWD3.050", "回应期限：2026年12月1日 23:30 CET"),
    ],
)
def test_money_and_times_are_written_as_the_operator_reads_them(
    language: str, money: str, dinars: str, due: str
) -> None:
    lines = written(language, "dispute.opened")[1].splitlines()

    assert money in lines
    assert due in lines
    assert dinars in written(language, "dispute.opened", currency="kwd", amount_minor=3050)[1]


def test_what_nobody_has_words_for_is_told_as_it_stands() -> None:
    title, text = written(
        "zh", "moon.fell", currency="xyz", dispute_reason="new_reason", error="KeyError"
    )

    assert title == "[Coinpurse] moon.fell"
    assert "金额：14800" in text
    assert "new_reason" in text
    assert "错误：KeyError" in text
    assert "new_reason" not in DISPUTE_REASONS


def test_everything_that_operators_are_told_has_a_title() -> None:
    sources = Path(coinpurse.__file__).parent.rglob("*.py")
    told = [
        re.findall(r'alert_operator\(\s*work,\s*"([^"]+)"', each.read_text("utf-8"))
        for each in sources
    ]
    events = {event for found in told for event in found}
    types = {name for name, type_ in TYPES.items() if type_.operator} - {"operator.alert"}

    assert len(events) >= 4
    assert events | types == set(TITLES)
