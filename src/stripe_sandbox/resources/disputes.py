"""/v1/disputes"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    TIME_RANGE,
    Accepted,
    Boolean,
    Metadata,
    Parameters,
    Shape,
    Text,
)
from stripe_sandbox.flows import disputes
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.dispute import EVIDENCE
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork

FIELDS = Shape(
    {**{name: Text(150_000, clearable=True) for name in EVIDENCE}, "enhanced_evidence": Accepted()}
)
UPDATE = Parameters({"evidence": FIELDS, "metadata": Metadata(), "submit": Boolean()})
LIST = listing({"charge": Text(), "created": TIME_RANGE, "payment_intent": Text()})


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a dispute."""
    return work.get("dispute", call.path["dispute"], "dispute")


def update(work: UnitOfWork, call: Call) -> Json:
    """Add evidence, submitted at once unless `submit` is false; or metadata."""
    stored = work.get("dispute", call.path["dispute"], "dispute")
    disputes.require_open(stored)
    before = work.get("dispute", stored["id"])
    given = call.parameters
    if "metadata" in given:
        stored["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    if "evidence" in given:
        evidence = {name: value for name, value in given["evidence"].items() if name in EVIDENCE}
        disputes.submit_evidence(work, stored, evidence, submit=given.get("submit", True))
    elif given.get("submit"):
        disputes.submit_evidence(work, stored, {}, submit=True)
    work.save(stored)
    events.emit(work, "charge.dispute.updated", stored, events.changed(before, stored))
    return stored


def close(work: UnitOfWork, call: Call) -> Json:
    """Give up."""
    return disputes.close(work, work.get("dispute", call.path["dispute"], "dispute"))


def list_(work: UnitOfWork, call: Call) -> Json:
    """List disputes."""
    names = ("charge", "payment_intent")
    return page(work, call, "dispute", {name: call.parameters.get(name) for name in names})


ROUTES = (
    Route("GET", "/v1/disputes", list_, LIST),
    Route("GET", "/v1/disputes/{dispute}", retrieve),
    Route("POST", "/v1/disputes/{dispute}", update, UPDATE),
    Route("POST", "/v1/disputes/{dispute}/close", close),
)
