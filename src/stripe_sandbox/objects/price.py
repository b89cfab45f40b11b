"""Prices: the full shape, one-time and per unit."""

from __future__ import annotations

from decimal import Decimal

from stripe_sandbox.api.errors import MalformedRequest
from stripe_sandbox.currencies import check_currency
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def unit_amounts(given: Json, path: str = "") -> tuple[int | None, str]:
    """Return unit_amount (None for fractions) and unit_amount_decimal of a request."""
    prefix = f"{path}[{{}}]" if path else "{}"
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        raise MalformedRequest(
            f"You must specify either `unit_amount` or `unit_amount_decimal` in "
            f"`{path or 'price'}`, not both or neither.",
            code="parameter_missing" if "unit_amount" not in given else None,
            param=prefix.format("unit_amount"),
        )
    if "unit_amount" in given:
        amount: int = given["unit_amount"]
        if amount < 0:
            raise MalformedRequest(
                "Invalid non-negative integer", param=prefix.format("unit_amount")
            )
        return amount, str(amount)
    exact = Decimal(given["unit_amount_decimal"])
    if exact < 0:
        raise MalformedRequest(
            "Invalid non-negative decimal", param=prefix.format("unit_amount_decimal")
        )
    whole = int(exact) if exact == exact.to_integral_value() else None
    return whole, format(exact.normalize(), "f")


def create(work: UnitOfWork, given: Json, product: str, *, path: str = "") -> Json:
    """Store a new price of a product from checked parameters; emits nothing.

    path: where the parameters stand in the request, for refusals.
    """
    currency_param = f"{path}[currency]" if path else "currency"
    amount, exact = unit_amounts(given, path)
    body: Json = {
        "id": new_id("price_"),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "created": work.timestamp,
        "currency": check_currency(given["currency"], currency_param),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": given.get("lookup_key"),
        "metadata": given.get("metadata") or {},
        "nickname": given.get("nickname"),
        "product": product,
        "recurring": _recurring(given.get("recurring")),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if given.get("recurring") else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": exact,
    }
    return work.insert(body)


def _recurring(given: Json | None) -> Json | None:
    if given is None:
        return None
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": given.get("usage_type", "licensed"),
    }
