"""Who is asking, and whether a change really comes from our own pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import flask_login
from flask import Blueprint, Flask, current_app, request

from coinpurse.errors import ConfigurationError
from coinpurse.settings import origin_of
from coinpurse.web.errors import RequestRefused

if TYPE_CHECKING:
    from coinpurse.extension import Coinpurse

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BODY_LIMIT_BYTES = 1024 * 1024


def use(
    app: Flask,
    user_id: Callable[[], str | None] | None,
    staff_role: Callable[[], str | None] | None,
) -> None:
    """Set how the app knows its user, and who of them is staff.

    user_id: None for Flask-Login's current user. staff_role: None for the roles that we keep.
    """
    app.extensions["coinpurse.user_id"] = user_id or _flask_login_user
    app.extensions["coinpurse.staff_role"] = staff_role


def current_purse() -> Coinpurse:
    """The Coinpurse object of the current app."""
    purse: Coinpurse = current_app.extensions["coinpurse"]
    return purse


def current_user_id() -> str | None:
    """The logged-in user's id as text, or None."""
    load: Callable[[], object] = current_app.extensions["coinpurse.user_id"]
    user_id = load()
    return None if user_id is None else str(user_id)


def login_required(view: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Refuse strangers with 401 in JSON, then changes that our pages did not ask for."""

    @wraps(view)
    def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if current_user_id() is None:
            raise RequestRefused("login_required")
        require_own_change()
        return view(*args, **kwargs)

    return guarded


def required_user_id() -> str:
    """The logged-in user's id inside a view that requires one."""
    user_id = current_user_id()
    assert user_id is not None
    return user_id


def guard_changes(blueprint: Blueprint) -> None:
    """Require the JSON content type and our own Origin on every change of the blueprint."""
    blueprint.before_request(require_own_change)


def limit_body() -> None:
    """Let Flask refuse a body that is larger than any of ours before it is read."""
    request.max_content_length = BODY_LIMIT_BYTES


def require_own_change() -> None:
    """Refuse a cookie-authenticated change that another site could have made the browser send.

    A browser sends `application/json` across origins only after asking, and always names the Origin.
    """
    if request.method in SAFE_METHODS:
        return
    if request.mimetype != "application/json":
        raise RequestRefused("json_required")
    base_url = current_purse().settings.base_url
    if request.headers.get("Origin", "").lower() not in (base_url, origin_of(request.host_url)):
        raise RequestRefused("wrong_origin", origin=base_url)


def _flask_login_user() -> str | None:
    if not hasattr(current_app, "login_manager"):
        raise ConfigurationError(
            "Coinpurse needs to know the user: set up Flask-Login's LoginManager,"
            " or pass Coinpurse(user_id=...) a function that returns the user's id."
        )
    user = flask_login.current_user
    return str(user.get_id()) if user.is_authenticated else None
