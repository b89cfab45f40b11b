"""/v1/charges: read, update, refund by charge"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    SHIPPING,
    TIME_RANGE,
    Accepted,
    Choice,
    Metadata,
    Parameters,
    Shape,
    Text,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.resources import metadata, refunds
from stripe_sandbox.unit_of_work import UnitOfWork

# Never read: creation is refused.
CREATE_NAMES = (
    "amount", "application_fee", "application_fee_amount", "capture", "card", "currency",
    "customer", "description", "destination", "metadata", "on_behalf_of", "radar_options",
    "receipt_email", "shipping", "source", "statement_descriptor", "statement_descriptor_suffix",
    "transfer_data", "transfer_group",
)  # fmt: skip
CREATE = Parameters(dict.fromkeys(CREATE_NAMES, Accepted()))
UPDATE = Parameters(
    {
        "customer": Text(),
        "description": Text(clearable=True),
        "fraud_details": Shape(
            {"user_report": Choice(("fraudulent", "safe"), clearable=True)}, ("user_report",)
        ),
        "metadata": Metadata(),
        "receipt_email": Text(clearable=True),
        "shipping": SHIPPING,
        "transfer_group": Text(),
    }
)
LIST = listing(
    {
        "created": TIME_RANGE,
        "customer": Text(),
        "payment_intent": Text(),
        "transfer_group": Text(),
    }
)


def create(work: UnitOfWork, call: Call) -> Json:  # noqa: ARG001 - the handler's shape
    """Refuse: charges are made by PaymentIntents."""
    raise ApiError(
        "The sandbox does not create charges directly, as Stripe no longer does with card tokens. "
        "Create a PaymentIntent instead."
    )


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a charge."""
    return work.get("charge", call.path["charge"])


def update(work: UnitOfWork, call: Call) -> Json:
    """Change what may change of a charge."""
    stored = work.get("charge", call.path["charge"])
    given = call.parameters
    if "transfer_group" in given and stored["payment_intent"] is not None:
        raise ApiError(
            f"This Charge was created by a PaymentIntent ({stored['payment_intent']}). You must "
            "update the `transfer_group` on the PaymentIntent object directly."
        )
    if "metadata" in given:
        given["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    if "fraud_details" in given:
        report = given["fraud_details"]["user_report"]
        given["fraud_details"] = {"user_report": report} if report else {}
    return work.save(stored | given)


def capture(work: UnitOfWork, call: Call) -> Json:
    """Refuse: a charge of a PaymentIntent is captured through it."""
    stored = work.get("charge", call.path["charge"])
    if stored["captured"]:
        raise ApiError(
            f"Charge {stored['id']} has already been captured.", code="charge_already_captured"
        )
    raise ApiError(
        f"This Charge was created by a PaymentIntent ({stored['payment_intent']}). You must "
        "capture the PaymentIntent instead."
    )


def list_(work: UnitOfWork, call: Call) -> Json:
    """List charges."""
    names = ("customer", "payment_intent", "transfer_group")
    return page(work, call, "charge", {name: call.parameters.get(name) for name in names})


def refund(work: UnitOfWork, call: Call) -> Json:
    """Refund and answer the charge."""
    identifier = call.path["charge"]
    refunds.create_for(work, call.parameters | {"charge": identifier})
    return work.get("charge", identifier)


def create_refund(work: UnitOfWork, call: Call) -> Json:
    """Refund and answer the refund."""
    return refunds.create_for(work, call.parameters | {"charge": call.path["charge"]})


def list_refunds(work: UnitOfWork, call: Call) -> Json:
    """List the refunds of one charge."""
    stored = work.get("charge", call.path["charge"])
    return page(work, call, "refund", {"charge": stored["id"]})


def retrieve_refund(work: UnitOfWork, call: Call) -> Json:
    """Return a refund of this very charge."""
    stored = work.get("charge", call.path["charge"])
    found = work.get("refund", call.path["refund"], "refund")
    if found["charge"] != stored["id"]:
        raise ApiError(
            f"No such refund: '{found['id']}'", status=404, code="resource_missing", param="refund"
        )
    return found


def retrieve_dispute(work: UnitOfWork, call: Call) -> Json:
    """Return the newest dispute of a charge."""
    stored = work.get("charge", call.path["charge"])
    found = work.store.select("dispute", {"charge": stored["id"]}, limit=1)
    if not found:
        raise ApiError(f"No dispute for charge: {stored['id']}", status=404)
    return found[0]


ROUTES = (
    Route("POST", "/v1/charges", create, CREATE),
    Route("GET", "/v1/charges", list_, LIST),
    Route("GET", "/v1/charges/{charge}", retrieve),
    Route("POST", "/v1/charges/{charge}", update, UPDATE),
    Route("POST", "/v1/charges/{charge}/capture", capture, Parameters({"amount": Accepted()})),
    Route("POST", "/v1/charges/{charge}/refund", refund, refunds.CREATE),
    Route("POST", "/v1/charges/{charge}/refunds", create_refund, refunds.CREATE),
    Route("GET", "/v1/charges/{charge}/refunds", list_refunds, listing()),
    Route("GET", "/v1/charges/{charge}/refunds/{refund}", retrieve_refund),
    Route("GET", "/v1/charges/{charge}/dispute", retrieve_dispute),
)
