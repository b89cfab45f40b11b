"""Sessions of the standalone store: they live in a cookie, and end with the version of their account's sessions."""

from __future__ import annotations

import time

import flask_login
from flask import Flask, current_app, session

from coinpurse.accounts import Account, Accounts
from coinpurse.web.language import lazy_gettext as _

EXTENSION = "coinpurse.accounts"
# A session lives on while it is used, but not for ever: a copy of its cookie would too.
ENTERED_AT = "coinpurse.entered_at"
LONGEST_SESSION_SECONDS = 30 * 24 * 3600
VERSION = "coinpurse.session_version"
# That of cookies from before there were versions.
FIRST_VERSION = 1
NOTE = "coinpurse.note"
# What the page after a change says of it.
NOTES = {
    "password_changed": _("Your password is changed. All other browsers are logged out."),
    "password_chosen": _("Your new password is set. Log in with it."),
    "logged_out_everywhere": _("You are logged out everywhere."),
}


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
    """Have the app know its users by their cookies."""
    app.extensions[EXTENSION] = accounts
    login_manager = flask_login.LoginManager()
    login_manager.login_view = "coinpurse_accounts.log_in"
    # Our log-in page says itself why it is shown.
    login_manager.login_message = None
    login_manager.user_loader(load_user)
    # Its template variable would ask the database on every page, also on the one that says it is down.
    login_manager.init_app(app, add_context_processor=False)


def current_accounts() -> Accounts:
    """The accounts of the current app."""
    accounts: Accounts = current_app.extensions[EXTENSION]
    return accounts


def load_user(user_id: str) -> User | None:
    """Return whose session this is; None once it has ended."""
    if time.time() - session.get(ENTERED_AT, 0) > LONGEST_SESSION_SECONDS:
        return None
    account = current_accounts().find(user_id)
    if account is None or account.session_version != session.get(VERSION, FIRST_VERSION):
        return None
    return User(account)


def is_logged_in() -> bool:
    """Whether the visitor is."""
    return bool(flask_login.current_user.is_authenticated)


def current_account() -> Account:
    """The visitor's account, inside a view that asks for one."""
    account: Account = flask_login.current_user.account
    return account


def enter(account: Account) -> None:
    """Begin a session.

    What the visitor's session held before is dropped: a session planted by somebody else gains nothing.
    """
    session.clear()
    flask_login.login_user(User(account))
    session[ENTERED_AT] = int(time.time())
    session[VERSION] = account.session_version
    session.permanent = True


def leave() -> None:
    """End the session in this browser."""
    flask_login.logout_user()
    session.clear()


def leave_note(name: str) -> None:
    """Have the next page that shows notes say what has happened. name: one of NOTES."""
    session[NOTE] = name


def take_note() -> object:
    """Return in words what the visitor has just done; "" where there is nothing to say."""
    return NOTES.get(session.pop(NOTE, ""), "")
