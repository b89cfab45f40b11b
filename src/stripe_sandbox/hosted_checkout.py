"""What the hosted payment page may ask and do; the page itself holds no rules.

The page is a Flask blueprint in `stripe_sandbox.pages`. It takes the world with
`current_app.extensions["stripe_sandbox"]` and then:

    session = hosted_checkout.find(world, session_id)            # None: no such session
    result = hosted_checkout.pay(world, session_id, PaymentDetails(method="card", ...))
    match result:
        case Paid() | Processing(): world.wait_for_delivery(session_id, timeout=10)
                                    then redirect to result.success_url
        case Challenge():           show the bank's page, then
                                    hosted_checkout.resolve_challenge(world, session_id,
                                                                      result.id, passed=True)
        case Declined():            show result.message above the form; the session stays open
        case Refused():             show result.message at the field result.field; nothing happened

`world.wait_for_delivery(session_id, timeout)` returns when every registered
endpoint has had its first attempt of `checkout.session.completed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stripe_sandbox.world import World


@dataclass(frozen=True, slots=True)
class HostedLineItem:
    """One line of the order summary; `amount_minor` is the line's total."""

    name: str
    description: str | None
    image: str | None
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class HostedSession:
    """A checkout session as the buyer sees it.

    success_url has {CHECKOUT_SESSION_ID} replaced. status is open, complete or
    expired; payment_method_types are those offered, card first.
    """

    id: str
    status: str
    payment_status: str
    url: str | None
    merchant_name: str
    line_items: tuple[HostedLineItem, ...]
    amount_minor: int
    currency: str
    locale: str
    customer_email: str | None
    success_url: str | None
    cancel_url: str | None
    expires_at: int
    payment_method_types: tuple[str, ...]
    last_error: str | None
    submit_type: str = "pay"


@dataclass(frozen=True, slots=True)
class PaymentDetails:
    """What the buyer typed, untouched; only the fields of `method` are read.

    card_expiry: "MM / YY", "MM/YYYY" or "MMYY".
    """

    method: str
    email: str = ""
    name: str = ""
    card_number: str = ""
    card_expiry: str = ""
    card_cvc: str = ""
    iban: str = ""
    country: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Paid:
    """The money is there; the session is complete and paid."""

    session_id: str
    success_url: str


@dataclass(frozen=True, slots=True)
class Processing:
    """A delayed method was accepted; the session is complete and unpaid."""

    session_id: str
    success_url: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """The bank asks the buyer; answer with `resolve_challenge`."""

    id: str
    session_id: str
    amount_minor: int
    currency: str
    merchant_name: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The bank said no; the buyer may try again. `message` is for the buyer."""

    message: str
    code: str
    decline_code: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The form cannot be sent as it is; nothing was recorded.

    field: email, name, card_number, card_expiry, card_cvc, iban, method or
    session (already paid, expired).
    """

    field: str
    message: str


PaymentResult = Paid | Processing | Challenge | Declined | Refused


def find(world: World, session_id: str) -> HostedSession | None:
    """Return the session for display, or None where there is none of this id."""
    raise NotImplementedError


def pay(world: World, session_id: str, details: PaymentDetails) -> PaymentResult:
    """Try to pay an open session; creates the PaymentIntent on the first try."""
    raise NotImplementedError


def resolve_challenge(
    world: World, session_id: str, challenge_id: str, *, passed: bool
) -> PaymentResult:
    """Finish a 3-D Secure challenge; a failed one leaves the session open."""
    raise NotImplementedError
