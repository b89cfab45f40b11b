"""/v1/refunds"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    TIME_RANGE,
    Boolean,
    Choice,
    Integer,
    Metadata,
    NotModelled,
    Parameters,
    Text,
)
from stripe_sandbox.flows import refunds
from stripe_sandbox.json_types import Json
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork

CREATE = Parameters(
    {
        "amount": Integer(1),
        "charge": Text(),
        "currency": NotModelled("refunds of customer balances"),
        "customer": NotModelled("refunds of customer balances"),
        "instructions_email": Text(),
        "metadata": Metadata(),
        "origin": NotModelled("refunds of customer balances"),
        "payment_intent": Text(),
        "reason": Choice(("duplicate", "fraudulent", "requested_by_customer")),
        "refund_application_fee": Boolean(),
        "reverse_transfer": Boolean(),
    }
)
UPDATE = Parameters({"metadata": Metadata()})
LIST = listing({"charge": Text(), "created": TIME_RANGE, "payment_intent": Text()})


def create_for(work: UnitOfWork, given: Json) -> Json:
    """Refund what the checked parameters name."""
    given["metadata"] = metadata.created(given.get("metadata"))
    return refunds.create(work, _charge(work, given), given.get("amount"), given)


def create(work: UnitOfWork, call: Call) -> Json:
    """Refund a charge or a PaymentIntent, in whole or in part."""
    return create_for(work, call.parameters)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a refund."""
    return work.get("refund", call.path["refund"], "refund")


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a refund's metadata."""
    stored = work.get("refund", call.path["refund"], "refund")
    if "metadata" not in call.parameters:
        return stored
    new = metadata.merged(stored["metadata"], call.parameters["metadata"])
    changed = stored | {"metadata": new}
    work.save(changed)
    previous = events.changed(stored, changed)
    events.emit(work, "refund.updated", changed, previous)
    events.emit(work, "charge.refund.updated", changed, previous)
    return changed


def cancel(work: UnitOfWork, call: Call) -> Json:
    """Take back a refund that waits for the buyer."""
    return refunds.cancel(work, call.path["refund"])


def list_(work: UnitOfWork, call: Call) -> Json:
    """List refunds."""
    names = ("charge", "payment_intent")
    return page(work, call, "refund", {name: call.parameters.get(name) for name in names})


def _charge(work: UnitOfWork, given: Json) -> Json:
    if "charge" in given:
        charge = work.get("charge", given["charge"])
        if given.get("payment_intent", charge["payment_intent"]) != charge["payment_intent"]:
            raise MalformedRequest(
                "The charge and the payment_intent that you provided do not belong together.",
                param="payment_intent",
            )
        return charge
    if "payment_intent" not in given:
        raise MalformedRequest(
            "One of the following params should be provided for this request: payment_intent or "
            "charge."
        )
    intent = work.get("payment_intent", given["payment_intent"], "intent")
    if intent["latest_charge"] is None or intent["status"] not in {"succeeded", "requires_capture"}:
        raise ApiError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return work.get("charge", intent["latest_charge"])


ROUTES = (
    Route("POST", "/v1/refunds", create, CREATE),
    Route("GET", "/v1/refunds", list_, LIST),
    Route("GET", "/v1/refunds/{refund}", retrieve),
    Route("POST", "/v1/refunds/{refund}", update, UPDATE),
    Route("POST", "/v1/refunds/{refund}/cancel", cancel),
)
