"""/v1/events, and the retry that the official CLI calls"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import MalformedRequest, missing_parameter
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import TIME_RANGE, Boolean, ListOf, Parameters, Text
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

MOST_TYPES = 20
DAY = 86_400
KEPT_DAYS = 30
# Both tables are searched by indexes alone (objects_newest, deliveries_open), however many events are
# delivered between two that are not.
UNDELIVERED = (
    "EXISTS (SELECT 1 FROM deliveries d WHERE d.event = objects.id AND d.status != 'succeeded')"
)
LIST = listing(
    {
        "created": TIME_RANGE,
        "delivery_success": Boolean(),
        "type": Text(),
        "types": ListOf(Text(), most=MOST_TYPES),
    }
)
RETRY = Parameters({"webhook_endpoint": Text(), "for_stripecli": Boolean(), "account": Text()})


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return an event."""
    return events.as_read(work, work.get("event", call.path["id"]))


def list_(work: UnitOfWork, call: Call) -> Json:
    """List the events of the last 30 days."""
    given = call.parameters
    if "type" in given and "types" in given:
        raise MalformedRequest("You may only specify one of these parameters: type, types.")
    clause = " AND created >= ?"
    values: list[object] = [work.timestamp - KEPT_DAYS * DAY]
    condition, names = _types(given)
    if condition:
        clause += f" AND ({condition})"
        values += names
    if "delivery_success" in given:
        clause += f" AND {'NOT ' if given['delivery_success'] else ''}{UNDELIVERED}"
    found = page(work, call, "event", clause=clause, clause_parameters=values)
    found["data"] = [events.as_read(work, event) for event in found["data"]]
    return found


def retry(work: UnitOfWork, call: Call) -> Json:
    """Deliver an event again, to one endpoint or to every connected `stripe listen`."""
    event = work.get("event", call.path["id"])
    given = call.parameters
    if "webhook_endpoint" in given:
        endpoint = work.get("webhook_endpoint", given["webhook_endpoint"], "webhook_endpoint")
        events.queue_again(work, event["id"], endpoint, "snapshot")
    elif given.get("for_stripecli"):
        for listener, features in events.active_listeners(work):
            for feature in features:
                events.queue_for_listener(work, event["id"], listener, feature)
    else:
        raise missing_parameter("webhook_endpoint")
    return events.as_read(work, event)


def _types(given: Json) -> tuple[str, list[object]]:
    """Return the SQL condition for type names, of which the last part may be `*`."""
    names = given.get("types", [given["type"]] if "type" in given else [])
    exact = [name for name in names if "*" not in name]
    starred = [name for name in names if "*" in name]
    conditions = [f'"type" IN ({",".join("?" * len(exact))})'] if exact else []
    conditions += ['"type" GLOB ?'] * len(starred)
    return " OR ".join(conditions), [*exact, *starred]


ROUTES = (
    Route("GET", "/v1/events", list_, LIST),
    Route("GET", "/v1/events/{id}", retrieve),
    Route("POST", "/v1/events/{id}/retry", retry, RETRY),
)
