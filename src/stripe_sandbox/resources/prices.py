"""/v1/prices"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import missing_parameter
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    TIME_RANGE,
    Accepted,
    Amount,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Metadata,
    NotModelled,
    Parameters,
    Rule,
    Shape,
    Text,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import price, product
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork

TAX_BEHAVIOR = Choice(("exclusive", "inclusive", "unspecified"))
PRODUCT_DATA = Shape(
    {
        "active": Boolean(),
        "description": Text(),
        "id": Text(),
        "images": ListOf(Text(), most=8),
        "metadata": Metadata(),
        "name": Text(),
        "statement_descriptor": Text(22),
        "tax_code": Text(),
        "unit_label": Text(),
    },
    ("name",),
)
RECURRING = Shape(
    {
        "interval": Choice(("day", "month", "week", "year")),
        "interval_count": Integer(1),
        "usage_type": Choice(("licensed", "metered")),
    },
    ("interval",),
)
CREATE_RULES: dict[str, Rule] = {
    "active": Boolean(),
    "billing_scheme": Choice(("per_unit",)),
    "currency": Text(),
    "currency_options": NotModelled("prices in several currencies"),
    "custom_unit_amount": NotModelled("pay-what-you-want prices"),
    "lookup_key": Text(200),
    "metadata": Metadata(),
    "nickname": Text(),
    "product": Text(),
    "product_data": PRODUCT_DATA,
    "recurring": RECURRING,
    "tax_behavior": TAX_BEHAVIOR,
    "tiers": NotModelled("tiered prices"),
    "tiers_mode": NotModelled("tiered prices"),
    "transfer_lookup_key": Boolean(),
    "transform_quantity": NotModelled("transformed quantities"),
    "unit_amount": Integer(),
    "unit_amount_decimal": Amount(),
}
CREATE = Parameters(CREATE_RULES, ("currency",))
UPDATE = Parameters(
    {
        "active": Boolean(),
        "currency_options": Accepted(),
        "lookup_key": Text(200, clearable=True),
        "metadata": Metadata(),
        "nickname": Text(clearable=True),
        "tax_behavior": TAX_BEHAVIOR,
        "transfer_lookup_key": Boolean(),
    }
)
LIST = listing(
    {
        "active": Boolean(),
        "created": TIME_RANGE,
        "currency": Text(),
        "lookup_keys": ListOf(Text(), most=10),
        "product": Text(),
        "recurring": Accepted(),
        "type": Choice(("one_time", "recurring")),
    }
)


def create(work: UnitOfWork, call: Call) -> Json:
    """Create a price, and its product where `product_data` is given."""
    given = call.parameters
    given["metadata"] = metadata.created(given.get("metadata"))
    if "product_data" in given:
        owner = product.create(work, given["product_data"])
        events.emit(work, "product.created", owner)
    elif "product" in given:
        owner = work.get("product", given["product"], "product")
    else:
        raise missing_parameter("product")
    created = price.create(work, given, owner["id"])
    events.emit(work, "price.created", created)
    return created


def update(work: UnitOfWork, call: Call) -> Json:
    """Change what may change of a price."""
    stored = work.get("price", call.path["price"])
    given = call.parameters
    if "metadata" in given:
        given["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    given.pop("currency_options", None)
    given.pop("transfer_lookup_key", None)
    changed = stored | given
    work.save(changed)
    events.emit(work, "price.updated", changed, events.changed(stored, changed))
    return changed


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a price."""
    return work.get("price", call.path["price"], "price")


def list_(work: UnitOfWork, call: Call) -> Json:
    """List prices."""
    given = call.parameters
    keys = given.get("lookup_keys", [])
    clause = f" AND lookup_key IN ({','.join('?' * len(keys))})" if keys else ""
    filters = {name: given.get(name) for name in ("active", "currency", "product", "type")}
    return page(work, call, "price", filters, clause=clause, clause_parameters=keys)


ROUTES = (
    Route("POST", "/v1/prices", create, CREATE),
    Route("GET", "/v1/prices", list_, LIST),
    Route("GET", "/v1/prices/{price}", retrieve),
    Route("POST", "/v1/prices/{price}", update, UPDATE),
)
