"""/v1/payment_intents: create, update, confirm, capture, cancel"""

from __future__ import annotations

from collections.abc import Mapping

from stripe_sandbox import events
from stripe_sandbox.api.call import Call, Route, listing
from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.pagination import page
from stripe_sandbox.api.parameters import (
    SHIPPING,
    TIME_RANGE,
    Accepted,
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
from stripe_sandbox.api.versions import WITHOUT_PAYMENT_METHOD_TYPES
from stripe_sandbox.currencies import check_currency
from stripe_sandbox.flows import checkout_states, payments
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import payment_intent
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.resources import intent_refusals, metadata, payment_methods
from stripe_sandbox.unit_of_work import UnitOfWork

CONNECT = NotModelled("Connect")
# Taken by creation, update and confirmation alike.
SHARED: Mapping[str, Rule] = {
    "allowed_payment_method_types": ListOf(Text()),
    "amount_details": Accepted(),
    "capture_method": Choice(("automatic", "automatic_async", "manual")),
    "excluded_payment_method_types": ListOf(Text()),
    "hooks": Accepted(),
    "payment_details": Accepted(),
    "payment_method": Text(),
    "payment_method_data": payment_methods.DATA,
    "payment_method_options": Accepted(),
    "payment_method_types": ListOf(Text()),
    "receipt_email": Text(clearable=True),
    "setup_future_usage": Choice(("off_session", "on_session"), clearable=True),
    "shipping": SHIPPING,
}
# Facts of the intent: not taken by confirmation.
FACTS: Mapping[str, Rule] = {
    "amount": Integer(),
    "application_fee_amount": CONNECT,
    "currency": Text(),
    "customer": Text(),
    "customer_account": NotModelled("customer accounts"),
    "description": Text(1000, clearable=True),
    "metadata": Metadata(),
    "payment_method_configuration": Text(),
    "statement_descriptor": Text(22),
    "statement_descriptor_suffix": Text(22),
    "transfer_data": CONNECT,
    "transfer_group": Text(),
}
# How to pay: not taken by update.
PAYING: Mapping[str, Rule] = {
    "confirmation_token": NotModelled("confirmation tokens"),
    "error_on_requires_action": Boolean(),
    "mandate": Text(),
    "mandate_data": Accepted(),
    "off_session": Accepted(),
    "radar_options": Accepted(),
    "return_url": Text(),
    "use_stripe_sdk": Boolean(),
}
CREATE = Parameters(
    {
        **SHARED,
        **FACTS,
        **PAYING,
        "automatic_payment_methods": Shape(
            {"allow_redirects": Choice(("always", "never")), "enabled": Boolean()}, ("enabled",)
        ),
        "confirm": Boolean(),
        "confirmation_method": Choice(("automatic", "manual")),
        "on_behalf_of": CONNECT,
    },
    ("amount", "currency"),
)
UPDATE = Parameters({**SHARED, **FACTS})
CONFIRM = Parameters({**SHARED, **PAYING, "amount_to_confirm": Integer(), "client_secret": Text()})
CAPTURE = Parameters(
    {
        "amount_details": Accepted(),
        "amount_to_capture": Integer(),
        "application_fee_amount": CONNECT,
        "final_capture": Boolean(),
        "hooks": Accepted(),
        "metadata": Metadata(),
        "payment_details": Accepted(),
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_data": CONNECT,
    }
)
CANCEL = Parameters(
    {
        "cancellation_reason": Choice(
            ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
        )
    }
)
LIST = listing({"created": TIME_RANGE, "customer": Text(), "customer_account": Text()})
# Parameters that an update copies as they are.
COPIED = (
    "allowed_payment_method_types",
    "capture_method",
    "customer",
    "description",
    "excluded_payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def create(work: UnitOfWork, call: Call) -> Json:
    """Create a PaymentIntent and confirm it where asked."""
    given = call.parameters
    currency = check_currency(given["currency"])
    intent_refusals.check_amount(given["amount"], currency)
    types, automatic = _types(call)
    given["metadata"] = metadata.created(given.get("metadata"))
    if "customer" in given:
        work.get("customer", given["customer"], "customer")
    method = _method(work, given)
    confirm_now = given.get("confirm", False)
    if method is not None:
        given["payment_method"] = method["id"]
        intent_refusals.check_owner(method, given.get("customer"))
    intent = payment_intent.create(
        work,
        amount=given["amount"],
        currency=currency,
        types=types,
        automatic=automatic,
        given=given,
    )
    events.emit(work, "payment_intent.created", intent)
    if confirm_now:
        return _confirm(work, intent, method, given)
    if method is not None:
        intent["status"] = "requires_confirmation"
        work.save(intent)
    return intent


def update(work: UnitOfWork, call: Call) -> Json:
    """Change a PaymentIntent; most of it only before it is paid."""
    intent = work.get("payment_intent", call.path["intent"], "intent")
    given = call.parameters
    intent_refusals.check_update(intent, given)
    if "currency" in given:
        intent["currency"] = check_currency(given["currency"])
    if "amount" in given:
        intent_refusals.check_amount(given["amount"], intent["currency"])
        intent["amount"] = given["amount"]
    if "metadata" in given:
        intent["metadata"] = metadata.merged(intent["metadata"], given["metadata"])
    intent |= {name: given[name] for name in COPIED if name in given}
    method = _method(work, given)
    if method is not None:
        intent_refusals.check_owner(method, intent["customer"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return work.save(intent)


def confirm(work: UnitOfWork, call: Call) -> Json:
    """Try to pay."""
    intent = work.get("payment_intent", call.path["intent"], "intent")
    given = call.parameters
    intent_refusals.check_status(intent, "confirm")
    if checkout_states.of_intent(work, intent) is not None:
        raise ApiError("This PaymentIntent was created by Checkout; its page confirms it.")
    intent |= {name: given[name] for name in COPIED if name in given}
    method = _method(work, given)
    if method is None and intent["payment_method"] is not None:
        method = work.get("payment_method", intent["payment_method"])
    if method is not None:
        with intent_refusals.showing(intent):
            intent_refusals.check_owner(method, intent["customer"])
    return _confirm(work, intent, method, given)


def capture(work: UnitOfWork, call: Call) -> Json:
    """Take the authorised money, or a part of it, once."""
    intent = work.get("payment_intent", call.path["intent"], "intent")
    given = call.parameters
    intent_refusals.check_capture(intent, given.get("amount_to_capture"))
    if "metadata" in given:
        intent["metadata"] = metadata.merged(intent["metadata"], given["metadata"])
    amount = given.get("amount_to_capture")
    return payments.capture(work, intent, intent["amount_capturable"] if amount is None else amount)


def cancel(work: UnitOfWork, call: Call) -> Json:
    """Cancel a PaymentIntent that is not yet paid."""
    intent = work.get("payment_intent", call.path["intent"], "intent")
    intent_refusals.check_status(intent, "cancel")
    session = checkout_states.of_intent(work, intent)
    if session is not None and session["status"] == "open":
        raise ApiError(
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
            extra={"payment_intent": intent},
        )
    return payments.cancel(work, intent, call.parameters.get("cancellation_reason"))


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return a PaymentIntent."""
    return work.get("payment_intent", call.path["intent"], "intent")


def list_(work: UnitOfWork, call: Call) -> Json:
    """List PaymentIntents."""
    return page(work, call, "payment_intent", {"customer": call.parameters.get("customer")})


def _confirm(work: UnitOfWork, intent: Json, method: Json | None, given: Json) -> Json:
    if method is None:
        raise intent_refusals.no_method(intent)
    if method["type"] not in intent["payment_method_types"]:
        raise ApiError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            param="payment_method",
            extra={"payment_intent": intent},
        )
    off_session = given.get("off_session") not in {None, "false"}
    refuses_action = given.get("error_on_requires_action", False)
    return payments.confirm(
        work,
        intent,
        method,
        off_session=off_session or refuses_action,
        return_url=given.get("return_url"),
    )


def _method(work: UnitOfWork, given: Json) -> Json | None:
    if "payment_method_data" in given:
        return payment_methods.from_data(work, given["payment_method_data"], "payment_method_data")
    if "payment_method" in given:
        return payment_methods.resolve(work, given["payment_method"])
    return None


def _types(call: Call) -> tuple[list[str], Json | None]:
    given = call.parameters
    automatic = given.get("automatic_payment_methods", {})
    if "payment_method_types" in given:
        if call.version in WITHOUT_PAYMENT_METHOD_TYPES:
            raise MalformedRequest(
                "The `payment_method_types` parameter is no longer supported on PaymentIntents. "
                "Use dynamic payment methods instead.",
                code="payment_method_types_no_longer_supported",
                param="payment_method_types",
            )
        if automatic.get("enabled"):
            raise MalformedRequest(
                "You may only specify one of these parameters: automatic_payment_methods, "
                "payment_method_types."
            )
        unknown = [name for name in given["payment_method_types"] if name not in TYPES]
        if unknown:
            raise MalformedRequest(
                f'The payment method type "{unknown[0]}" is invalid.',
                param="payment_method_types",
            )
        return given["payment_method_types"], None
    types = ["card", "link"]
    if given["currency"].lower() == "eur":
        types.append("sepa_debit")
    redirects = automatic.get("allow_redirects", "always")
    return types, {"allow_redirects": redirects, "enabled": True}


ROUTES = (
    Route("POST", "/v1/payment_intents", create, CREATE),
    Route("GET", "/v1/payment_intents", list_, LIST),
    Route("GET", "/v1/payment_intents/{intent}", retrieve, Parameters({"client_secret": Text()})),
    Route("POST", "/v1/payment_intents/{intent}", update, UPDATE),
    Route("POST", "/v1/payment_intents/{intent}/confirm", confirm, CONFIRM),
    Route("POST", "/v1/payment_intents/{intent}/capture", capture, CAPTURE),
    Route("POST", "/v1/payment_intents/{intent}/cancel", cancel, CANCEL),
)
