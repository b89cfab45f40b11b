"""What may not be done to a PaymentIntent, in Stripe's recorded words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.currencies import check_charge, display
from stripe_sandbox.json_types import Json

UNEXPECTED = "payment_intent_unexpected_state"
ALLOWED = {
    "confirm": ("requires_payment_method", "requires_confirmation", "requires_action"),
    "cancel": (
        "requires_payment_method",
        "requires_capture",
        "requires_reauthorization",
        "requires_confirmation",
        "requires_action",
        "expired",
        "processing",
    ),
}
VERBS = {"confirm": "confirmed", "cancel": "canceled"}
SETTLED = ("succeeded", "canceled", "processing", "requires_capture")
FIXED_ONCE_SETTLED = ("amount", "currency", "customer", "payment_method", "payment_method_data")


@contextmanager
def showing(intent: Json) -> Iterator[None]:
    """Add the whole intent to any refusal inside, as Stripe does."""
    try:
        yield
    except ApiError as error:
        error.extra.setdefault("payment_intent", intent)
        raise


def check_status(intent: Json, action: str) -> None:
    """Refuse to confirm or cancel in a status that does not allow it."""
    allowed = ALLOWED[action]
    if intent["status"] in allowed:
        return
    raise ApiError(
        f"You cannot {action} this PaymentIntent because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be {VERBS[action]}: "
        f"{', '.join(allowed)}.",
        code=UNEXPECTED,
        extra={"payment_intent": intent},
    )


def check_amount(amount: int, currency: str) -> None:
    """Refuse amounts that no charge may have."""
    if amount < 0:
        raise MalformedRequest("Invalid non-negative integer", param="amount")
    if amount == 0:
        raise MalformedRequest(
            "The amount must be greater than or equal to the minimum charge amount allowed for "
            "your account and the currency set "
            "(https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).  If you want "
            "to save a Payment Method for future use without an immediate payment, use a Setup "
            "Intent instead: https://docs.stripe.com/payments/setup-intents",
            code="parameter_invalid_integer",
            param="amount",
        )
    check_charge(amount, currency)


def check_owner(method: Json, customer: str | None) -> None:
    """Refuse another customer's method."""
    owner = method["customer"]
    if owner is None or owner == customer:
        return
    if customer is None:
        raise ApiError(
            f"The `payment_method` parameter supplied {method['id']} belongs to the Customer "
            f"{owner}. Please include the Customer in the `customer` parameter on the "
            "PaymentIntent.",
            code="parameter_missing",
            param="source",
        )
    raise ApiError(
        f"The PaymentMethod {method['id']} does not belong to the Customer you supplied "
        f"{customer}. Please use this PaymentMethod with the Customer that it belongs to instead.",
        param="payment_method",
    )


def no_method(intent: Json) -> ApiError:
    """Return the refusal of a confirmation without any method."""
    message = (
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
        "either update the PaymentIntent with a payment method and then confirm it again, or "
        "confirm it again directly with a payment method or ConfirmationToken."
    )
    if intent["customer"] is not None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. To "
            f"confirm the PaymentIntent with {intent['customer']}, specify a payment method "
            "attached to this customer along with the customer ID."
        )
    return ApiError(message, code=UNEXPECTED, extra={"payment_intent": intent})


def check_update(intent: Json, given: Json) -> None:
    """Refuse to change what a paid or cancelled intent has fixed."""
    if intent["status"] not in SETTLED:
        return
    for name in FIXED_ONCE_SETTLED:
        if name in given:
            raise ApiError(
                f"This PaymentIntent's {name} could not be updated because it has a status of "
                f"{intent['status']}. You may only update the {name} of a PaymentIntent with one "
                "of the following statuses: requires_payment_method, requires_confirmation, "
                "requires_action.",
                code=UNEXPECTED,
                param=name,
                extra={"payment_intent": intent},
            )


def check_capture(intent: Json, amount: int | None) -> None:
    """Refuse captures of nothing, of too much, or a second time."""
    with showing(intent):
        if amount is not None and amount < 0:
            raise MalformedRequest("Invalid non-negative integer", param="amount_to_capture")
        if amount == 0:
            raise MalformedRequest(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param="amount",
            )
        if intent["status"] == "succeeded" and 0 < intent["amount_received"] < intent["amount"]:
            raise ApiError(
                "The remaining amount on this PaymentIntent could not be captured because the "
                "remainder of the authorized amount has been released.",
                code=UNEXPECTED,
            )
        if intent["status"] != "requires_capture":
            raise ApiError(
                "This PaymentIntent could not be captured because it has a status of "
                f"{intent['status']}. Only a PaymentIntent with one of the following statuses may "
                "be captured: requires_capture.",
                code=UNEXPECTED,
            )
        if amount is not None and amount > intent["amount_capturable"]:
            raise ApiError(
                "The payment could not be captured because the requested capture amount is greater "
                "than the amount you can capture for this charge. The sandbox holds "
                f"{display(intent['amount_capturable'], intent['currency'])}.",
                code="amount_too_large",
            )
