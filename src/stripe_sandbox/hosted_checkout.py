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

from stripe_sandbox import payment_forms
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.flows import checkout, payments
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.checkout_session import resolved_url
from stripe_sandbox.payment_forms import PaymentDetails as PaymentDetails
from stripe_sandbox.unit_of_work import UnitOfWork

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
    with world.unit() as work:
        session = work.store.find(session_id, "checkout.session")
        if session is None:
            return None
        return _shown(work, session)


def pay(world: World, session_id: str, details: PaymentDetails) -> PaymentResult:
    """Try to pay an open session; creates the PaymentIntent on the first try."""
    with world.unit() as work:
        session = work.store.find(session_id, "checkout.session")
        refused = _refuse_session(session, work.now)
        if refused is not None or session is None:
            return refused or Refused("session", "There is no such session.")
        if not session["amount_total"]:
            checkout.complete_free(work, session, payment_forms.billing(details))
            return Paid(session_id, _success_url(session))
        if details.method not in session["payment_method_types"]:
            return Refused("method", "This way to pay is not offered for this purchase.")
        method = payment_forms.read(work, details)
        if isinstance(method, payment_forms.FormError):
            return Refused(method.field, method.message)
        try:
            intent = checkout.pay(work, session, method)
        except ApiError as error:
            return _declined(error)
        return _result(world, work, session_id, intent)


def resolve_challenge(
    world: World, session_id: str, challenge_id: str, *, passed: bool
) -> PaymentResult:
    """Finish a 3-D Secure challenge; a failed one leaves the session open."""
    with world.unit() as work:
        session = work.store.find(session_id, "checkout.session")
        refused = _refuse_session(session, work.now)
        if refused is not None or session is None:
            return refused or Refused("session", "There is no such session.")
        intent = work.store.find(challenge_id, "payment_intent")
        if (
            intent is None
            or session["payment_intent"] != challenge_id
            or intent["status"] != "requires_action"
        ):
            return Refused("session", "This confirmation is no longer asked for.")
        try:
            paid = payments.answer_challenge(work, intent, passed=passed)
        except ApiError as error:
            return _declined(error)
        return _result(world, work, session_id, paid)


def _shown(work: UnitOfWork, session: Json) -> HostedSession:
    items = work.private(session["id"])["line_items"]
    intent = None
    if session["payment_intent"] is not None:
        intent = work.store.find(session["payment_intent"], "payment_intent")
    error = (intent or {}).get("last_payment_error") or {}
    expired = session["status"] == "open" and session["expires_at"] <= work.now
    details = session["customer_details"] or {}
    return HostedSession(
        id=session["id"],
        status="expired" if expired else session["status"],
        payment_status=session["payment_status"],
        url=session["url"],
        merchant_name=work.config.merchant_name,
        line_items=tuple(_line(work, item) for item in items),
        amount_minor=session["amount_total"],
        currency=session["currency"],
        locale=session["locale"] or "auto",
        customer_email=session["customer_email"] or details.get("email"),
        success_url=resolved_url(session["success_url"], session["id"]),
        cancel_url=session["cancel_url"],
        expires_at=session["expires_at"],
        payment_method_types=tuple(session["payment_method_types"]),
        last_error=error.get("message") if session["status"] == "open" else None,
        submit_type=session["submit_type"] or "pay",
    )


def _line(work: UnitOfWork, item: Json) -> HostedLineItem:
    product = work.store.find(item["price"]["product"], "product") or {}
    images = product.get("images") or [None]
    return HostedLineItem(
        name=item["description"],
        description=product.get("description"),
        image=images[0],
        quantity=item["quantity"],
        amount_minor=item["amount_total"],
    )


def _refuse_session(session: Json | None, now: float) -> Refused | None:
    if session is None:
        return Refused("session", "There is no such session.")
    if session["status"] == "complete":
        return Refused("session", "You have already paid.")
    if session["status"] == "expired" or session["expires_at"] <= now:
        return Refused("session", "This checkout session has expired.")
    return None


def _result(world: World, work: UnitOfWork, session_id: str, intent: Json) -> PaymentResult:
    session = work.get("checkout.session", session_id)
    if intent["status"] == "requires_action":
        return Challenge(
            id=intent["id"],
            session_id=session_id,
            amount_minor=intent["amount"],
            currency=intent["currency"],
            merchant_name=world.config.merchant_name,
        )
    if intent["status"] == "processing":
        return Processing(session_id, _success_url(session))
    return Paid(session_id, _success_url(session))


def _declined(error: ApiError) -> Declined:
    decline_code = error.extra.get("decline_code")
    return Declined(error.message, error.code or error.type, decline_code)


def _success_url(session: Json) -> str:
    return resolved_url(session["success_url"] or session.get("return_url"), session["id"]) or "/"
