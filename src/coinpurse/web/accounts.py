"""Accounts over HTTP, for the standalone store: `/api/auth/` and the pages to log in, register, log out."""

from __future__ import annotations

from typing import Any

import flask_login
from flask import (
    Blueprint,
    Flask,
    Response,
    jsonify,
    redirect,
    request,
    url_for,
)
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.accounts import Account, Accounts
from coinpurse.errors import (
    DomainError,
    EmailTaken,
    InvalidEmail,
    InvalidRequest,
    UnacceptablePassword,
    WrongCredentials,
)
from coinpurse.web import errors, forms, json_requests, language, passwords, sessions
from coinpurse.web.access import guard_changes, limit_body, login_required
from coinpurse.web.language import gettext as _
from coinpurse.web.limits import (
    limit_failed_log_ins,
    limit_guesses,
    limit_registrations,
    limiter,
    refuse_in_page,
    with_retry_after,
)
from coinpurse.web.pages import answer_in_pages, render
from coinpurse.web.sessions import current_accounts, enter, is_logged_in, leave
from coinpurse.web.visitors import only_visitors

# Where on the form a refusal is shown; "form" is above all fields.
FIELDS: tuple[tuple[type[DomainError], str], ...] = (
    (InvalidEmail, "email"),
    (EmailTaken, "email"),
    (UnacceptablePassword, "password"),
    (WrongCredentials, "form"),
)
REFUSALS = tuple(refusal for refusal, _field in FIELDS)
api = Blueprint("coinpurse_auth", __name__, url_prefix="/api/auth")
api.before_request(limit_body)
guard_changes(api)
errors.answer_in_json(api)

pages = Blueprint("coinpurse_accounts", __name__)
pages.before_request(limit_body)
pages.before_request(forms.require_own_form)
answer_in_pages(pages)
pages.register_error_handler(TooManyRequests, refuse_in_page)


def use(app: Flask, accounts: Accounts) -> None:
    """Add accounts to the standalone app."""
    sessions.use(app, accounts)
    # Only log-ins and what else can be guessed at have limits.
    limiter.init_app(only_visitors(app))
    app.register_blueprint(api)
    app.register_blueprint(pages)
    app.register_blueprint(passwords.pages)


@api.post("/register")
@limit_registrations
def register_by_json() -> tuple[Response, int]:
    """Make an account and log in."""
    body = json_requests.read_object()
    account = current_accounts().register(
        _text(body, "email"), _text(body, "password"), locale=language.current_language()
    )
    enter(account)
    return jsonify(_shown(account)), 201


@api.post("/login")
@limit_failed_log_ins
@limit_guesses
def log_in_by_json() -> Response:
    """Log in."""
    body = json_requests.read_object()
    account = current_accounts().authenticate(_text(body, "email"), _text(body, "password"))
    enter(account)
    return jsonify(_shown(account))


@api.post("/logout")
def log_out_by_json() -> Response:
    """Log out; harmless for somebody who is not logged in."""
    leave()
    return jsonify(status="logged_out")


@api.get("/me")
@login_required
def me() -> Response:
    """Who is logged in."""
    return jsonify(_shown(flask_login.current_user.account))


@pages.get("/login")
def log_in() -> AnyResponse:
    """The form to log in."""
    return _redirect_onward() if is_logged_in() else _form(is_new=False)


@pages.post("/login")
@limit_failed_log_ins
@limit_guesses
def submit_log_in() -> AnyResponse:
    """Log in and go where the visitor was going."""
    try:
        account = current_accounts().authenticate(forms.field("email"), forms.field("password"))
    except REFUSALS as refusal:
        return _form(is_new=False, refusal=refusal)
    onward = _redirect_onward()
    enter(account)
    return onward


@pages.get("/register")
def register() -> AnyResponse:
    """The form to make an account."""
    return _redirect_onward() if is_logged_in() else _form(is_new=True)


@pages.post("/register")
@limit_registrations
def submit_registration() -> AnyResponse:
    """Make an account, log in and go where the visitor was going."""
    try:
        account = current_accounts().register(
            forms.field("email"), forms.field("password"), locale=language.current_language()
        )
    except REFUSALS as refusal:
        return _form(is_new=True, refusal=refusal)
    onward = _redirect_onward()
    enter(account)
    return onward


@pages.post("/logout")
def log_out() -> AnyResponse:
    """Log out and show the packs."""
    leave()
    return redirect(url_for("coinpurse.packs"), 303)


@api.errorhandler(TooManyRequests)
def refuse_in_json(_error: TooManyRequests) -> Response:
    """Answer a rate limit in our JSON shape."""
    return with_retry_after(errors.answer("too_many_requests"))


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
        note="" if is_new or refusal else sessions.take_note(),
        forgot_link=url_for("coinpurse_passwords.forgot") if passwords.can_send() else None,
    )


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
