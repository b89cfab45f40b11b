"""POST /v1/checkout/sessions: what a cart may hold and what its parameters mean."""

from __future__ import annotations

from urllib.parse import urlsplit

from stripe_sandbox.api.call import Call
from stripe_sandbox.api.errors import ApiError, MalformedRequest, missing_parameter, unsupported
from stripe_sandbox.api.versions import WITHOUT_PAYMENT_METHOD_TYPES
from stripe_sandbox.currencies import check_charge
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import checkout_session
from stripe_sandbox.payment_method_types import TYPES, fits, offered_by_default
from stripe_sandbox.resources import metadata
from stripe_sandbox.resources.cart_lines import line_item
from stripe_sandbox.unit_of_work import UnitOfWork

MINUTE = 60
SHORTEST, LONGEST = 30 * MINUTE, 24 * 60 * MINUTE
# Switches that may be sent as off.
MUST_BE_OFF = {
    "automatic_tax": "automatic tax",
    "invoice_creation": "invoices",
    "managed_payments": "managed payments",
    "phone_number_collection": "phone numbers",
    "tax_id_collection": "tax ids",
}


def create(work: UnitOfWork, call: Call) -> Json:
    """Open a session; the PaymentIntent comes only when the buyer confirms."""
    given = call.parameters
    _check_supported(call)
    _check_urls(given)
    types = _payment_method_types(call)
    expires_at = _expires_at(given, work.timestamp)
    details = _customer_details(work, given)
    given["metadata"] = metadata.created(given.get("metadata"))
    data = given.get("payment_intent_data", {})
    if "metadata" in data:
        data["metadata"] = metadata.created(data["metadata"])
    if not given.get("line_items"):
        raise missing_parameter("line_items")
    items = [line_item(work, item, number) for number, item in enumerate(given["line_items"])]
    currency = _currency(items, given.get("currency"))
    total = sum(item["amount_total"] for item in items)
    if total:
        _check_total(total, currency)
    session = checkout_session.create(
        work,
        given,
        line_items=items,
        currency=currency,
        types=_offered(work, given, types, currency),
        automatic=types is None,
        expires_at=expires_at,
        customer_details=details,
    )
    work.schedule(expires_at - work.now, "expire_session", session["id"])
    return session


def _check_supported(call: Call) -> None:
    given = call.parameters
    if "payment_method_types" in given and call.version in WITHOUT_PAYMENT_METHOD_TYPES:
        raise MalformedRequest(
            "The `payment_method_types` parameter is no longer supported on Checkout Sessions. "
            "Remove it to use dynamic payment methods, or narrow them with "
            "`allowed_payment_method_types` or `excluded_payment_method_types`.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )
    if "mode" not in given:
        raise missing_parameter("mode")
    if given["mode"] != "payment":
        raise unsupported("mode", f"{given['mode']} mode")
    for name, feature in MUST_BE_OFF.items():
        if given.get(name, {}).get("enabled"):
            raise unsupported(f"{name}[enabled]", feature)
    if "customer" in given and "customer_email" in given:
        raise MalformedRequest(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer_email",
        )


def _check_urls(given: Json) -> None:
    hosted = given.get("ui_mode", "hosted_page") == "hosted_page"
    if hosted and "success_url" not in given:
        raise missing_parameter("success_url")
    if not hosted:
        for name in ("success_url", "cancel_url"):
            if name in given:
                raise MalformedRequest(
                    f"`{name}` cannot be used with ui_mode {given['ui_mode']}; use `return_url`.",
                    param=name,
                )
    for name in ("success_url", "cancel_url", "return_url"):
        url = given.get(name)
        if url is None:
            continue
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise MalformedRequest("Not a valid URL", code="url_invalid", param=name)


def _payment_method_types(call: Call) -> list[str] | None:
    """Return the explicitly wanted types, or None for dynamic ones."""
    types: list[str] | None = call.parameters.get("payment_method_types")
    for number, name in enumerate(types or []):
        if name not in TYPES:
            raise unsupported(f"payment_method_types[{number}]", f"the payment method {name}")
    return types or None


def _offered(work: UnitOfWork, given: Json, types: list[str] | None, currency: str) -> list[str]:
    if types is not None:
        for name in types:
            if not fits(name, currency):
                raise ApiError(
                    f"The payment method type provided: {name} is invalid. It does not support "
                    f"the currency {currency}.",
                    param="payment_method_types",
                    saved=False,
                )
        return types
    offered = offered_by_default(currency, work.switched_methods())
    if "allowed_payment_method_types" in given:
        allowed = given["allowed_payment_method_types"]
        offered = [name for name in offered if name in allowed]
    excluded = given.get("excluded_payment_method_types", [])
    offered = [name for name in offered if name not in excluded]
    if not offered:
        raise ApiError(
            "No valid payment method types for this Checkout Session. Please ensure that you have "
            "activated payment methods compatible with your chosen currency.",
            saved=False,
        )
    return offered


def _expires_at(given: Json, now: int) -> int:
    expires_at: int = given.get("expires_at", now + LONGEST)
    if expires_at < now + SHORTEST:
        raise MalformedRequest(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session "
            "creation.",
            param="expires_at",
        )
    if expires_at > now + LONGEST:
        raise MalformedRequest(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return expires_at


def _customer_details(work: UnitOfWork, given: Json) -> Json | None:
    email = given.get("customer_email")
    if "customer" in given:
        email = work.get("customer", given["customer"], "customer")["email"]
    if email is None:
        return None
    if "@" not in email:
        raise MalformedRequest(
            f"Invalid email address: {email}", code="email_invalid", param="customer_email"
        )
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def _currency(items: list[Json], wanted: str | None) -> str:
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise ApiError(
            "All prices on a Checkout Session must have the same currency.",
            param="line_items",
            saved=False,
        )
    currency: str = currencies.pop()
    if wanted is not None and wanted.lower() != currency:
        raise ApiError(
            f"The price specified only supports `{currency}`. This doesn't match the expected "
            f"currency: `{wanted.lower()}`.",
            param="currency",
            saved=False,
        )
    return currency


def _check_total(total: int, currency: str) -> None:
    try:
        check_charge(total, currency, "line_items")
    except ApiError as refusal:
        if refusal.code == "amount_too_small":
            words = refusal.message.removeprefix("Amount must be at least ")
            refusal.message = (
                "The Checkout Session's total amount due must add up to at least " + words
            )
        raise
