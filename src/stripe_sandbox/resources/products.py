"""/v1/products"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    TIME_RANGE,
    Accepted,
    Boolean,
    ListOf,
    Metadata,
    Parameters,
    Rule,
    Shape,
    Text,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import price, product
from stripe_sandbox.resources import metadata
from stripe_sandbox.resources.prices import CREATE_RULES as PRICE_RULES
from stripe_sandbox.unit_of_work import UnitOfWork

SHARED: dict[str, Rule] = {
    "active": Boolean(),
    "description": Text(clearable=True),
    "images": ListOf(Text(), most=8, clearable=True),
    "marketing_features": ListOf(Shape({"name": Text()}, ("name",)), clearable=True),
    "metadata": Metadata(),
    "name": Text(),
    "package_dimensions": Accepted(),
    "shippable": Boolean(),
    "statement_descriptor": Text(22, clearable=True),
    "tax_code": Text(clearable=True),
    "unit_label": Text(clearable=True),
    "url": Text(clearable=True),
}
DEFAULT_PRICE = Shape(
    {name: rule for name, rule in PRICE_RULES.items() if name not in {"product", "product_data"}},
    ("currency",),
)
CREATE = Parameters({**SHARED, "id": Text(), "default_price_data": DEFAULT_PRICE}, ("name",))
UPDATE = Parameters({**SHARED, "default_price": Text(clearable=True)})
LIST = listing(
    {
        "active": Boolean(),
        "created": TIME_RANGE,
        "ids": ListOf(Text()),
        "shippable": Boolean(),
        "url": Text(),
    }
)


def create(work: UnitOfWork, call: Call) -> Json:
    """Create a product, and its default price where asked."""
    given = call.parameters
    given["metadata"] = metadata.created(given.get("metadata"))
    if "id" in given and work.store.find(given["id"]) is not None:
        raise ApiError("Product already exists.", code="resource_already_exists", param="id")
    created = product.create(work, given)
    events.emit(work, "product.created", created)
    if "default_price_data" in given:
        default = price.create(
            work, given["default_price_data"], created["id"], path="default_price_data"
        )
        events.emit(work, "price.created", default)
        created["default_price"] = default["id"]
        work.save(created)
    return created


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a product."""
    stored = work.get("product", call.path["id"])
    given = call.parameters
    if given.get("default_price") is not None:
        work.get("price", given["default_price"], "default_price")
    if "metadata" in given:
        given["metadata"] = metadata.merged(stored["metadata"], given["metadata"])
    given.pop("package_dimensions", None)
    changed = stored | given | {"updated": work.timestamp}
    work.save(changed)
    events.emit(work, "product.updated", changed, events.changed(stored, changed))
    return changed


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a product."""
    return work.get("product", call.path["id"])


def delete(work: UnitOfWork, call: Call) -> Json:
    """Delete a product that has no prices."""
    stored = work.get("product", call.path["id"])
    if work.store.select("price", {"product": stored["id"]}, limit=1):
        raise ApiError(
            "This product cannot be deleted because it has one or more user-created prices."
        )
    work.store.delete(stored["id"])
    events.emit(work, "product.deleted", stored | {"active": False})
    return {"id": stored["id"], "object": "product", "deleted": True}


def list_(work: UnitOfWork, call: Call) -> Json:
    """List products."""
    given = call.parameters
    ids = given.get("ids", [])
    clause = f" AND id IN ({','.join('?' * len(ids))})" if ids else ""
    filters = {"active": given.get("active"), "url": given.get("url")}
    return page(work, call, "product", filters, clause=clause, clause_parameters=ids)


ROUTES = (
    Route("POST", "/v1/products", create, CREATE),
    Route("GET", "/v1/products", list_, LIST),
    Route("GET", "/v1/products/{id}", retrieve),
    Route("POST", "/v1/products/{id}", update, UPDATE),
    Route("DELETE", "/v1/products/{id}", delete),
)
