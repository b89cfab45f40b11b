"""Products: the full shape."""

from __future__ import annotations

from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def create(work: UnitOfWork, given: Json) -> Json:
    """Store a new product from checked parameters; emits nothing."""
    body: Json = {
        "id": given.get("id") or new_id("prod_"),
        "object": "product",
        "active": given.get("active", True),
        "created": work.timestamp,
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images", []),
        "livemode": False,
        "marketing_features": given.get("marketing_features", []),
        "metadata": given.get("metadata") or {},
        "name": given["name"],
        "package_dimensions": None,
        "shippable": given.get("shippable"),
        "statement_descriptor": given.get("statement_descriptor"),
        "tax_code": given.get("tax_code"),
        "unit_label": given.get("unit_label"),
        "updated": work.timestamp,
        "url": given.get("url"),
    }
    return work.insert(body)
