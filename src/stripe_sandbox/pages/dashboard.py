"""The dashboard: what happened in the sandbox, and the switches that make things go wrong.

Everything is a link or a plain form; filters stand in the address. After a change the browser is
sent back to a page that says what was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from flask import Blueprint, Response, redirect, request, url_for

from stripe_sandbox import dashboard_queries
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.faults import InvalidFault
from stripe_sandbox.pages import records
from stripe_sandbox.pages.dashboard_page import (
    LANGUAGE_COOKIE,
    present_world,
    reader_language,
    show_page,
)
from stripe_sandbox.pages.fault_switches import (
    API_SWITCHES,
    DELIVERY_SWITCHES,
    InvalidSwitchError,
    rule_from_form,
)
from stripe_sandbox.pages.listings import BY_NAME, LISTINGS
from stripe_sandbox.pages.security import (
    DASHBOARD_POLICY,
    add_page_headers,
    comes_from_our_page,
    is_local_host,
)

blueprint = Blueprint("sandbox_dashboard", __name__, template_folder="templates")

DELIVERY_STATUSES = ("pending", "succeeded", "failed", "lost", "abandoned")
CLOCK_STEPS_SECONDS: Mapping[str, int] = {
    "1 minute": 60,
    "1 hour": 3600,
    "1 day": 86_400,
    "7 days": 604_800,
}
LONGEST_STEP_SECONDS = 366 * 86_400


@blueprint.before_request
def refuse_foreign_forms() -> Response | None:
    """Answer 403 to a change that did not come from one of these pages."""
    if request.method != "POST" or (comes_from_our_page(request) and is_local_host(request)):
        return None
    message = (
        "This change was sent from another site, so nothing happened. "
        "Open the dashboard by its address on this machine and press the button there.\n"
    )
    return Response(message, status=403, mimetype="text/plain")


@blueprint.after_request
def add_headers(response: Response) -> Response:
    """Send the security headers, and keep a language that was asked for."""
    asked = request.args.get("locale")
    if asked:
        response.set_cookie(LANGUAGE_COOKIE, reader_language().value, samesite="Lax", httponly=True)
    return add_page_headers(response, DASHBOARD_POLICY)


@blueprint.get("/")
@blueprint.get("/dashboard/")
def show_overview() -> Response:
    """Show how much there is of everything, and what happened last."""
    world = present_world()
    latest = records.list_objects(world, "event", filters={})
    return show_page(
        "overview.html",
        "overview",
        counts=records.count_by_kind(world),
        listing=BY_NAME["events"],
        rows=latest.rows[:10],
        rules=world.faults.rules,
        has_endpoint=bool(records.list_objects(world, "webhook_endpoint", filters={}).rows),
        api_base=request.host_url.rstrip("/"),
    )


@blueprint.get("/dashboard/<name>")
def show_list(name: str) -> Response:
    """Show one list, filtered and paged by the address."""
    listing = BY_NAME.get(name)
    if listing is None:
        return _not_found()
    filters = {key: request.args[key] for key in listing.filters if request.args.get(key)}
    text = request.args.get("q", "").strip()
    page = records.list_objects(
        present_world(), listing.kind, filters=filters, text=text, page=_page_number()
    )
    return show_page(
        "list.html", name, listing=listing, page=page, rows=page.rows, chosen=filters, text=text
    )


@blueprint.get("/dashboard/deliveries")
def show_deliveries() -> Response:
    """Show deliveries with the answer that each had last."""
    status, text = request.args.get("status", ""), request.args.get("q", "").strip()
    page = records.list_deliveries(present_world(), status=status, text=text, page=_page_number())
    return show_page(
        "deliveries.html",
        "deliveries",
        page=page,
        statuses=DELIVERY_STATUSES,
        chosen={"status": status},
        text=text,
    )


@blueprint.get("/dashboard/objects/<identifier>")
def show_object(identifier: str) -> Response:
    """Show one object as the API has it, with the events about it or, for an event, its way."""
    world = present_world()
    body = dashboard_queries.find(world, identifier)
    if body is None:
        return _not_found()
    section = next((each.name for each in LISTINGS if each.kind == body["object"]), "")
    shared = {"body": body, "payload": json.dumps(body, indent=2, ensure_ascii=False)}
    if body["object"] == "event":
        deliveries = records.list_deliveries(world, event_id=identifier)
        endpoints = records.list_objects(world, "webhook_endpoint", filters={"status": "enabled"})
        return show_page(
            "event.html", section, deliveries=deliveries.rows, endpoints=endpoints.rows, **shared
        )
    return show_page(
        "object.html",
        section,
        listing=BY_NAME["events"],
        rows=records.events_about(world, identifier),
        secret=records.signing_secret(world, identifier) if section == "endpoints" else "",
        checkout=body.get("url") if section == "sessions" and body["status"] == "open" else None,
        **shared,
    )


@blueprint.post("/dashboard/events/<event_id>/send")
def send_again(event_id: str) -> Response:
    """Queue an event once more: to the chosen endpoint, or to all that have had it."""
    try:
        present_world().redeliver(event_id, request.form.get("endpoint") or None)
    except ApiError:
        return _not_found()
    return _done("show_object", "sent", identifier=event_id)


@blueprint.get("/dashboard/faults")
def show_faults() -> Response:
    """Show the faults in force and the switches."""
    return _faults_page()


@blueprint.post("/dashboard/faults")
def change_faults() -> Response:
    """Put one fault in force, take one or all out of force, or set the seed."""
    world, form = present_world(), request.form
    action = form.get("action", "")
    if action == "clear":
        identifier = form.get("rule", "")
        world.clear_faults(int(identifier) if identifier.isdecimal() else None)
        return _done("show_faults", "fault-off" if identifier else "faults-off")
    if action == "seed":
        if not form.get("seed", "").strip().isdecimal():
            return _faults_page("The seed is a whole number.")
        with world.unit():
            world.faults.seed(int(form["seed"]))
        return _done("show_faults", "seeded")
    try:
        world.set_fault(rule_from_form(form))
    except (InvalidFault, InvalidSwitchError) as error:
        return _faults_page(str(error))
    return _done("show_faults", "fault-on")


@blueprint.get("/dashboard/clock")
def show_clock() -> Response:
    """Show the sandbox's time and what moves it."""
    return _clock_page()


@blueprint.post("/dashboard/clock")
def change_clock() -> Response:
    """Move the clock on, freeze it, let it run, or forget everything."""
    world, action = present_world(), request.form.get("action", "")
    if action == "freeze":
        world.set_clock(world.clock.frozen())
        return _done("show_clock", "frozen")
    if action == "run":
        world.set_clock(world.clock.running())
        return _done("show_clock", "running")
    if action == "reset":
        world.reset()
        return _done("show_overview", "reset")
    seconds = request.form.get("seconds", "").strip()
    if not seconds.isdecimal() or not 0 < int(seconds) <= LONGEST_STEP_SECONDS:
        return _clock_page("Enter a whole number of seconds, at most a year.")
    world.set_clock(world.clock.advanced(int(seconds)))
    return _done("show_clock", "moved")


def _faults_page(error: str = "") -> Response:
    world = present_world()
    response = show_page(
        "faults.html",
        "faults",
        groups=(("Webhooks", DELIVERY_SWITCHES), ("API", API_SWITCHES)),
        rules=world.faults.rules,
        counts=world.fault_counts(),
        seed=world.faults.seeded_with,
        error=error,
        typed=request.form,
    )
    response.status_code = 422 if error else 200
    return response


def _clock_page(error: str = "") -> Response:
    world = present_world()
    response = show_page(
        "clock.html",
        "clock",
        frozen=world.clock.frozen_at is not None,
        steps=CLOCK_STEPS_SECONDS,
        counts=records.count_by_kind(world),
        error=error,
    )
    response.status_code = 422 if error else 200
    return response


def _not_found() -> Response:
    response = show_page("not_found.html", "")
    response.status_code = 404
    return response


def _done(view: str, what: str, identifier: str | None = None) -> Response:
    address = url_for(f"sandbox_dashboard.{view}", done=what, identifier=identifier)
    return cast("Response", redirect(address, code=303))


def _page_number() -> int:
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 6 else 1
