"""Paying: a PaymentIntent meets a PaymentMethod, and what follows from that.

Order of effects, as Stripe documents it: charge, PaymentIntent, checkout
session, then disputes and fraud warnings.
"""

from __future__ import annotations

from stripe_sandbox import events
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.flows import aftermath, behaviour, checkout_states
from stripe_sandbox.flows.behaviour import Behaviour
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects import balance_transaction, charge
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.test_cards import UNAUTHENTICATED, Decline
from stripe_sandbox.unit_of_work import UnitOfWork


def confirm(
    work: UnitOfWork,
    intent: Json,
    method: Json,
    *,
    off_session: bool = False,
    return_url: str | None = None,
) -> Json:
    """Try to pay; returns the intent in its new state.

    Raises a card_error that keeps its effects when the method is declined.
    """
    will = behaviour.of_method(work, method)
    if will.challenge == "required":
        if off_session:
            raise _refused(work, intent, method, UNAUTHENTICATED, charged=False)
        return _ask_buyer(work, intent, method, return_url)
    return _execute(work, intent, method, will)


def answer_challenge(work: UnitOfWork, intent: Json, *, passed: bool) -> Json:
    """Go on after the buyer met the bank. Raises a card_error that keeps its effects."""
    method = work.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if not passed:
        failed = Decline(
            "payment_intent_authentication_failure", None,
            "We are unable to authenticate your payment method. Please choose a different "
            "payment method and try again.", None, None,
        )  # fmt: skip
        raise _refused(work, intent, method, failed, charged=False)
    will = behaviour.of_method(work, method)
    return _execute(work, intent, method, will, authenticated=will.decline is None)


def settle(work: UnitOfWork, intent_id: str, *, succeeds: bool | None = None) -> None:
    """End a delayed payment (timer): the money came, or it did not.

    succeeds: None for what its method is known to do.
    """
    intent = work.store.find(intent_id, "payment_intent")
    if intent is None or intent["status"] != "processing":
        return
    paid = work.get("charge", intent["latest_charge"])
    method = work.get("payment_method", intent["payment_method"])
    will = behaviour.of_method(work, method)
    decline = will.decline
    if succeeds is not None:
        decline = None if succeeds else will.decline or behaviour.failure_of(method)
    if decline is None:
        paid |= {
            "status": "succeeded",
            "paid": True,
            "captured": True,
            "amount_captured": paid["amount"],
            "receipt_url": charge.RECEIPTS + paid["id"],
        }
        paid["outcome"]["seller_message"] = "Payment complete."
        _succeeded(work, intent, paid, will)
        return
    paid |= {
        "status": "failed",
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": charge.outcome("failed", decline, will.risk_level),
    }
    work.save(paid)
    events.emit(work, "charge.failed", paid)
    _fail_intent(work, intent, method, decline, paid["id"])
    checkout_states.payment_failed_late(work, intent)


def capture(work: UnitOfWork, intent: Json, amount: int) -> Json:
    """Take the money of an authorised payment; what is not taken is released."""
    held = work.get("charge", intent["latest_charge"])
    held |= {"captured": True, "amount_captured": amount}
    if amount < held["amount"]:
        held["amount"] = amount
    intent |= {
        "status": "succeeded",
        "amount_received": amount,
        "amount_capturable": 0,
    }
    will = behaviour.of_method(work, work.get("payment_method", intent["payment_method"]))
    book_charge(work, held, available_at_once=will.available_at_once)
    events.emit(work, "charge.captured", held)
    work.save(intent)
    events.emit(work, "payment_intent.succeeded", intent)
    checkout_states.payment_captured(work, intent)
    aftermath.follow(work, held, will.aftermath)
    return intent


def cancel(work: UnitOfWork, intent: Json, reason: str | None) -> Json:
    """Cancel an unpaid intent; an authorisation is released."""
    if intent["status"] == "requires_capture":
        held = work.get("charge", intent["latest_charge"])
        held |= {"refunded": True, "amount_refunded": held["amount"]}
        work.save(held)
        events.emit(work, "charge.refunded", held)
    intent |= {
        "status": "canceled",
        "canceled_at": work.timestamp,
        "cancellation_reason": reason,
        "amount_capturable": 0,
        "next_action": None,
    }
    work.unschedule("settle_payment", intent["id"])
    work.save(intent)
    events.emit(work, "payment_intent.canceled", intent)
    return intent


def book_charge(work: UnitOfWork, paid: Json, *, available_at_once: bool = False) -> None:
    """Write the balance transaction of a charge, and save the charge with it."""
    kind = TYPES[paid["payment_method_details"]["type"]].transaction_type
    amount = paid["amount_captured"]
    booked = balance_transaction.create(
        work,
        source=paid,
        kind=kind,
        amount=amount,
        description=paid["description"],
        fee=balance_transaction.processing_fee(amount, paid["currency"]),
        available_at_once=available_at_once,
    )
    paid["balance_transaction"] = booked["id"]
    work.save(paid)


def book_charge_later(work: UnitOfWork, charge_id: str) -> None:
    """Write a charge's balance transaction a moment after the payment (timer)."""
    paid = work.store.find(charge_id, "charge")
    if paid is None or paid["balance_transaction"] is not None or not paid["captured"]:
        return
    method = work.get("payment_method", paid["payment_method"])
    book_charge(work, paid, available_at_once=behaviour.of_method(work, method).available_at_once)
    events.emit(work, "charge.updated", paid, {"balance_transaction": None})


def _ask_buyer(work: UnitOfWork, intent: Json, method: Json, return_url: str | None) -> Json:
    intent |= {
        "status": "requires_action",
        "payment_method": method["id"],
        "last_payment_error": None,
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": return_url,
                "url": f"{work.request.base_url}/c/authenticate/{intent['id']}",
            },
        },
    }
    work.save(intent)
    events.emit(work, "payment_intent.requires_action", intent)
    return intent


def _execute(
    work: UnitOfWork, intent: Json, method: Json, will: Behaviour, *, authenticated: bool = False
) -> Json:
    if will.delayed:
        return _start_delayed(work, intent, method, will)
    if will.decline is not None:
        raise _refused(work, intent, method, will.decline, risk_level=will.risk_level)
    manual = intent["capture_method"] == "manual"
    paid = charge.create(
        work,
        intent,
        method,
        status="succeeded",
        captured=not manual,
        risk_level=will.risk_level,
        authenticated=authenticated,
    )
    intent |= {
        "payment_method": method["id"],
        "latest_charge": paid["id"],
        "last_payment_error": None,
        "next_action": None,
    }
    if manual:
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        work.save(intent)
        events.emit(work, "charge.succeeded", paid)
        events.emit(work, "payment_intent.amount_capturable_updated", intent)
        checkout_states.payment_authorised(work, intent)
        return intent
    _succeeded(work, intent, paid, will)
    return intent


def _start_delayed(work: UnitOfWork, intent: Json, method: Json, will: Behaviour) -> Json:
    pending = charge.create(work, intent, method, status="pending", captured=True)
    intent |= {
        "status": "processing",
        "payment_method": method["id"],
        "latest_charge": pending["id"],
        "last_payment_error": None,
    }
    work.save(intent)
    events.emit(work, "charge.pending", pending)
    events.emit(work, "payment_intent.processing", intent)
    if will.settles:
        delays = work.config.delays
        seconds = delays.settle_late if will.late else delays.settle_soon
        work.schedule(seconds, "settle_payment", intent["id"])
    checkout_states.payment_started(work, intent)
    return intent


def _succeeded(work: UnitOfWork, intent: Json, paid: Json, will: Behaviour) -> None:
    late = intent["status"] == "processing"
    work.save(paid)
    events.emit(work, "charge.succeeded", paid)
    intent |= {"status": "succeeded", "amount_received": paid["amount_captured"]}
    work.save(intent)
    events.emit(work, "payment_intent.succeeded", intent)
    work.schedule(work.config.delays.balance_transaction, "book_charge", paid["id"])
    if late:
        checkout_states.payment_succeeded_late(work, intent)
    else:
        checkout_states.payment_succeeded(work, intent)
    aftermath.follow(work, paid, will.aftermath)


def _refused(
    work: UnitOfWork,
    intent: Json,
    method: Json,
    decline: Decline,
    *,
    charged: bool = True,
    risk_level: str = "normal",
) -> ApiError:
    """Record a declined attempt and return the card_error that reports it."""
    failed: Json | None = None
    if charged:
        failed = charge.create(
            work,
            intent,
            method,
            status="failed",
            captured=False,
            decline=decline,
            risk_level=risk_level,
        )
        events.emit(work, "charge.failed", failed)
    charge_id = failed["id"] if failed else None
    facts = _fail_intent(work, intent, method, decline, charge_id)
    return ApiError(
        decline.message,
        status=402,
        type="card_error",
        code=decline.code,
        param=decline.param,
        extra={name: facts.get(name) for name in ("advice_code", "charge", "decline_code",
                                                   "network_decline_code", "payment_method")}
        | {"payment_intent": intent},
        keeps_effects=True,
    )  # fmt: skip


def _fail_intent(
    work: UnitOfWork, intent: Json, method: Json, decline: Decline, charge_id: str | None
) -> Json:
    shown = dict(method)
    if charge_id is not None and "card" in shown:
        checks = shown["card"]["checks"] | {"cvc_check": "pass"}
        shown["card"] = shown["card"] | {"checks": checks}
    facts: Json = {
        "advice_code": decline.advice_code,
        "charge": charge_id,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": "https://stripe.com/docs/error-codes/" + decline.code.replace("_", "-"),
        "message": decline.message,
        "network_decline_code": decline.network_decline_code,
        "param": decline.param,
        "payment_method": shown,
        "payment_method_type": method["type"],
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    known = {name: value for name, value in facts.items() if value is not None}
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": known,
    }
    if charge_id is not None:
        intent["latest_charge"] = charge_id
    work.save(intent)
    events.emit(work, "payment_intent.payment_failed", intent)
    return known
