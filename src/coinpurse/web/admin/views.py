"""What every page of the back office shares: who may open it, its frame, its forms and its refusals.

Flask-Admin mounts the views, keeps the menu and asks for access; the templates and styles are our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import flask_admin
import structlog
from flask import Blueprint, Response, abort, current_app, make_response, redirect, request, session
from psycopg import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from coinpurse.back_office import Action, may
from coinpurse.errors import DomainError, GatewayError
from coinpurse.ledger.rules import MAXIMUM_DESCRIPTION
from coinpurse.web import forms
from coinpurse.web.access import current_user_id, limit_body
from coinpurse.web.admin import frame
from coinpurse.web.admin.staff import MayNot, current_member, current_role
from coinpurse.web.admin.words import Words, refusal_words
from coinpurse.web.pages import ASSET_SECONDS, STATIC, keep_for, protect

TEMPLATES = Path(__file__).parents[1] / "templates"
NOTICE = "coinpurse.notice"

log = structlog.get_logger()
View = TypeVar("View", bound=Callable[..., Any])


def expose(url: str = "/", methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """Answer an address below the page's own with the method."""
    return cast("Callable[[View], View]", flask_admin.expose(url, methods))


class Page(flask_admin.BaseView):  # type: ignore[misc]  # Flask-Admin has no types.
    """One page of the back office with all that belongs to it.

    page: its part of the address and of the endpoint. group: where it stands in the menu; a name of frame.GROUPS.
    action: what somebody must be allowed to do to open it; each change asks for its own with `require`.
    """

    page: ClassVar[str]
    title: ClassVar[object]
    group: ClassVar[str] = ""
    action: ClassVar[Action] = "see"

    def __init__(self, under: str = "") -> None:
        super().__init__(
            name=self.title,
            category=self.group or None,
            endpoint=endpoint_of(self.page),
            url=f"{under}{self.page}",
        )

    def create_blueprint(self, admin: Any) -> Blueprint:
        """Make the blueprint, which finds our templates also where the buyers' pages are left out."""
        blueprint = cast("Blueprint", super().create_blueprint(admin))
        blueprint.template_folder = str(TEMPLATES)
        blueprint.before_request(limit_body)
        blueprint.after_request(_protect)
        return blueprint

    def is_accessible(self) -> bool:
        """Whether the reader may open it; the menu asks too."""
        return may(current_role(), self.action)

    def inaccessible_callback(self, name: str, **values: Any) -> Any:  # noqa: ARG002
        """Lead strangers to the log-in, where there is one. Nobody learns from a refusal that there is a page."""
        if current_role() is not None:
            return None
        login_manager = getattr(current_app, "login_manager", None)
        if current_user_id() is None and login_manager is not None and login_manager.login_view:
            return login_manager.unauthorized()
        # Answered like an address that nobody serves, to the letter.
        request.url_rule = None
        raise NotFound

    def render(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Make a page of a template in `coinpurse/admin/`. `heading` is among the values."""
        values.setdefault("back", None)
        response = make_response(
            frame.render(f"coinpurse/admin/{template}", self, _take_notice(), values), status
        )
        response.headers["Referrer-Policy"] = "same-origin"
        response.vary.update(("Accept-Language", "Cookie"))
        frame.remember_pick(response)
        return response

    def require(self, action: Action) -> None:
        """Refuse a member of the staff whose role is too low. Raises MayNot."""
        if not may(current_role(), action):
            raise MayNot(action)

    def _handle_view(self, name: str, **values: Any) -> Any:
        try:
            if not self.is_accessible():
                # Only members of the staff come back from the call.
                return self.inaccessible_callback(name, **values) or self._refuse(
                    MayNot(self.action)
                )
        except (OperationalError, InterfaceError) as error:
            log.error("database.unavailable", error=type(error).__name__)  # noqa: TRY400
            abort(503)
        return None

    def _run_view(self, view: Callable[..., Any], *args: Any, **values: Any) -> Any:
        # Refusals are answered here and not by error handlers: those would also answer strangers.
        try:
            forms.require_own_form()
            return view(self, *args, **values)
        except (
            HTTPException,
            DomainError,
            GatewayError,
            OperationalError,
            InterfaceError,
        ) as error:
            return self._refuse(error)

    def _refuse(self, error: Exception) -> Any:
        if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
            return error
        if isinstance(error, OperationalError | InterfaceError):
            # The frame itself would ask the database.
            log.error("database.unavailable", error=type(error).__name__)
            abort(503)
        if isinstance(error, GatewayError):
            log.warning("stripe.unavailable", stripe_code=error.code, stripe_status=error.status)
        words = refusal_words(error)
        return self.render(
            "refusal.html", status=words.status, heading=words.title, advice=words.advice
        )


class Assets:
    """Mixed into the one page that serves our files: a host may have left the buyers' pages out, which do too."""

    def create_blueprint(self, admin: Any) -> Blueprint:
        """Make the blueprint with our files below it."""
        page = cast("Any", self)
        page.static_folder, page.static_url_path = str(STATIC), "/assets"
        blueprint = cast("Blueprint", super().create_blueprint(admin))  # type: ignore[misc]
        blueprint.after_request(_keep_assets)
        return blueprint


def endpoint_of(page: str) -> str:
    """The endpoint of a page's blueprint."""
    return f"coinpurse_admin_{page}"


def link_to(page: str, view: str = "index", **values: Any) -> str:
    """The address of a page of the back office, wherever it is mounted."""
    return frame.address(f"{endpoint_of(page)}.{view}", **values)


def go_to(link: str, notice: Words | None = None) -> AnyResponse:
    """Lead on after a change, to a page that says what was done."""
    if notice is not None:
        session[NOTICE] = [str(notice.name), notice.tone, notice.icon]
    return redirect(link, 303)


def member_id() -> str:
    """The user id of the member of the staff who asks: the actor of what is done."""
    member = current_member()
    assert member is not None
    return member.user_id


def read_text(name: str = "reason") -> str:
    """A form's text, without the white space around it, and with ends of lines as they were counted in the browser."""
    return forms.field(name).replace("\r\n", "\n").strip()


def is_reason(text: str) -> bool:
    """Whether it says why, at a length that is kept."""
    return 0 < len(text) <= MAXIMUM_DESCRIPTION and "\x00" not in text


def address_values() -> Mapping[str, str]:
    """What stands after the `?`, the first of each name."""
    return request.args.to_dict()


def _take_notice() -> dict[str, str] | None:
    found = session.pop(NOTICE, None)
    if not isinstance(found, list) or len(found) != 3:
        return None
    words, tone, icon = found
    return {"words": words, "tone": tone, "icon": icon}


def _protect(response: Response) -> Response:
    """Let nobody frame or keep what is shown; a host may have no such rules of its own."""
    if request.endpoint is None or not request.endpoint.endswith(".static"):
        response.headers["Cache-Control"] = "no-store"
    return protect(response)


def _keep_assets(response: Response) -> Response:
    is_asset = request.endpoint is not None and request.endpoint.endswith(".static")
    if is_asset and "v" in request.args and response.status_code == 200:
        keep_for(response, ASSET_SECONDS, immutable=True)
    return response
