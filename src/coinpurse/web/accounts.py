"""Accounts over HTTP, for the standalone store: `/api/auth/` and the pages to log in, register, log out."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import flask_login
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    jsonify,
    redirect,
    request,
    session,
    url_for,
)
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.accounts import Account, Accounts, rules
from coinpurse.errors import (
    DomainError,
    EmailTaken,
    InvalidEmail,
    InvalidRequest,
    UnacceptablePassword,
    WrongCredentials,
)
from coinpurse.web import errors, forms, json_requests, language
from coinpurse.web.access import guard_changes, limit_body, login_required
from coinpurse.web.addresses import network_of
from coinpurse.web.errors import RequestRefused
from coinpurse.web.language import gettext as _
from coinpurse.web.pages import answer_in_pages, refuse, render
from coinpurse.web.visitors import only_visitors

# Where on the form a refusal is shown; "form" is above all fields.
FIELDS: tuple[tuple[type[DomainError], str], ...] = (
    (InvalidEmail, "email"),
    (EmailTaken, "email"),
    (UnacceptablePassword, "password"),
    (WrongCredentials, "form"),
)
REFUSALS = tuple(refusal for refusal, _field in FIELDS)
EXTENSION = "coinpurse.accounts"
# A session lives on while it is used, but not for ever: a copy of its cookie would too.
ENTERED_AT = "coinpurse.entered_at"
LONGEST_SESSION_SECONDS = 30 * 24 * 3600
WRONG_STATUS = 401


def _was_wrong(response: Response) -> bool:
    return response.status_code == WRONG_STATUS


def _account_tried() -> str:
    """The account that somebody tries to enter, the same however its address is written."""
    given: object = forms.field("email")
    if request.is_json:
        # The view answers what is no object.
        with suppress(RequestRefused):
            given = json_requests.read_object().get("email")
    return rules.digest_of_address(given if isinstance(given, str) else "")


def _network_asking() -> str:
    return network_of(get_remote_address())


# Counted for each address that asks, by each server process for itself.
limiter = Limiter(_network_asking, storage_uri="memory://")
limit_registrations = limiter.shared_limit("10 per minute; 60 per hour", scope="register")
# Only wrong passwords count: a household or a school behind one address may log in as often as it likes.
limit_failed_log_ins = limiter.shared_limit(
    "10 per minute; 100 per hour", scope="log_in", deduct_when=_was_wrong
)
# And for each account that is tried, whether there is one or not: guesses may come from many addresses.
limit_guesses = limiter.shared_limit(
    "30 per hour; 100 per day", scope="account", key_func=_account_tried, deduct_when=_was_wrong
)
api = Blueprint("coinpurse_auth", __name__, url_prefix="/api/auth")
api.before_request(limit_body)
guard_changes(api)
errors.answer_in_json(api)

pages = Blueprint("coinpurse_accounts", __name__)
pages.before_request(limit_body)
pages.before_request(forms.require_own_form)
answer_in_pages(pages)


class User:
    """An account as Flask-Login wants it."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        """The id of the account, which is also the wallet's."""
        return self.account.user_id


def use(app: Flask, accounts: Accounts) -> None:
    """Add accounts to the standalone app."""
    app.extensions[EXTENSION] = accounts
    login_manager = flask_login.LoginManager()
    login_manager.login_view = "coinpurse_accounts.log_in"
    # Our log-in page says itself why it is shown.
    login_manager.login_message = None
    login_manager.user_loader(_load_user)
    # Its template variable would ask the database on every page, also on the one that says it is down.
    login_manager.init_app(app, add_context_processor=False)
    # Only log-ins and registrations have limits.
    limiter.init_app(only_visitors(app))
    app.register_blueprint(api)
    app.register_blueprint(pages)


@api.post("/register")
@limit_registrations
def register_by_json() -> tuple[Response, int]:
    """Make an account and log in."""
    body = json_requests.read_object()
    account = _accounts().register(
        _text(body, "email"), _text(body, "password"), locale=language.current_language()
    )
    _enter(account)
    return jsonify(_shown(account)), 201


@api.post("/login")
@limit_failed_log_ins
@limit_guesses
def log_in_by_json() -> Response:
    """Log in."""
    body = json_requests.read_object()
    account = _accounts().authenticate(_text(body, "email"), _text(body, "password"))
    _enter(account)
    return jsonify(_shown(account))


@api.post("/logout")
def log_out_by_json() -> Response:
    """Log out; harmless for somebody who is not logged in."""
    _leave()
    return jsonify(status="logged_out")


@api.get("/me")
@login_required
def me() -> Response:
    """Who is logged in."""
    return jsonify(_shown(flask_login.current_user.account))


@pages.get("/login")
def log_in() -> AnyResponse:
    """The form to log in."""
    return _redirect_onward() if _is_logged_in() else _form(is_new=False)


@pages.post("/login")
@limit_failed_log_ins
@limit_guesses
def submit_log_in() -> AnyResponse:
    """Log in and go where the visitor was going."""
    try:
        account = _accounts().authenticate(forms.field("email"), forms.field("password"))
    except REFUSALS as refusal:
        return _form(is_new=False, refusal=refusal)
    onward = _redirect_onward()
    _enter(account)
    return onward


@pages.get("/register")
def register() -> AnyResponse:
    """The form to make an account."""
    return _redirect_onward() if _is_logged_in() else _form(is_new=True)


@pages.post("/register")
@limit_registrations
def submit_registration() -> AnyResponse:
    """Make an account, log in and go where the visitor was going."""
    try:
        account = _accounts().register(
            forms.field("email"), forms.field("password"), locale=language.current_language()
        )
    except REFUSALS as refusal:
        return _form(is_new=True, refusal=refusal)
    onward = _redirect_onward()
    _enter(account)
    return onward


@pages.post("/logout")
def log_out() -> AnyResponse:
    """Log out and show the packs."""
    _leave()
    return redirect(url_for("coinpurse.packs"), 303)


@api.errorhandler(TooManyRequests)
def refuse_in_json(_error: TooManyRequests) -> Response:
    """Answer a rate limit in our JSON shape."""
    return _with_retry_after(errors.answer("too_many_requests"))


@pages.errorhandler(TooManyRequests)
def refuse_in_page(error: TooManyRequests) -> Response:
    """Answer a rate limit with a page."""
    return _with_retry_after(current_app.make_response(refuse(error)))


def _form(*, is_new: bool, refusal: DomainError | None = None) -> Response:
    status, problems = 200, {"form": "", "email": "", "password": ""}
    if refusal is not None:
        answer = errors.ANSWERS[refusal.code]
        status = answer.status
        field = next(field for known, field in FIELDS if isinstance(refusal, known))
        problems[field] = str(answer.sentence) % refusal.facts
    onward = _onward()
    own, other = (
        "coinpurse_accounts.register",
        "coinpurse_accounts.log_in",
    )[:: 1 if is_new else -1]
    return render(
        "account_form.html",
        status=status,
        is_new=is_new,
        errors=problems,
        email=forms.field("email"),
        action=url_for(own),
        other_link=url_for(other, next=onward),
        next=onward or "",
    )


def _accounts() -> Accounts:
    accounts: Accounts = current_app.extensions[EXTENSION]
    return accounts


def _load_user(user_id: str) -> User | None:
    if time.time() - session.get(ENTERED_AT, 0) > LONGEST_SESSION_SECONDS:
        return None
    account = _accounts().find(user_id)
    return User(account) if account is not None else None


def _is_logged_in() -> bool:
    return bool(flask_login.current_user.is_authenticated)


def _enter(account: Account) -> None:
    # What the visitor's session held before is dropped: a session planted by somebody else gains nothing.
    session.clear()
    flask_login.login_user(User(account))
    session[ENTERED_AT] = int(time.time())
    session.permanent = True


def _leave() -> None:
    flask_login.logout_user()
    session.clear()


def _onward() -> str | None:
    return forms.own_path(request.form.get("next") or request.args.get("next"))


def _redirect_onward() -> AnyResponse:
    return redirect(_onward() or url_for("coinpurse.packs"), 303)


def _text(body: dict[str, Any], field: str) -> str:
    # Any characters are welcome in a password, so only the type is looked at here.
    value = body.get(field)
    if not isinstance(value, str):
        raise InvalidRequest(field, _("is missing") if value is None else _("must be a text"))
    return value


def _shown(account: Account) -> dict[str, str]:
    return {
        "user_id": account.user_id,
        "email": account.email,
        "created_at": account.created_at.isoformat(),
    }


def _with_retry_after(response: Response) -> Response:
    limit = limiter.current_limit
    if limit is not None:
        response.headers["Retry-After"] = str(max(1, int(limit.reset_at - time.time()) + 1))
    return response
