"""The reader's language: our own translations, beside those of a host.

A host that has its own Flask-Babel decides the language for our pages too. Where there is none, we set one
up: the language that the reader picked, else what the browser asks for.
"""

from __future__ import annotations

from pathlib import Path

from babel import Locale, UnknownLocaleError
from flask import Flask, Response, current_app, request
from flask_babel import Babel, Domain, get_babel, get_locale

# The tag of each language that we speak, with its own name for itself. The first is the default.
LANGUAGES = {"en": "English", "zh": "简体中文"}
# What belongs into the `lang` attribute, where it differs from the tag.
HTML_TAGS = {"zh": "zh-Hans"}
LOCALES = {"en": "en", "zh": "zh_Hans_CN"}
COOKIE = "coinpurse_language"
PARAMETER = "language"
COOKIE_SECONDS = 365 * 24 * 3600
# More than anybody reads; a header with thousands of entries costs no more than these.
LONGEST_WISH_LIST = 12

# Source: the values of `locale` that Stripe's checkout takes.
STRIPE_LOCALES = frozenset(
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt"  # noqa: SIM905
    " pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW".split()
)

domain = Domain(
    translation_directories=[str(Path(__file__).parent / "translations")], domain="coinpurse"
)
gettext = domain.gettext
ngettext = domain.ngettext
lazy_gettext = domain.lazy_gettext

# Jinja's settings are the host's own: our templates get the functions above.
_own_babel = Babel(configure_jinja=False)


def use(app: Flask) -> None:
    """Give the app a Flask-Babel, unless it has one; one that comes later replaces ours."""
    if "babel" not in app.extensions:
        _own_babel.init_app(app, locale_selector=_choose)


def is_host_s() -> bool:
    """Whether the host decides the language, so that a switch of ours would do nothing."""
    return get_babel().instance is not _own_babel


def current_language() -> str:
    """The tag of the language in which our texts come out."""
    locale = get_locale()
    return locale.language if locale is not None and locale.language in LANGUAGES else "en"


def reader_locale() -> Locale:
    """The locale for the reader's amounts, numbers and dates.

    It may be one whose language we do not speak: a German reads our English with `99,99 $`.
    """
    if is_host_s():
        return get_locale() or Locale("en")
    language = picked_language()
    for wish in _wishes():
        if language in (None, wish.language):
            return wish
    return Locale.parse(LOCALES[language or "en"])


def stripe_locale() -> str | None:
    """The language for Stripe's page; None lets Stripe ask the browser."""
    if not is_host_s():
        return picked_language()
    locale = get_locale()
    if locale is None:
        return None
    for tag in (f"{locale.language}-{locale.territory}", locale.language):
        if tag in STRIPE_LOCALES:
            return tag
    return None


def buyer_locale() -> str:
    """The tag of the reader's language and form, for what we write to them later."""
    return str(reader_locale()).replace("_", "-")


def picked_language() -> str | None:
    """The language that the reader picked, now or before; None where the browser decides."""
    for tag in (request.args.get(PARAMETER), request.cookies.get(COOKIE)):
        if tag in LANGUAGES:
            return tag
    return None


def remember_pick(response: Response) -> None:
    """Keep a language that the reader picked with this request."""
    tag = request.args.get(PARAMETER)
    if tag in LANGUAGES and not is_host_s():
        remember(response, COOKIE, tag)


def remember(response: Response, name: str, value: str) -> None:
    """Keep a preference in a cookie, for a year."""
    response.set_cookie(
        name,
        value,
        max_age=COOKIE_SECONDS,
        path=current_app.config["SESSION_COOKIE_PATH"] or "/",
        secure=request.is_secure or bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
    )


def _choose() -> str:
    tag = picked_language() or request.accept_languages.best_match(LANGUAGES)
    return LOCALES[tag or "en"]


def _wishes() -> list[Locale]:
    """The locales that the browser asks for, best first, without those that nobody knows."""
    wishes = []
    for tag in list(request.accept_languages.values())[:LONGEST_WISH_LIST]:
        try:
            wishes.append(Locale.parse(tag, sep="-"))
        except (ValueError, UnknownLocaleError):
            continue
    return wishes
