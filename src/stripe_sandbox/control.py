"""The control API under /_sandbox/: faults, clock, deliveries, state, and paying without a browser.

JSON in, JSON out, no key: the sandbox listens on loopback only. A refusal is
400 or 404 with {"error": "a sentence"}.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, jsonify, request

from stripe_sandbox import control_payments, dashboard_queries, hosted_checkout
from stripe_sandbox.api.errors import ApiError
from stripe_sandbox.faults import InvalidFault
from stripe_sandbox.hosted_checkout import (
    Challenge,
    Declined,
    Paid,
    PaymentDetails,
    PaymentResult,
    Processing,
    Refused,
)
from stripe_sandbox.json_types import Json
from stripe_sandbox.world import World

blueprint = Blueprint("sandbox_control", __name__, url_prefix="/_sandbox")
blueprint.register_blueprint(control_payments.blueprint)
OUTCOMES: dict[type[object], tuple[str, int]] = {
    Paid: ("paid", 200),
    Processing: ("processing", 200),
    Challenge: ("challenge", 200),
    Declined: ("declined", 402),
    Refused: ("refused", 400),
}


class BadControlRequest(ValueError):
    """A control request that makes no sense; its text is the answer."""


@blueprint.before_request
def _refuse_other_sites() -> tuple[Response, int] | None:
    """Keep web pages of other origins from steering the sandbox of whoever visits them."""
    origin = request.headers.get("Origin")
    if origin is None or urlsplit(origin).netloc == request.host:
        return None
    return jsonify(error="The control API takes no requests from other sites."), 403


@blueprint.errorhandler(BadControlRequest)
@blueprint.errorhandler(InvalidFault)
def _bad_request(error: ValueError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 400


@blueprint.errorhandler(ApiError)
def _api_error(error: ApiError) -> tuple[Response, int]:
    return jsonify(error=error.message), error.status


@blueprint.get("/health")
def health() -> Json:
    """Tell that the sandbox is up, and whether its clock ticks."""
    world = _world()
    return {
        "status": "ok",
        "now": world.now(),
        "ticking": world.ticker.alive(),
        "merchant_name": world.config.merchant_name,
        "account": world.account_id,
    }


@blueprint.get("/faults")
def list_faults() -> Json:
    """Return the rules in force, how often each kind struck, and the seed."""
    world = _world()
    return {
        "rules": [asdict(rule) for rule in world.faults.rules],
        "counts": world.fault_counts(),
        "seed": world.faults.seeded_with,
    }


@blueprint.post("/faults")
def add_faults() -> Json:
    """Put one rule, or a list under "rules", in force."""
    body = _body()
    rules = body["rules"] if isinstance(body.get("rules"), list) else [body]
    if not all(isinstance(rule, dict) for rule in rules):
        raise BadControlRequest("every rule is an object")
    return {"rules": [asdict(_world().set_fault(rule)) for rule in rules]}


@blueprint.delete("/faults")
def clear_faults() -> Json:
    """Take all rules out of force."""
    _world().clear_faults()
    return {"rules": []}


@blueprint.delete("/faults/<int:identifier>")
def clear_fault(identifier: int) -> Json:
    """Take one rule out of force."""
    _world().clear_faults(identifier)
    return list_faults()


@blueprint.post("/seed")
def seed() -> Json:
    """Start the chance of faults anew: {"seed": 7}."""
    world = _world()
    with world.unit():
        world.faults.seed(int(_number("seed")))
    return {"seed": world.faults.seeded_with}


@blueprint.get("/clock")
def clock() -> Json:
    """Return the sandbox time."""
    world = _world()
    return {"now": world.now(), "frozen": world.clock.frozen_at is not None}


@blueprint.post("/clock/advance")
def advance_clock() -> Json:
    """Move the clock on by {"seconds": n}; what became due has happened when this returns."""
    world = _world()
    seconds = _number("seconds")
    if seconds < 0:
        raise BadControlRequest("the clock only goes forward")
    world.set_clock(world.clock.advanced(seconds))
    return clock()


@blueprint.post("/clock/freeze")
def freeze_clock() -> Json:
    """Let the clock stand still."""
    world = _world()
    world.set_clock(world.clock.frozen())
    return clock()


@blueprint.post("/clock/run")
def run_clock() -> Json:
    """Let a frozen clock go on from where it stands."""
    world = _world()
    world.set_clock(world.clock.running())
    return clock()


@blueprint.get("/deliveries")
def list_deliveries() -> Json:
    """List deliveries with their attempts; filters: event, status, endpoint, limit."""
    arguments = request.args
    return {
        "deliveries": dashboard_queries.deliveries(
            _world(),
            event=arguments.get("event"),
            status=arguments.get("status"),
            endpoint=arguments.get("endpoint"),
            limit=arguments.get("limit", 100, int),
        )
    }


@blueprint.post("/deliveries/flush")
def flush_deliveries() -> Json:
    """Wait until nothing is due; {"retries": true} first makes all waiting retries due."""
    world, body = _world(), _body()
    if body.get("retries"):
        with world.unit() as work:
            work.store.execute(
                "UPDATE deliveries SET due = ? WHERE status = 'pending'", (work.now,)
            )
            work.sends = True
    return {"flushed": world.flush_deliveries(float(body.get("timeout", 10)))}


@blueprint.post("/deliveries/redeliver")
def redeliver() -> Json:
    """Send an event again: {"event": "evt_...", "endpoint": "we_..." or absent for all}."""
    body = _body()
    if not isinstance(body.get("event"), str):
        raise BadControlRequest("event is required")
    return {"deliveries": _world().redeliver(body["event"], body.get("endpoint"))}


@blueprint.post("/reset")
def reset() -> Json:
    """Forget everything but the account and the endpoint given at start."""
    _world().reset()
    return {"status": "ok"}


@blueprint.post("/checkout/<session_id>/pay")
def pay(session_id: str) -> tuple[Response, int]:
    """Pay as a buyer would on the hosted page.

    Body: {"card": "4242...", "method": "card", "email", "name", "expiry", "cvc",
    "iban", "challenge": "pass" | "fail" | absent, "wait": seconds}. A challenge
    that is not answered here is answered with /challenge.
    """
    world, body = _world(), _body()
    text = {name: str(value) for name, value in body.items() if isinstance(value, str | int)}
    method = text.get("method", "sepa_debit" if "iban" in text else "card")
    details = PaymentDetails(
        method=method,
        email=text.get("email", "buyer@example.com"),
        name=text.get("name", "Ada Buyer"),
        card_number=text.get("card", "4242424242424242"),
        card_expiry=text.get("expiry", "12/49"),
        card_cvc=text.get(
            "cvc", "1234" if text.get("card", "").startswith(("34", "37")) else "123"
        ),
        iban=text.get("iban", "AT611904300234573201"),
        country=text.get("country", "US"),
        postal_code=text.get("postal_code", "94107"),
    )
    result = hosted_checkout.pay(world, session_id, details)
    if isinstance(result, Challenge) and text.get("challenge") in {"pass", "fail"}:
        result = hosted_checkout.resolve_challenge(
            world, session_id, result.id, passed=text["challenge"] == "pass"
        )
    return _paid(world, session_id, result, float(body.get("wait", 0)))


@blueprint.post("/checkout/<session_id>/challenge")
def answer_challenge(session_id: str) -> tuple[Response, int]:
    """Answer a challenge: {"challenge": id, "passed": true}."""
    world, body = _world(), _body()
    result = hosted_checkout.resolve_challenge(
        world, session_id, str(body.get("challenge")), passed=bool(body.get("passed", True))
    )
    return _paid(world, session_id, result, float(body.get("wait", 0)))


def _paid(
    world: World, session_id: str, result: PaymentResult, wait: float
) -> tuple[Response, int]:
    if wait and isinstance(result, Paid | Processing):
        world.wait_for_delivery(session_id, wait)
    word, status = OUTCOMES[type(result)]
    return jsonify({"result": word, **asdict(result)}), status


def _world() -> World:
    return cast("World", current_app.extensions["stripe_sandbox"])


def _body() -> Json:
    body = request.get_json(silent=True) if request.get_data() else {}
    if not isinstance(body, dict):
        raise BadControlRequest("the body must be a JSON object")
    return body


def _number(name: str) -> float:
    value = _body().get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadControlRequest(f"{name} must be a number")
    return value
