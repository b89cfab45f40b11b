"""/v1/payment_pages: what `stripe trigger` uses to pay a session without a browser"""

from __future__ import annotations

from stripe_sandbox.api.call import Call, Route
from stripe_sandbox.api.errors import ApiError, MalformedRequest
from stripe_sandbox.api.parameters import Accepted, Integer, Parameters, Text
from stripe_sandbox.flows import checkout
from stripe_sandbox.json_types import Json
from stripe_sandbox.resources import payment_methods
from stripe_sandbox.unit_of_work import UnitOfWork

CONFIRM = Parameters(
    {
        "eid": Accepted(),
        "expected_amount": Integer(),
        "expected_payment_method_type": Text(),
        "key": Accepted(),
        "payment_method": Text(),
        "return_url": Text(),
    },
    ("payment_method",),
)


def retrieve(work: UnitOfWork, call: Call) -> Json:
    """Return the page of an open session."""
    return _page(work.get("checkout.session", call.path["session"], "session"))


def confirm(work: UnitOfWork, call: Call) -> Json:
    """Pay the session with a PaymentMethod, as its page would."""
    session = work.get("checkout.session", call.path["session"], "session")
    given = call.parameters
    if session["status"] != "open" or session["expires_at"] <= work.now:
        raise ApiError(f"This Checkout Session is not open; its status is {session['status']}.")
    expected = given.get("expected_amount", session["amount_total"])
    if expected != session["amount_total"]:
        raise MalformedRequest(
            f"The expected amount {expected} is not the session's total {session['amount_total']}.",
            param="expected_amount",
        )
    method = payment_methods.resolve(work, given["payment_method"])
    if method["type"] not in session["payment_method_types"]:
        raise ApiError(
            f"The payment method {method['type']} is not offered by this Checkout Session.",
            param="payment_method",
        )
    checkout.pay(work, session, method)
    return _page(work.get("checkout.session", session["id"]))


def _page(session: Json) -> Json:
    return {
        "id": session["id"].replace("cs_", "ppage_"),
        "object": "checkout.session",
        "session_id": session["id"],
        "amount_total": session["amount_total"],
        "currency": session["currency"],
        "livemode": False,
        "mode": session["mode"],
        "payment_intent": session["payment_intent"],
        "payment_method_types": session["payment_method_types"],
        "payment_status": session["payment_status"],
        "state": "active" if session["status"] == "open" else "succeeded",
        "status": session["status"],
        "success_url": session["success_url"],
    }


ROUTES = (
    Route("GET", "/v1/payment_pages/{session}", retrieve),
    Route("POST", "/v1/payment_pages/{session}/confirm", confirm, CONFIRM),
)
