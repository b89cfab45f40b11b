"""Checkout sessions as their buyer moves them: pay, authenticate, let expire."""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.flows import checkout_states, payments
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import customer, payment_intent
from stripe_sandbox.objects.checkout_session import resolved_url
from stripe_sandbox.unit_of_work import UnitOfWork


def pay(work: UnitOfWork, session: Json, method: Json) -> Json:
    """Pay an open session with a PaymentMethod; returns the PaymentIntent.

    The first try creates the PaymentIntent; later tries use the same one.
    Raises a card_error that keeps its effects.
    """
    _collect_details(work, session, method)
    intent = _intent_of(work, session)
    return payments.confirm(
        work,
        intent,
        method,
        return_url=resolved_url(session["success_url"], session["id"]),
    )


def complete_free(work: UnitOfWork, session: Json, billing: Json) -> Json:
    """Complete a session that costs nothing."""
    _collect_details(work, session, {"billing_details": billing})
    return checkout_states.complete(work, session, "no_payment_required")


def expire(work: UnitOfWork, session: Json) -> Json:
    """End an open session unpaid, with the PaymentIntent that it may have."""
    session |= {"status": "expired", "url": None}
    work.unschedule("expire_session", session["id"])
    work.save(session)
    if session["payment_intent"] is not None:
        intent = work.get("payment_intent", session["payment_intent"])
        if intent["status"] in {"requires_payment_method", "requires_action"}:
            payments.cancel(work, intent, "automatic")
    events.emit(work, "checkout.session.expired", session)
    return session


def expire_due(work: UnitOfWork, session_id: str) -> None:
    """End a session whose time is up (timer)."""
    session = work.store.find(session_id, "checkout.session")
    if session is not None and session["status"] == "open":
        expire(work, session)


def _collect_details(work: UnitOfWork, session: Json, method: Json) -> None:
    billing = method["billing_details"]
    known = session["customer_details"] or {}
    session["customer_details"] = {
        "address": billing["address"],
        "business_name": None,
        "email": billing["email"] or known.get("email") or session["customer_email"],
        "individual_name": None,
        "name": billing["name"],
        "phone": billing["phone"],
        "tax_exempt": "none",
        "tax_ids": [],
    }
    work.save(session)


def _intent_of(work: UnitOfWork, session: Json) -> Json:
    if session["payment_intent"] is not None:
        return work.get("payment_intent", session["payment_intent"])
    _create_customer(work, session)
    data = work.private(session["id"])["payment_intent_data"]
    automatic = session["payment_method_configuration_details"] is not None
    intent = payment_intent.create(
        work,
        amount=session["amount_total"],
        currency=session["currency"],
        types=session["payment_method_types"],
        automatic={"allow_redirects": "always", "enabled": True} if automatic else None,
        given={**data, "customer": session["customer"]},
    )
    session["payment_intent"] = intent["id"]
    work.save(session)
    events.emit(work, "payment_intent.created", intent)
    return intent


def _create_customer(work: UnitOfWork, session: Json) -> None:
    if session["customer"] is not None or session["customer_creation"] != "always":
        return
    details = session["customer_details"]
    created = customer.create(work, {"email": details["email"], "name": details["name"]})
    events.emit(work, "customer.created", created)
    session["customer"] = created["id"]
