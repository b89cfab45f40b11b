"""What all pages share: rendering with their frame, and refusals in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for
from psycopg import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from coinpurse.errors import DomainError, GatewayError
from coinpurse.web import formatting, forms, language
from coinpurse.web.access import current_purse, current_user_id
from coinpurse.web.errors import ANSWERS
from coinpurse.web.forms import ExpiredForm
from coinpurse.web.language import lazy_gettext as _

STATIC = Path(__file__).parent / "static"
ASSET_SECONDS = 365 * 24 * 3600

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A page that says why not, and what to do instead."""

    title: object
    advice: object


GENERAL = Refusal(
    _("This did not work"), _("Go back to the packs and try again. Nothing was charged here.")
)
REFUSALS = {
    400: Refusal(_("We could not read this request"), _("Go back to the packs and try again.")),
    401: Refusal(_("Please log in first"), _("This page is about your own coins.")),
    403: Refusal(
        _("This is not yours to see"),
        _("It belongs to another account. Log in with the one that you paid with."),
    ),
    404: Refusal(
        _("There is nothing here"),
        _("The address may be cut off or out of date. Your coins are where they were."),
    ),
    405: Refusal(
        _("This address works differently"), _("Go back to the packs and start from there.")
    ),
    422: Refusal(_("We could not read this request"), _("Go back to the packs and try again.")),
    413: Refusal(_("This is too large"), _("Send less at a time, then try again.")),
    429: Refusal(
        _("Too many tries"),
        _("Wait a minute, then try again. This protects accounts from guessing."),
    ),
    500: Refusal(
        _("Something broke on our side"),
        _("It has been noted. If you have just paid, your coins will still arrive."),
    ),
    502: Refusal(
        _("The payment page could not be opened"),
        _("Our payment provider did not answer. You were not charged; please try again shortly."),
    ),
    503: Refusal(_("The store is busy"), _("Please try again in a moment.")),
}
EXPIRED_FORM = Refusal(
    _("This page had been open for too long"),
    _("Go back to the packs and try again. If it happens again, allow cookies for this site."),
)
# Codes whose reason says more than their status does.
REFUSALS_BY_CODE = {
    "pack_unavailable": Refusal(
        _("This pack is no longer on sale"), _("Choose another one; its price is what you see.")
    ),
    "pack_limit_reached": Refusal(
        _("You have this pack already"),
        _("One account can buy it no more often. Choose another one."),
    ),
    "price_mismatch": Refusal(
        _("This offer has just changed"), _("Choose again; what you see now is what you get.")
    ),
    "payment_not_found": Refusal(
        _("We do not know this payment"),
        _("The address may be cut off. Your wallet shows every payment that has arrived."),
    ),
}


def render(template: str, *, status: int = 200, framed: bool = True, **values: object) -> Response:
    """Make a page. framed: with the reader's wallet and account in its head, which asks the database."""
    user_id = current_user_id() if framed else None
    token_name, token = forms.token_field() if framed else ("", "")
    purse = current_purse()
    response = make_response(
        render_template(
            f"coinpurse/{template}",
            _=language.gettext,
            ngettext=language.ngettext,
            money=formatting.money,
            coins=formatting.coins,
            signed_coins=formatting.signed_coins,
            moment=formatting.moment,
            asset=asset,
            store_name=purse.settings.store_name,
            test_mode=not purse.settings.livemode,
            language=language.current_language(),
            language_links=_language_links(),
            links=_links(),
            logged_in=user_id is not None,
            balance=purse.wallet(user_id).balance if user_id is not None else None,
            token_name=token_name,
            token=token,
            **values,
        ),
        status,
    )
    language.remember_pick(response)
    response.headers["Cache-Control"] = "no-store" if user_id is not None else "private, no-cache"
    response.vary.update(("Accept-Language", "Cookie"))
    return response


def asset(name: str) -> str:
    """The address of a file of ours; it changes with the content, so that browsers may keep it."""
    return url_for("coinpurse.static", filename=name, v=digest_of(name))


def keep_for(response: Response, seconds: int, *, immutable: bool = False) -> None:
    """Let browsers keep an answer that is the same for everybody.

    A cache that many share gets it only without a cookie: the answer to a visitor may renew that visitor's session.
    """
    whose = "private" if request.cookies else "public"
    response.headers["Cache-Control"] = f"{whose}, max-age={seconds}" + ", immutable" * immutable


def protect(response: Response) -> Response:
    """Let nobody frame a page, or read it as what it is not; a host may have no such rules of its own."""
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def answer_in_pages(blueprint: Blueprint) -> None:
    """Have every error of the blueprint's views answered by a page in words."""
    blueprint.register_error_handler(HTTPException, refuse)
    blueprint.register_error_handler(DomainError, refuse_domain_error)
    blueprint.register_error_handler(GatewayError, _refuse_gateway_error)
    blueprint.register_error_handler(OperationalError, _refuse_database_error)
    blueprint.register_error_handler(InterfaceError, _refuse_database_error)


def refuse(error: HTTPException) -> Response | HTTPException:
    """Show one of Werkzeug's errors as a page; redirects and ready-made answers stay as they are."""
    status = error.code
    if status is None or status < 400:
        return error
    known = EXPIRED_FORM if isinstance(error, ExpiredForm) else REFUSALS.get(status, GENERAL)
    response = _refusal(known, status)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def refuse_domain_error(error: DomainError) -> Response:
    """Show an expected refusal as a page."""
    code = error.code
    if code == "not_found" and error.facts.get("kind") == "payment":
        code = "payment_not_found"
    status = ANSWERS[code].status
    return _refusal(REFUSALS_BY_CODE.get(code) or REFUSALS.get(status, GENERAL), status)


def _refuse_gateway_error(error: GatewayError) -> Response:
    log.warning("stripe.unavailable", stripe_code=error.code, stripe_status=error.status)
    return _refusal(REFUSALS[502], 502)


def _refuse_database_error(error: Exception) -> Response:
    log.error("database.unavailable", error=type(error).__name__)
    response = _refusal(REFUSALS[503], 503)
    response.headers["Retry-After"] = "2"
    return response


def _refusal(refusal: Refusal, status: int) -> Response:
    # Without the frame: what went wrong may be the very database that the frame asks.
    return render("error.html", status=status, framed=False, refusal=refusal)


def _links() -> dict[str, str | None]:
    """Addresses of our pages; those of accounts are None in a host, which has its own."""
    endpoints = {
        "packs": "coinpurse.packs",
        "wallet": "coinpurse.wallet",
        "log_in": "coinpurse_accounts.log_in",
        "register": "coinpurse_accounts.register",
        "log_out": "coinpurse_accounts.log_out",
        "account": "coinpurse_passwords.account",
    }
    known = current_app.view_functions
    return {
        name: url_for(endpoint) if endpoint in known else None
        for name, endpoint in endpoints.items()
    }


def _language_links() -> list[dict[str, str]]:
    """This page in each language; none where the host decides, or where there is no page to return to."""
    if language.is_host_s() or request.endpoint is None or request.method not in ("GET", "HEAD"):
        return []
    return [
        {
            "tag": tag,
            "html_tag": language.HTML_TAGS.get(tag, tag),
            "name": name,
            "link": _this_page({language.PARAMETER: tag}),
        }
        for tag, name in language.LANGUAGES.items()
    ]


def _this_page(changes: dict[str, str]) -> str:
    assert request.endpoint is not None
    # The query goes on by hand: `url_for` would take some names for options of its own.
    query = urlencode({**request.args.to_dict(), **changes})
    return f"{url_for(request.endpoint, **(request.view_args or {}))}?{query}"


@cache
def digest_of(name: str) -> str:
    """Part of the hash of one of our files, which changes with its content."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
