"""The frame of every dashboard page: menu, clock, language, and the word after a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from flask import Response, current_app, render_template, request, url_for

from stripe_sandbox.pages.formats import format_time
from stripe_sandbox.pages.languages import Language, choose_language, translate
from stripe_sandbox.pages.listings import LISTINGS, tone_of

if TYPE_CHECKING:
    from stripe_sandbox.world import World

LANGUAGE_COOKIE = "sandbox_language"

# What a page says after a change, by the word in its address.
DONE: Mapping[str, str] = {
    "sent": "The event is on its way again.",
    "fault-on": "The fault is in force.",
    "fault-off": "The fault is out of force.",
    "faults-off": "All faults are out of force.",
    "seeded": "Chance starts anew from this seed.",
    "moved": "The clock has moved on.",
    "frozen": "The clock stands still.",
    "running": "The clock is running.",
    "reset": "The sandbox has forgotten everything.",
}


def show_page(template: str, section: str, **context: object) -> Response:
    """Render one page inside the frame that all share. section: what the menu marks."""
    language = reader_language()
    world = present_world()

    def words(message: str, **values: object) -> str:
        return translate(language, message, **values)

    def address(**changes: object) -> str:
        """The present address with some of its arguments changed."""
        arguments = {**request.args.to_dict(), **(request.view_args or {}), **changes}
        arguments.pop("done", None)
        view = request.endpoint if request.method == "GET" else "sandbox_dashboard.show_overview"
        return url_for(str(view), **arguments)

    html = render_template(
        f"sandbox_pages/{template}",
        _=words,
        language=language,
        languages=((Language.ENGLISH, "English"), (Language.CHINESE, "简体中文")),
        section=section,
        sections=[(listing.name, listing.title) for listing in LISTINGS],
        asset=lambda name: url_for("sandbox_checkout.static", filename=name),
        address=address,
        time_of=lambda seconds: format_time(seconds, language),
        tone_of=tone_of,
        now=format_time(world.now(), language),
        clock=world.clock,
        fault_count=len(world.faults.rules),
        done=DONE.get(request.args.get("done", "")),
        **context,
    )
    return Response(html, mimetype="text/html")


def reader_language() -> Language:
    """Return the language asked for now or before, else the browser's."""
    return choose_language(
        asked=request.args.get("locale") or request.cookies.get(LANGUAGE_COOKIE),
        session_locale=None,
        accepted=request.accept_languages,
    )


def present_world() -> World:
    """Return the world that this application serves."""
    return cast("World", current_app.extensions["stripe_sandbox"])
