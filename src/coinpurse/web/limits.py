"""How often somebody may try: log-ins, registrations, passwords. Counted by each server process for itself."""

from __future__ import annotations

import time
from contextlib import suppress

import flask_login
from flask import Response, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import TooManyRequests

from coinpurse.accounts import rules
from coinpurse.web import forms, json_requests
from coinpurse.web.addresses import network_of
from coinpurse.web.errors import RequestRefused
from coinpurse.web.pages import refuse

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


def _own_account() -> str:
    """The account that is logged in, by the same name as where somebody tries to enter it."""
    user = flask_login.current_user
    return rules.digest_of_address(user.account.email if user.is_authenticated else "")


def _network_asking() -> str:
    return network_of(get_remote_address())


GUESSES = "30 per hour; 100 per day"
limiter = Limiter(_network_asking, storage_uri="memory://")
limit_registrations = limiter.shared_limit("10 per minute; 60 per hour", scope="register")
# Only wrong passwords count: a household or a school behind one address may log in as often as it likes.
limit_failed_log_ins = limiter.shared_limit(
    "10 per minute; 100 per hour", scope="log_in", deduct_when=_was_wrong
)
# And for each account that is tried, whether there is one or not: guesses may come from many addresses.
limit_guesses = limiter.shared_limit(
    GUESSES, scope="account", key_func=_account_tried, deduct_when=_was_wrong
)
# A stolen session must not be a way around that.
limit_own_guesses = limiter.shared_limit(
    GUESSES, scope="account", key_func=_own_account, deduct_when=_was_wrong
)
# Whether there is an account or not: nobody is to have their letter box filled, or to learn of one.
limit_forgetting = limiter.shared_limit("10 per minute; 60 per hour", scope="forgot")
limit_forgetting_account = limiter.shared_limit(
    "5 per hour; 20 per day", scope="forgot_account", key_func=_account_tried
)


def refuse_in_page(error: TooManyRequests) -> Response:
    """Answer a limit with a page."""
    return with_retry_after(current_app.make_response(refuse(error)))


def with_retry_after(response: Response) -> Response:
    """Say in the answer to a limit how many seconds it lasts."""
    limit = limiter.current_limit
    if limit is not None:
        response.headers["Retry-After"] = str(max(1, int(limit.reset_at - time.time()) + 1))
    return response
