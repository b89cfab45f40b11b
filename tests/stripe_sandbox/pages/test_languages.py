"""Both languages say everything, and each reader gets theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from werkzeug.datastructures import LanguageAccept

from stripe_sandbox.pages import dashboard, dashboard_page, fault_switches, notices, payment_form
from stripe_sandbox.pages.chinese import CHINESE
from stripe_sandbox.pages.decline_words import DECLINE_ALERTS, DECLINED, METHOD_DECLINED
from stripe_sandbox.pages.languages import Language, choose_language, translate
from stripe_sandbox.pages.listed_numbers import TEST_CARDS, TEST_IBANS
from stripe_sandbox.pages.listings import LISTINGS
from stripe_sandbox.pages.order_view import method_view
from stripe_sandbox.payment_method_types import TYPES

PAGES = Path(dashboard.__file__).parent
SAME_IN_BOTH = frozenset(("API", "429", "500", "IBAN", "Link", "PayPal", "Boleto", "OXXO"))


def sentences_of_templates() -> set[str]:
    found = set()
    for template in (PAGES / "templates").rglob("*.html"):
        found |= set(re.findall(r'_\("([^"]+)"', template.read_text(encoding="utf-8")))
        found |= set(re.findall(r"_\('([^']+)'", template.read_text(encoding="utf-8")))
    return found


def sentences_of_tables() -> set[str]:
    found = {value for name, value in vars(payment_form).items()
             if name.isupper() and isinstance(value, str)}  # fmt: skip
    for alert in (*DECLINE_ALERTS.values(), DECLINED, METHOD_DECLINED):
        found |= {alert.title, alert.advice}
    for notice in vars(notices).values():
        if isinstance(notice, notices.Notice):
            found |= {notice.title, notice.advice}
    for table in (TEST_CARDS, TEST_IBANS):
        found |= set(table) | {entry.effect for entries in table.values() for entry in entries}
    found |= {method_view(name).title for name in TYPES}
    for listing in LISTINGS:
        found |= {listing.title, listing.empty, *(column.title for column in listing.columns)}
        found |= {name.capitalize() for name in listing.filters}
    for switch in fault_switches.SWITCHES.values():
        found |= {switch.title, switch.effect}
    found |= {fault_switches.NO_SUCH_FAULT, fault_switches.NOT_NUMBERS}
    found |= {fault_switches.OUT_OF_BOUNDS}
    return found | set(dashboard_page.DONE.values()) | set(dashboard.CLOCK_STEPS_SECONDS)


@pytest.mark.parametrize("sentence", sorted(sentences_of_templates() | sentences_of_tables()))
def test_every_sentence_has_a_chinese_text(sentence: str) -> None:
    assert sentence in CHINESE or sentence in SAME_IN_BOTH


@pytest.mark.parametrize("english", sorted(CHINESE))
def test_a_chinese_text_has_the_placeholders_of_the_english(english: str) -> None:
    names = re.findall(r"\{(\w+)\}", english)
    assert sorted(names) == sorted(re.findall(r"\{(\w+)\}", CHINESE[english]))


def test_no_chinese_text_is_left_over() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in PAGES.rglob("*")
        if path.suffix in {".html", ".py"} and path.name != "chinese.py"
    )
    plain = re.sub(r'"\s*\n\s*"', "", sources)
    words = {"Status", "Type"}
    assert [text for text in CHINESE if text not in plain and text not in words] == []


@pytest.mark.parametrize(
    ("asked", "locale", "browser", "expected"),
    [
        (None, "auto", "en-US,en;q=0.9", Language.ENGLISH),
        (None, "auto", "zh-CN,zh;q=0.9,en;q=0.8", Language.CHINESE),
        (None, None, "zh-Hans-SG", Language.CHINESE),
        (None, "zh", "en", Language.CHINESE),
        (None, "en", "zh-CN", Language.ENGLISH),
        ("zh-Hans", "en", "en", Language.CHINESE),
        ("en", "zh", "zh", Language.ENGLISH),
        (None, "de", "fr-FR", Language.ENGLISH),
        (None, "auto", "zh-TW", Language.ENGLISH),
        (None, "auto", "zh-TW,zh;q=0.9", Language.CHINESE),
        ("nonsense", None, "", Language.ENGLISH),
    ],
)
def test_the_reader_gets_the_language_asked_for_offered_or_accepted(
    asked: str | None, locale: str | None, browser: str, expected: Language
) -> None:
    parts = [part.partition(";q=") for part in browser.split(",") if part]
    tags = [(tag, float(quality or 1)) for tag, _separator, quality in parts]
    chosen = choose_language(asked=asked, session_locale=locale, accepted=LanguageAccept(tags))
    assert chosen is expected


def test_a_sentence_without_a_chinese_text_stays_english() -> None:
    assert translate(Language.CHINESE, "Brand new {thing}", thing="x") == "Brand new x"
