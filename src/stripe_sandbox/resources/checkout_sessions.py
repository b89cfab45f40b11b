"""/v1/checkout/sessions"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.api.pagination import page, slice_page
from stripe_sandbox.api.parameters import (
    TIME_RANGE,
    Choice,
    Metadata,
    NotModelled,
    Parameters,
    Shape,
    Text,
)
from stripe_sandbox.flows import checkout
from stripe_sandbox.json_types import Json
from stripe_sandbox.resources import metadata
from stripe_sandbox.resources.checkout_session_creation import create
from stripe_sandbox.resources.checkout_session_parameters import CREATE
from stripe_sandbox.unit_of_work import UnitOfWork

LIST = listing(
    {
        "created": TIME_RANGE,
        "customer": Text(),
        "customer_account": Text(),
        "customer_details": Shape({"email": Text()}, ("email",)),
        "payment_intent": Text(),
        "payment_link": Text(),
        "status": Choice(("complete", "expired", "open")),
        "subscription": Text(),
    }
)
UPDATE = Parameters(
    {
        "collected_information": NotModelled("changes to a cart or its shipping"),
        "line_items": NotModelled("changes to a cart or its shipping"),
        "metadata": Metadata(),
        "shipping_options": NotModelled("changes to a cart or its shipping"),
    }
)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a session."""
    return work.get("checkout.session", call.path["session"], "session")


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a session's metadata."""
    stored = work.get("checkout.session", call.path["session"], "session")
    if "metadata" in call.parameters:
        stored["metadata"] = metadata.merged(stored["metadata"], call.parameters["metadata"])
    return work.save(stored)


def expire(work: UnitOfWork, call: Call) -> Json:
    """Expire an open session by call."""
    stored = work.get("checkout.session", call.path["session"], "session")
    if stored["status"] != "open":
        raise ApiError(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{stored['status']}`.",
            param="session",
        )
    return checkout.expire(work, stored)


def line_items(work: UnitOfWork, call: Call) -> Json:
    """List a session's line items, in the order of its cart."""
    stored = work.get("checkout.session", call.path["session"], "session")
    return slice_page(call, work.private(stored["id"])["line_items"], "item")


def list_(work: UnitOfWork, call: Call) -> Json:
    """List sessions."""
    given = call.parameters
    if given.get("subscription") or given.get("payment_link"):
        return page(work, call, "checkout.session", {"status": "none"})
    filters = {
        "customer": given.get("customer"),
        "email": given.get("customer_details", {}).get("email"),
        "payment_intent": given.get("payment_intent"),
        "status": given.get("status"),
    }
    return page(work, call, "checkout.session", filters)


ROUTES = (
    Route("POST", "/v1/checkout/sessions", create, CREATE),
    Route("GET", "/v1/checkout/sessions", list_, LIST),
    Route("GET", "/v1/checkout/sessions/{session}", retrieve),
    Route("POST", "/v1/checkout/sessions/{session}", update, UPDATE),
    Route("POST", "/v1/checkout/sessions/{session}/expire", expire),
    Route("GET", "/v1/checkout/sessions/{session}/line_items", line_items, listing()),
)
