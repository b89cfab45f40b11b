"""The language of a page, and its texts in it.

English text is its own key; `chinese.py` holds the other column of the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from werkzeug.datastructures import LanguageAccept

from stripe_sandbox.pages.chinese import CHINESE


class Language(StrEnum):
    """A language that the pages are written in; the value is its HTML `lang`."""

    ENGLISH = "en"
    CHINESE = "zh-Hans"

    @property
    def babel_locale(self) -> str:
        """The locale that formats amounts and times for readers of this language."""
        return _BABEL_LOCALES[self]


_BABEL_LOCALES: Mapping[Language, str] = {
    Language.ENGLISH: "en",
    Language.CHINESE: "zh_Hans_CN",
}

_SIMPLIFIED_CHINESE = frozenset({"zh", "zh-cn", "zh-sg", "zh-my"})


def find_language(tag: str | None) -> Language | None:
    """Return the language that a tag such as `zh-CN` names, or None when we have no such texts."""
    lowered = (tag or "").strip().lower().replace("_", "-")
    if lowered in _SIMPLIFIED_CHINESE or lowered.startswith("zh-hans"):
        return Language.CHINESE
    if lowered.split("-", maxsplit=1)[0] == "en":
        return Language.ENGLISH
    return None


def choose_language(
    *, asked: str | None, session_locale: str | None, accepted: LanguageAccept
) -> Language:
    """Pick what the reader asked for, else the session's locale, else the browser's best match.

    A session locale of `auto` leaves the choice to the browser. English is the last resort.
    """
    wishes = [asked, session_locale, *(tag for tag, _quality in accepted)]
    for wish in wishes:
        language = find_language(wish)
        if language is not None:
            return language
    return Language.ENGLISH


def translate(language: Language, message: str, **values: object) -> str:
    """Return `message` in `language` with `{name}` placeholders filled in.

    A message without a Chinese text stays English, so that a new sentence is never a broken page.
    """
    text = CHINESE.get(message, message) if language is Language.CHINESE else message
    return text.format(**values) if values else text
