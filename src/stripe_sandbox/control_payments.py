"""The control API's levers on payments: what banks and buyers do, at the moment a test wants it.

    POST /_sandbox/charges/<ch_ or pi_>/dispute    {"reason", "amount", "inquiry": false}
    POST /_sandbox/charges/<ch_ or pi_>/warning    an early fraud warning
    POST /_sandbox/disputes/<du_>/decide           {"verdict": "win" | "lose" | "escalate",
                                                    "reinstate": minor units, absent for all or none}
    POST /_sandbox/refunds/<re_>/fail              the bank sends the money back
    POST /_sandbox/payment_intents/<pi_>/challenge {"passed": true}
    POST /_sandbox/refunds/<re_>/accept            the buyer says where a refund shall go
    POST /_sandbox/payment_intents/<pi_>/settle    a delayed payment ends now: {"succeeds": true}
    POST /_sandbox/payment_methods/<type>          a way to pay that is offered: {"on": true}

Each but the last answers with the changed object in Stripe's JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from flask import Blueprint, current_app, request

from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.flows import disputes, fraud_warnings, payments, refunds
from stripe_sandbox.json_types import Json
from stripe_sandbox.objects.dispute import REASON_CODES
from stripe_sandbox.payment_method_types import TYPES
from stripe_sandbox.unit_of_work import UnitOfWork
from stripe_sandbox.world import World

blueprint = Blueprint("sandbox_control_payments", __name__)


@blueprint.post("/charges/<identifier>/dispute")
def open_dispute(identifier: str) -> Json:
    """Let the buyer dispute a paid charge."""
    body = _body()
    reason = body.get("reason", "fraudulent")
    if reason not in REASON_CODES:
        raise ApiError(f"reason must be one of {', '.join(REASON_CODES)}")
    with _world().unit() as work:
        charge = _paid_charge(work, identifier)
        amount = body.get("amount")
        return disputes.open_dispute(
            work,
            charge,
            amount=amount if isinstance(amount, int) else charge["amount_captured"],
            reason=reason,
            inquiry=bool(body.get("inquiry", False)),
        )


@blueprint.post("/charges/<identifier>/warning")
def warn(identifier: str) -> Json:
    """Let the issuer report a paid charge as fraud."""
    with _world().unit() as work:
        charge = _paid_charge(work, identifier)
        fraud_warnings.issue(work, charge)
        kind = "radar.early_fraud_warning"
        return work.store.select(kind, {"charge": charge["id"]}, limit=1)[0]


@blueprint.post("/disputes/<identifier>/decide")
def decide_dispute(identifier: str) -> Json:
    """Let the bank decide now, whatever the evidence."""
    body = _body()
    verdict = body.get("verdict")
    if verdict not in disputes.WORDS.values():
        raise ApiError(f"verdict must be one of {', '.join(disputes.WORDS.values())}")

    def act(work: UnitOfWork) -> None:
        disputed = work.get("dispute", identifier)
        disputes.require_open(disputed)
        if "reinstate" in body:
            disputes.require_share(disputed, verdict, body["reinstate"])
            work.remember(identifier, reinstate=body["reinstate"])
        work.remember(identifier, verdict=verdict)
        disputes.decide(work, identifier)

    return _change("dispute", identifier, act)


@blueprint.post("/refunds/<identifier>/fail")
def fail_refund(identifier: str) -> Json:
    """Let a refund fail, even one that had succeeded."""
    return _change("refund", identifier, lambda work: refunds.fail(work, identifier))


@blueprint.post("/refunds/<identifier>/accept")
def accept_refund(identifier: str) -> Json:
    """Let the buyer give the bank account that a refund waits for."""
    return _change("refund", identifier, lambda work: refunds.accept(work, identifier))


@blueprint.post("/payment_intents/<identifier>/challenge")
def answer_challenge(identifier: str) -> Json:
    """Let the buyer pass or fail the bank's question of a PaymentIntent made by the API."""
    passed = bool(_body().get("passed", True))

    def act(work: UnitOfWork) -> None:
        intent = work.get("payment_intent", identifier)
        if intent["status"] != "requires_action":
            raise ApiError("This PaymentIntent asks for no action.")
        try:
            payments.answer_challenge(work, intent, passed=passed)
        except ApiError as decline:
            if not decline.keeps_effects:
                raise

    return _change("payment_intent", identifier, act)


@blueprint.post("/payment_intents/<identifier>/settle")
def settle(identifier: str) -> Json:
    """Let a delayed payment end now: as told, or as its method would end it."""
    succeeds = _body().get("succeeds")
    if succeeds is not None and not isinstance(succeeds, bool):
        raise ApiError("succeeds must be true or false")
    return _change(
        "payment_intent",
        identifier,
        lambda work: payments.settle(work, identifier, succeeds=succeeds),
    )


@blueprint.post("/payment_methods/<name>")
def switch_method(name: str) -> Json:
    """Turn a way to pay on or off for checkouts to come, as in an account's settings."""
    on = _body().get("on")
    if name not in TYPES or not isinstance(on, bool):
        raise ApiError(f"name one of {', '.join(TYPES)}, and on as true or false")
    with _world().unit() as work:
        work.switch_method(name, on=on)
        return work.switched_methods()


def _change(kind: str, identifier: str, act: Callable[[UnitOfWork], None]) -> Json:
    with _world().unit() as work:
        work.get(kind, identifier)
        act(work)
        return work.get(kind, identifier)


def _paid_charge(work: UnitOfWork, identifier: str) -> Json:
    if identifier.startswith("pi_"):
        identifier = str(work.get("payment_intent", identifier)["latest_charge"])
    charge = work.get("charge", identifier)
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise ApiError("Only a paid charge can be disputed.")
    return charge


def _body() -> Json:
    body = request.get_json(silent=True) if request.get_data() else {}
    return body if isinstance(body, dict) else {}


def _world() -> World:
    return cast("World", current_app.extensions["stripe_sandbox"])
