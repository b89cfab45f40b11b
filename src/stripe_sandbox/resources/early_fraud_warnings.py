"""/v1/radar/early_fraud_warnings"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import TIME_RANGE, Text
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork

KIND = "radar.early_fraud_warning"
LIST = listing({"charge": Text(), "created": TIME_RANGE, "payment_intent": Text()})


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a warning."""
    return work.get(KIND, call.path["early_fraud_warning"], "early_fraud_warning")


def list_(work: UnitOfWork, call: Call) -> Json:
    """List warnings."""
    names = ("charge", "payment_intent")
    return page(work, call, KIND, {name: call.parameters.get(name) for name in names})


ROUTES = (
    Route("GET", "/v1/radar/early_fraud_warnings", list_, LIST),
    Route("GET", "/v1/radar/early_fraud_warnings/{early_fraud_warning}", retrieve),
)
