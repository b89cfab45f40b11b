"""/v1/customers"""

from __future__ import annotations

from collections.abc import Mapping

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import MalformedRequest
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    ADDRESS,
    SHIPPING,
    TIME_RANGE,
    Accepted,
    Choice,
    Integer,
    ListOf,
    Metadata,
    NotModelled,
    Parameters,
    Rule,
    Text,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import customer
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork

SHARED: Mapping[str, Rule] = {
    "address": ADDRESS,
    "balance": Integer(),
    "description": Text(clearable=True),
    "email": Text(512, clearable=True),
    "invoice_settings": Accepted(),
    "metadata": Metadata(),
    "name": Text(256, clearable=True),
    "phone": Text(20, clearable=True),
    "preferred_locales": ListOf(Text(), clearable=True),
    "shipping": SHIPPING,
    "source": NotModelled("sources"),
    "tax": Accepted(),
    "tax_exempt": Choice(("exempt", "none", "reverse"), clearable=True),
}
BILLING = NotModelled("billing, sources and cash balances")
SHARED_BILLING = dict.fromkeys(
    ("business_name", "cash_balance", "individual_name", "invoice_prefix", "next_invoice_sequence"),
    BILLING,
)
CREATE = Parameters(
    {
        **SHARED,
        **SHARED_BILLING,
        "payment_method": NotModelled("attaching at creation"),
        "tax_id_data": BILLING,
        "test_clock": BILLING,
    }
)
SOURCES = ("bank_account", "card", "default_alipay_account", "default_bank_account",
           "default_card", "default_source")  # fmt: skip
UPDATE = Parameters({**SHARED, **SHARED_BILLING, **dict.fromkeys(SOURCES, BILLING)})
LIST = listing({"created": TIME_RANGE, "email": Text(), "test_clock": Text()})
IGNORED = ("invoice_settings", "tax")


def create(work: UnitOfWork, call: Call) -> Json:
    """Create a customer."""
    given = call.parameters
    _check_email(given)
    given["metadata"] = metadata.created(given.get("metadata"))
    created = customer.create(work, given)
    events.emit(work, "customer.created", created)
    return created


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a customer."""
    stored = work.get("customer", call.path["customer"], "customer")
    given = {name: value for name, value in call.parameters.items() if name not in IGNORED}
    _check_email(given)
    if "metadata" in given:
        given["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    if "tax_exempt" in given:
        given["tax_exempt"] = given["tax_exempt"] or "none"
    changed = stored | given
    work.save(changed)
    events.emit(work, "customer.updated", changed, events.changed(stored, changed))
    return changed


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a customer; a deleted one as its stub."""
    identifier = call.path["customer"]
    deleted = work.store.find(identifier, "deleted_customer")
    if deleted is not None:
        return {"id": identifier, "object": "customer", "deleted": True}
    return work.get("customer", identifier, "customer")


def delete(work: UnitOfWork, call: Call) -> Json:
    """Delete a customer for good; its id still answers with a stub."""
    stored = work.get("customer", call.path["customer"], "customer")
    work.store.delete(stored["id"])
    work.store.insert({"id": stored["id"]}, "deleted_customer", work.timestamp)
    events.emit(work, "customer.deleted", stored)
    return {"id": stored["id"], "object": "customer", "deleted": True}


def list_(work: UnitOfWork, call: Call) -> Json:
    """List customers."""
    return page(work, call, "customer", {"email": call.parameters.get("email")})


def _check_email(given: Json) -> None:
    email = given.get("email")
    if email is not None and "@" not in email:
        raise MalformedRequest(
            f"Invalid email address: {email}", code="email_invalid", param="email"
        )


ROUTES = (
    Route("POST", "/v1/customers", create, CREATE),
    Route("GET", "/v1/customers", list_, LIST),
    Route("GET", "/v1/customers/{customer}", retrieve),
    Route("POST", "/v1/customers/{customer}", update, UPDATE),
    Route("DELETE", "/v1/customers/{customer}", delete),
)
