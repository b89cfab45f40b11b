"""Refusals over HTTP: one table from an error's code to its status and its sentence.

Every refusal is `{"error": "a sentence", "code": "stable_code"}`. Three sentences belong to the checkout
contract that front ends compare with, so they stay as they are in every language.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from flask import Blueprint, Response, jsonify
from psycopg import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

from coinpurse.errors import DomainError, GatewayError
from coinpurse.web.language import lazy_gettext as _

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """How a code is answered. sentence: with the error's facts as %(name)s. shown: facts that the answer carries."""

    status: int
    sentence: object
    shown: tuple[str, ...] = ()


ANSWERS = {
    "refused": Answer(422, _("This is not possible.")),
    "invalid_request": Answer(422, _("%(field)s: %(problem)s")),
    "not_found": Answer(404, _("This does not exist.")),
    "payment_not_found": Answer(404, "Payment not found"),
    "forbidden": Answer(403, "Unauthorized"),
    "pack_unavailable": Answer(422, _("This pack is not on sale in this currency.")),
    "price_mismatch": Answer(422, _("No pack on sale has this price, these coins and this bonus.")),
    "pack_limit_reached": Answer(
        422, _("Times that one account may buy this pack: %(limit)s."), ("limit",)
    ),
    "catalog_changed": Answer(
        409, _("Somebody else has changed the catalog meanwhile. Look at it again.")
    ),
    "redirect_not_allowed": Answer(
        422,
        _(
            "%(field)s must begin with an origin on the allow-list; the operator adds it to COINPURSE_REDIRECT_ORIGINS."
        ),
    ),
    "idempotency_conflict": Answer(
        409, _("This Idempotency-Key was used before with other content; send a new one.")
    ),
    "insufficient_coins": Answer(
        402,
        _("Coins needed: %(needed)s. Coins available: %(available)s."),
        ("needed", "available", "shortfall"),
    ),
    "amount_too_large": Answer(
        422,
        _("Coins asked for: %(needed)s. Coins left: %(available)s."),
        ("needed", "available"),
    ),
    "wallet_blocked": Answer(403, _("This wallet may not spend at present.")),
    "hold_already_resolved": Answer(
        409, _("These coins are no longer held: they were captured, let go or timed out before.")
    ),
    "not_refundable": Answer(422, _("This payment cannot be refunded: %(reason)s.")),
    "payment_disputed": Answer(
        409, _("The bank is taking this payment back. Answer the dispute instead of refunding it.")
    ),
    "refund_too_large": Answer(
        422,
        _(
            "Asked for: %(asked_minor)s, left: %(left_minor)s, in the smallest unit of %(currency)s."
        ),
        ("asked_minor", "left_minor", "currency"),
    ),
    "role_too_low": Answer(403, _("Another role is needed for this.")),
    "not_in_review": Answer(409, _("This payment does not wait for this decision.")),
    "last_owner": Answer(409, _("Somebody must stay an owner. Make somebody else an owner first.")),
    "second_person_needed": Answer(
        403, _("Somebody other than who asked for this adjustment must decide.")
    ),
    "already_decided": Answer(409, _("This adjustment does not wait for a decision any more.")),
    "outdated": Answer(
        409, _("This has changed since you looked at it. Look again before you repeat it.")
    ),
    "reconciliation_running": Answer(409, _("A comparison with Stripe is under way already.")),
    "checkout_failed": Answer(502, "Failed to create checkout session"),
    "stripe_unavailable": Answer(
        502, _("Stripe could not be asked. Please try again in a moment.")
    ),
    "database_unavailable": Answer(503, _("The store is busy. Please try again in a moment.")),
    # The server itself says it, in `cli/overload.py`, where a request has waited for long.
    "overloaded": Answer(503, _("The store is busy. Please try again in a moment.")),
    "login_required": Answer(401, _("Please log in first.")),
    "invalid_key": Answer(401, _("Send a valid key in the header Authorization: Bearer cpk_…")),
    "missing_scope": Answer(403, _("This key lacks the scope %(scope)s."), ("scope",)),
    "idempotency_key_required": Answer(
        400, _("Send the header Idempotency-Key, the same one when you repeat the request.")
    ),
    "json_required": Answer(
        415, _("Send this request as JSON, with the header Content-Type: application/json.")
    ),
    "invalid_json": Answer(400, _("The body must be a JSON object in UTF-8.")),
    "wrong_origin": Answer(
        403,
        _(
            "This change must come from the store's own pages: its Origin header must be %(origin)s."
        ),
    ),
    "too_large": Answer(413, _("The body is too large.")),
    "invalid_email": Answer(422, _("Enter an e-mail address such as name@example.com.")),
    "email_taken": Answer(
        409, _("There is an account with this e-mail address already. Log in instead.")
    ),
    "password_unacceptable": Answer(422, _("Choose another password.")),
    "password_too_short": Answer(
        422, _("Choose a longer password: %(minimum)s characters or more.")
    ),
    "password_too_long": Answer(
        422, _("Choose a shorter password: %(maximum)s characters at most.")
    ),
    "password_is_email": Answer(422, _("Choose a password other than your e-mail address.")),
    "password_too_common": Answer(
        422,
        _("Choose a password that is harder to guess: this is one of the first that are tried."),
    ),
    "password_unreadable": Answer(422, _("Choose a password of characters that can be typed.")),
    "wrong_credentials": Answer(401, _("The e-mail address or the password is wrong.")),
    "wrong_password": Answer(401, _("This is not your current password.")),
    "reset_link_dead": Answer(410, _("This link does not work any more. Ask for a new one.")),
    "too_many_requests": Answer(429, _("Too many tries. Please wait a moment and try again.")),
}


class RequestRefused(DomainError):
    """A request that is wrong as a request, whatever it asks for. `code` is one of ANSWERS."""

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code, **facts)
        self.code = code


def refusal(code: str, **facts: object) -> dict[str, object]:
    """Return the body that refuses with a code."""
    known = ANSWERS[code]
    sentence = str(known.sentence)
    return {
        "error": sentence % facts if facts else sentence,
        "code": code,
        **{name: facts[name] for name in known.shown},
    }


def answer(code: str, **facts: object) -> Response:
    """Make the JSON answer for a code."""
    response = jsonify(refusal(code, **facts))
    response.status_code = ANSWERS[code].status
    if code == "invalid_key":
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def answer_in_json(blueprint: Blueprint) -> None:
    """Have every error of the blueprint's routes answered in our JSON shape."""
    blueprint.register_error_handler(DomainError, _domain_error)
    blueprint.register_error_handler(GatewayError, _gateway_error)
    blueprint.register_error_handler(OperationalError, _database_error)
    blueprint.register_error_handler(InterfaceError, _database_error)
    blueprint.register_error_handler(HTTPException, http_error)


def keep_from_caches(response: Response) -> Response:
    """Let nobody keep what is about one user, unless the answer says otherwise."""
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def http_error(error: HTTPException) -> Response:
    """Answer one of Werkzeug's errors (405, 413, …) in JSON, with its headers."""
    if error.code == 413:
        return answer("too_large")
    response = jsonify(
        error=error.description or error.name, code=error.name.lower().replace(" ", "_")
    )
    response.status_code = error.code or 500
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def code_of(error: DomainError) -> str:
    """Return the code that an error is answered with."""
    if error.code == "not_found" and error.facts.get("kind") == "payment":
        return "payment_not_found"
    return error.code


def _domain_error(error: DomainError) -> Response:
    return answer(code_of(error), **error.facts)


def _gateway_error(error: GatewayError) -> Response:
    log.warning(
        "stripe.unavailable",
        stripe_code=error.code,
        stripe_status=error.status,
        stripe_request_id=error.request_id,
    )
    return answer("stripe_unavailable")


def _database_error(error: Exception) -> Response:
    log.error("database.unavailable", error=type(error).__name__)
    response = answer("database_unavailable")
    response.headers["Retry-After"] = "2"
    return response
