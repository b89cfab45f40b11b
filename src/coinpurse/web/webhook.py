"""Stripe's deliveries: `/api/payment/webhook`. No login, no cookie: the signature is the proof."""

from __future__ import annotations

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from coinpurse.counting import counts
from coinpurse.errors import WebhookRejected
from coinpurse.registration import HOPS_HEADER, KNOCK_TYPE
from coinpurse.web.access import current_purse, limit_body
from coinpurse.web.errors import answer_in_json

EXTENSION = "coinpurse.tells_of_proxies"

blueprint = Blueprint("coinpurse_webhook", __name__, url_prefix="/api/payment")
answer_in_json(blueprint)
blueprint.before_request(limit_body)

log = structlog.get_logger()


@blueprint.post("/webhook")
def receive() -> tuple[Response, int]:
    """Answer 200 once the event is stored; an error other than a refusal is a 5xx, and Stripe tries again."""
    outcome = "error"
    try:
        stored = current_purse().inbox.receive(
            request.get_data(cache=False), request.headers.get("Stripe-Signature")
        )
        outcome = stored.state
    except WebhookRejected as rejected:
        outcome = "refused"
        log.warning("webhook.rejected", reason=rejected.reason, detail=rejected.detail)
        return jsonify(error=rejected.reason), 400
    except HTTPException:
        outcome = "refused"
        raise
    finally:
        counts().deliveries[outcome].inc()
    answer = jsonify(status="success")
    if stored.type == KNOCK_TYPE and EXTENSION in current_app.extensions:
        answer.headers[HOPS_HEADER] = str(_hops())
    return answer, 200


def tell_of_proxies(app: Flask) -> None:
    """Have the answer to a signed knock say how many proxies it came through: the store, not a host, believes them."""
    app.extensions[EXTENSION] = True


def _hops() -> int:
    given = request.headers.get("X-Forwarded-For", "")
    return sum(1 for address in given.split(",") if address.strip())
