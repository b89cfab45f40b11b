"""The visitor's own account: change the password, end sessions, and choose a new password when it is forgotten."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, Response, current_app, redirect, request, url_for
from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.accounts import Resets
from coinpurse.errors import (
    DomainError,
    InvalidEmail,
    ResetLinkDead,
    UnacceptablePassword,
    WrongPassword,
)
from coinpurse.web import errors, forms, sessions
from coinpurse.web.access import current_purse, limit_body
from coinpurse.web.limits import (
    limit_failed_log_ins,
    limit_forgetting,
    limit_forgetting_account,
    limit_own_guesses,
    refuse_in_page,
)
from coinpurse.web.pages import answer_in_pages, render
from coinpurse.web.sessions import current_account, current_accounts, is_logged_in

Answer = TypeVar("Answer", bound=AnyResponse)

# At which field of the form a refusal is shown.
FIELDS: dict[type[DomainError], str] = {
    WrongPassword: "current",
    UnacceptablePassword: "password",
    InvalidEmail: "email",
}

pages = Blueprint("coinpurse_passwords", __name__)
pages.before_request(limit_body)
pages.before_request(forms.require_own_form)
answer_in_pages(pages)
pages.register_error_handler(TooManyRequests, refuse_in_page)


def can_send() -> bool:
    """Whether the store sends mail, and so can send a link to who has forgotten the password."""
    return current_purse().settings.mail_server is not None


@pages.get("/account")
def account() -> AnyResponse:
    """What belongs to the account itself."""
    return _account_page() if is_logged_in() else _ask_for_log_in()


@pages.post("/account")
@limit_failed_log_ins
@limit_own_guesses
def change_password() -> AnyResponse:
    """Change the password, which logs out everywhere else."""
    if not is_logged_in():
        return _ask_for_log_in()
    try:
        changed = current_accounts().change_password(
            current_account().user_id, forms.field("current"), forms.field("password")
        )
    except (WrongPassword, UnacceptablePassword) as refusal:
        return _account_page(refusal)
    sessions.enter(changed)
    sessions.leave_note("password_changed")
    return redirect(url_for("coinpurse_passwords.account"), 303)


@pages.post("/account/sessions")
def end_sessions() -> AnyResponse:
    """Log out everywhere, here too."""
    if not is_logged_in():
        return _ask_for_log_in()
    current_accounts().end_sessions(current_account().user_id)
    return _leave_for_log_in("logged_out_everywhere")


@pages.get("/forgot")
def forgot() -> Response:
    """The form of who has forgotten the password."""
    return _forgot_page()


@pages.post("/forgot")
@limit_forgetting
@limit_forgetting_account
def ask_for_reset() -> Response:
    """Have a link sent where there is an account. The answer is the same where there is none."""
    if not can_send():
        return _forgot_page()
    try:
        _resets().ask(forms.field("email"))
    except InvalidEmail as refusal:
        return _forgot_page(refusal)
    return _forgot_page(is_sent=True)


@pages.get("/reset/<token>")
def reset(token: str) -> Response:
    """The form to choose a new password. To look at it uses nothing up: programs that check mail look too."""
    return _reset_page(token)


@pages.post("/reset/<token>")
def choose_password(token: str) -> AnyResponse:
    """Set the new password.

    Nobody is logged in by it: a link that somebody else sent must not bring a visitor into that account.
    """
    try:
        _resets().choose(token, forms.field("password"))
    except ResetLinkDead:
        return _reset_page(token)
    except UnacceptablePassword as refusal:
        return _reset_page(token, refusal)
    return _keep_secret(_leave_for_log_in("password_chosen"))


def _account_page(refusal: DomainError | None = None) -> Response:
    status, problems = _problems(refusal)
    return render(
        "account.html",
        status=status,
        email=current_account().email,
        errors=problems,
        note="" if refusal else sessions.take_note(),
    )


def _forgot_page(refusal: DomainError | None = None, *, is_sent: bool = False) -> Response:
    status, problems = _problems(refusal)
    return render(
        "forgot.html",
        status=status,
        can_send=can_send(),
        is_sent=is_sent,
        email=forms.field("email"),
        errors=problems,
    )


def _reset_page(token: str, refusal: DomainError | None = None) -> Response:
    status, problems = _problems(refusal)
    try:
        account = _resets().account_of(token)
    except ResetLinkDead as dead:
        status, account = errors.ANSWERS[dead.code].status, None
    response = render(
        "reset.html",
        status=status,
        email=account and account.email,
        action=url_for("coinpurse_passwords.choose_password", token=token),
        errors=problems,
    )
    return _keep_secret(response)


def _keep_secret(response: Answer) -> Answer:
    """Tell no other page what the address was, and keep nothing of it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _leave_for_log_in(note: str) -> AnyResponse:
    sessions.leave()
    sessions.leave_note(note)
    return redirect(url_for("coinpurse_accounts.log_in"), 303)


def _ask_for_log_in() -> AnyResponse:
    if request.method == "GET":
        return current_app.make_response(current_app.login_manager.unauthorized())  # type: ignore[attr-defined]
    # What was sent is lost with the session: the log-in leads to the form.
    return redirect(
        url_for("coinpurse_accounts.log_in", next=url_for("coinpurse_passwords.account")), 303
    )


def _problems(refusal: DomainError | None) -> tuple[int, dict[str, str]]:
    """The status of a page, and what it says at which field."""
    problems = {"current": "", "password": "", "email": ""}
    if refusal is None:
        return 200, problems
    answer = errors.ANSWERS[refusal.code]
    problems[FIELDS[type(refusal)]] = str(answer.sentence) % refusal.facts
    return answer.status, problems


def _resets() -> Resets:
    purse = current_purse()
    return Resets.from_settings(purse.database, purse.settings)
