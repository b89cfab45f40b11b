"""What a checkout session becomes when its payment moves, or when its time is up."""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def of_intent(work: UnitOfWork, intent: Json) -> Json | None:
    """Return the session that a PaymentIntent pays, if any."""
    found = work.store.select("checkout.session", {"payment_intent": intent["id"]}, limit=1)
    return found[0] if found else None


def complete(work: UnitOfWork, session: Json, payment_status: str) -> Json:
    """Close a session as complete and report it."""
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    work.unschedule("expire_session", session["id"])
    work.save(session)
    events.emit(work, "checkout.session.completed", session)
    return session


def payment_succeeded(work: UnitOfWork, intent: Json) -> None:
    """The money came at once."""
    session = of_intent(work, intent)
    if session is not None and session["status"] == "open":
        complete(work, session, "paid")


def payment_started(work: UnitOfWork, intent: Json) -> None:
    """A delayed method was accepted."""
    session = of_intent(work, intent)
    if session is not None and session["status"] == "open":
        complete(work, session, "unpaid")


def payment_authorised(work: UnitOfWork, intent: Json) -> None:
    """The money is held and not yet taken."""
    payment_started(work, intent)


def payment_captured(work: UnitOfWork, intent: Json) -> None:
    """Held money was taken: the session is paid, without an event of its own."""
    session = of_intent(work, intent)
    if session is not None:
        work.save(session | {"payment_status": "paid"})


def payment_succeeded_late(work: UnitOfWork, intent: Json) -> None:
    """The money of a delayed method came."""
    session = of_intent(work, intent)
    if session is not None:
        session["payment_status"] = "paid"
        work.save(session)
        events.emit(work, "checkout.session.async_payment_succeeded", session)


def payment_failed_late(work: UnitOfWork, intent: Json) -> None:
    """The money of a delayed method will not come."""
    session = of_intent(work, intent)
    if session is not None:
        events.emit(work, "checkout.session.async_payment_failed", session)
