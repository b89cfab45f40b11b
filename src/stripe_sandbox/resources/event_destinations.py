"""/v2/core: event destinations and thin events"""

from __future__ import annotations

from datetime import UTC, datetime

from stripe_sandbox import events, signatures
from stripe_sandbox.api.call import Call, Route
from stripe_sandbox.api.errors import ApiError, MalformedRequest, missing_parameter
from stripe_sandbox.config import DEFAULT_API_VERSION
from stripe_sandbox.deliveries import is_deliverable
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

KIND = "v2.core.event_destination"
INCLUDABLE = ("webhook_endpoint.signing_secret", "webhook_endpoint.url")
REQUIRED = ("enabled_events", "event_payload", "name", "type")
KNOWN = (*REQUIRED, "description", "events_from", "include", "metadata", "snapshot_api_version",
         "webhook_endpoint", "amazon_eventbridge", "azure_event_grid")  # fmt: skip


def create(work: UnitOfWork, call: Call) -> Json:
    """Register a destination for thin or snapshot events."""
    given = call.parameters
    for name in given:
        if name not in KNOWN:
            raise MalformedRequest(
                f"Received unknown parameter: {name}", code="parameter_unknown", param=name
            )
    for name in REQUIRED:
        if name not in given:
            raise missing_parameter(name)
    url = (given.get("webhook_endpoint") or {}).get("url")
    if given["type"] != "webhook_endpoint" or not isinstance(url, str) or not is_deliverable(url):
        raise MalformedRequest(
            "The sandbox delivers to webhook endpoints: type must be webhook_endpoint, with a "
            "webhook_endpoint.url.",
            param="type",
        )
    if given["event_payload"] not in {"snapshot", "thin"}:
        raise MalformedRequest("Invalid event_payload: must be snapshot or thin")
    moment = _moment(work)
    body: Json = {
        "id": new_id("ed_test_"),
        "object": KIND,
        "created": moment,
        "description": given.get("description") or "",
        "enabled_events": list(given["enabled_events"]),
        "event_payload": given["event_payload"],
        "events_from": given.get("events_from") or ["self"],
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "name": given["name"],
        "snapshot_api_version": (
            given.get("snapshot_api_version") or DEFAULT_API_VERSION
            if given["event_payload"] == "snapshot"
            else None
        ),
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": moment,
        "webhook_endpoint": {"url": url},
    }
    secret = signatures.new_secret()
    work.store.insert(body, KIND, work.timestamp, {"secret": secret})
    return _shown(body, given.get("include") or [], secret)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a destination; its URL and secret only where included."""
    stored = work.get(KIND, call.path["id"])
    include = call.parameters.get("include") or {}
    wanted = list(include.values()) if isinstance(include, dict) else include
    return _shown(stored, wanted, work.private(stored["id"])["secret"])


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a destination's name, events or URL."""
    stored = work.get(KIND, call.path["id"])
    given = call.parameters
    changes: Json = {
        name: given[name]
        for name in ("description", "enabled_events", "metadata", "name")
        if name in given
    }
    if "webhook_endpoint" in given:
        changes["webhook_endpoint"] = {"url": given["webhook_endpoint"]["url"]}
    work.save(stored | changes | {"updated": _moment(work)})
    return _shown(stored | changes, given.get("include") or [], "")


def enable(work: UnitOfWork, call: Call) -> Json:
    """Switch a destination on."""
    return _shown(work.save(work.get(KIND, call.path["id"]) | {"status": "enabled"}), [], "")


def disable(work: UnitOfWork, call: Call) -> Json:
    """Switch a destination off."""
    return _shown(work.save(work.get(KIND, call.path["id"]) | {"status": "disabled"}), [], "")


def delete(work: UnitOfWork, call: Call) -> Json:
    """Remove a destination."""
    stored = work.get(KIND, call.path["id"])
    work.store.delete(stored["id"])
    return {"id": stored["id"], "object": KIND, "deleted": True}


def list_(work: UnitOfWork, call: Call) -> Json:  # noqa: ARG001 - the handler's shape
    """List all destinations on one page."""
    found = work.store.select(KIND, {}, limit=100)
    return _page([_shown(stored, [], "") for stored in found])


def retrieve_event(work: UnitOfWork, call: Call) -> Json:
    """Return the thin form of an event."""
    return events.thin_event(work.get("event", call.path["id"]))


def list_events(work: UnitOfWork, call: Call) -> Json:
    """List thin events, all or of one object."""
    subject = call.parameters.get("object_id")
    filters: Json = {"subject": subject} if subject else {}
    found = work.store.select("event", filters, limit=int(call.parameters.get("limit") or 20))
    return _page([events.thin_event(event) for event in found])


def ping(work: UnitOfWork, call: Call) -> Json:
    """Send a test event to a destination."""
    stored = work.get(KIND, call.path["id"])
    if stored["status"] != "enabled":
        raise ApiError("The event destination is disabled.")
    known = work.store.select("event", {}, limit=1)
    if not known:
        raise ApiError("The sandbox has no event to send yet.")
    events.queue_again(work, known[0]["id"], stored, stored["event_payload"])
    return events.thin_event(known[0])


def _shown(body: Json, include: list[str], secret: str) -> Json:
    endpoint: Json = {}
    if "webhook_endpoint.url" in include:
        endpoint["url"] = body["webhook_endpoint"]["url"]
    if "webhook_endpoint.signing_secret" in include and secret:
        endpoint["signing_secret"] = secret
    return body | {"webhook_endpoint": endpoint}


def _page(data: list[Json]) -> Json:
    return {"data": data, "next_page_url": None, "previous_page_url": None}


def _moment(work: UnitOfWork) -> str:
    return datetime.fromtimestamp(work.timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


PATH = "/v2/core/event_destinations"
ROUTES = (
    Route("POST", PATH, create, body="json"),
    Route("GET", PATH, list_, body="json"),
    Route("GET", PATH + "/{id}", retrieve, body="json"),
    Route("POST", PATH + "/{id}", update, body="json"),
    Route("DELETE", PATH + "/{id}", delete, body="json"),
    Route("POST", PATH + "/{id}/enable", enable, body="json"),
    Route("POST", PATH + "/{id}/disable", disable, body="json"),
    Route("POST", PATH + "/{id}/ping", ping, body="json"),
    Route("GET", "/v2/core/events", list_events, body="json"),
    Route("GET", "/v2/core/events/{id}", retrieve_event, body="json"),
)
