"""The lines of a checkout session's cart: stored prices, or prices made for this one sale."""

from __future__ import annotations

from decimal import Decimal

from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import checkout_session, price, product
from stripe_sandbox.resources import metadata
from stripe_sandbox.unit_of_work import UnitOfWork


def line_item(work: UnitOfWork, given: Json, number: int) -> Json:
    """Return one line from its checked parameters. Raises Stripe's refusals."""
    path = f"line_items[{number}]"
    if ("price" in given) == ("price_data" in given):
        raise MalformedRequest(
            f"You must specify either `price` or `price_data` in `{path}`.", param=f"{path}[price]"
        )
    quantity = given.get("quantity")
    if quantity is None:
        raise MalformedRequest(
            "Quantity is required. Add `quantity` to `" + path + "`",
            code="parameter_missing",
            param=f"{path}[quantity]",
        )
    if quantity < 1:
        raise MalformedRequest(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=f"{path}[quantity]",
        )
    if "price" in given:
        sold = work.get("price", given["price"], f"{path}[price]")
        _require_sellable(sold, path)
    else:
        sold = _price_from_data(work, given["price_data"], f"{path}[price_data]")
    name = work.get("product", sold["product"])["name"]
    unit = sold["unit_amount"]
    if unit is None:
        unit = round(Decimal(sold["unit_amount_decimal"]))
    extras = {"metadata": metadata.created(given.get("metadata"))}
    if "adjustable_quantity" in given:
        extras["adjustable_quantity"] = {
            "enabled": given["adjustable_quantity"]["enabled"],
            "maximum": given["adjustable_quantity"].get("maximum", 99),
            "minimum": given["adjustable_quantity"].get("minimum", 0),
        }
    return checkout_session.line_item(sold, name, quantity, unit, extras)


def _require_sellable(sold: Json, path: str) -> None:
    if not sold["active"]:
        raise ApiError(
            "The price specified is inactive. This field only accepts active prices.",
            code="price_inactive",
            param=f"{path}[price]",
            saved=False,
        )
    if sold["type"] != "one_time":
        raise ApiError(
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices.",
            param=f"{path}[price]",
            saved=False,
        )


def _price_from_data(work: UnitOfWork, given: Json, path: str) -> Json:
    if ("product" in given) == ("product_data" in given):
        raise MalformedRequest(
            f"You must specify either `product` or `product_data` in `{path}`.",
            code="parameter_missing" if "product" not in given else None,
            param=f"{path}[product]",
        )
    price.unit_amounts(given, path)
    if "product" in given:
        owner = work.get("product", given["product"], f"{path}[product]")
    else:
        # Products and prices made for one session are inactive from the start, and silent.
        data = given["product_data"] | {"active": False}
        data["metadata"] = metadata.created(data.get("metadata"))
        owner = product.create(work, data)
    return price.create(work, given | {"active": False}, owner["id"], path=path)
