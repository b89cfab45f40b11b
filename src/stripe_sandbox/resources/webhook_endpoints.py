"""/v1/webhook_endpoints"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    Boolean,
    ListOf,
    Metadata,
    NotModelled,
    Parameters,
    Rule,
    Text,
)
from stripe_sandbox.api.versions import VERSIONS
from stripe_sandbox.deliveries import is_deliverable
from stripe_sandbox.event_types import EVENT_TYPES
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import webhook_endpoint
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork

MOST_ENDPOINTS = 16
SHARED: dict[str, Rule] = {
    "description": Text(clearable=True),
    "enabled_events": ListOf(Text(), most=500),
    "metadata": Metadata(),
    "url": Text(),
}
CREATE = Parameters(
    {**SHARED, "api_version": Text(), "connect": NotModelled("Connect")},
    ("enabled_events", "url"),
)
UPDATE = Parameters({**SHARED, "disabled": Boolean()})


def create(work: UnitOfWork, call: Call) -> Json:
    """Register an endpoint; only this answer carries its secret."""
    given = call.parameters
    _check(given)
    version = given.get("api_version")
    if version is not None and version not in VERSIONS:
        raise MalformedRequest(f"Invalid API version: {version}", param="api_version")
    if len(work.store.select("webhook_endpoint", {}, limit=MOST_ENDPOINTS)) == MOST_ENDPOINTS:
        raise ApiError(f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
    given["metadata"] = metadata.created(given.get("metadata"))
    endpoint, secret = webhook_endpoint.create(work, given)
    return endpoint | {"secret": secret}


def update(work: UnitOfWork, call: Call) -> Json:
    """Change an endpoint, or switch it on and off."""
    stored = work.get("webhook_endpoint", call.path["webhook_endpoint"], "webhook_endpoint")
    given = call.parameters
    _check(given)
    if "metadata" in given:
        given["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    if "disabled" in given:
        given["status"] = "disabled" if given.pop("disabled") else "enabled"
    return work.save(stored | given)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return an endpoint, without its secret."""
    return work.get("webhook_endpoint", call.path["webhook_endpoint"], "webhook_endpoint")


def delete(work: UnitOfWork, call: Call) -> Json:
    """Remove an endpoint; what was on its way to it is dropped."""
    stored = work.get("webhook_endpoint", call.path["webhook_endpoint"], "webhook_endpoint")
    work.store.delete(stored["id"])
    return {"id": stored["id"], "object": "webhook_endpoint", "deleted": True}


def list_(work: UnitOfWork, call: Call) -> Json:
    """List endpoints."""
    return page(work, call, "webhook_endpoint")


def _check(given: Json) -> None:
    if "url" in given and not is_deliverable(given["url"]):
        raise MalformedRequest(
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            code="url_invalid",
            param="url",
        )
    for number, name in enumerate(given.get("enabled_events", ())):
        if name != "*" and name not in EVENT_TYPES:
            raise MalformedRequest(
                f"Invalid enabled_events[{number}]: {name} is no event type that the sandbox sends.",
                param=f"enabled_events[{number}]",
            )


ROUTES = (
    Route("POST", "/v1/webhook_endpoints", create, CREATE),
    Route("GET", "/v1/webhook_endpoints", list_, listing()),
    Route("GET", "/v1/webhook_endpoints/{webhook_endpoint}", retrieve),
    Route("POST", "/v1/webhook_endpoints/{webhook_endpoint}", update, UPDATE),
    Route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", delete),
)
