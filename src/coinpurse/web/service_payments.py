"""The service API's operations on payments."""

from __future__ import annotations

from uuid import UUID

from flask import Response, jsonify

from coinpurse.errors import NotFound
from coinpurse.web import openapi, service_fields
from coinpurse.web import service_answers as answers
from coinpurse.web.access import current_purse
from coinpurse.web.openapi import marked as _
from coinpurse.web.service_operations import Call, operation

PAYMENT_ID = openapi.parameter(
    "path", "payment_id", {"type": "string", "format": "uuid"}, _("The id of a payment.")
)


@operation(
    "/payments/<payment_id>/refund",
    scope="refund",
    tag=_("Payments"),
    summary=_("Give money back"),
    description=_(
        "All that is left of the payment, or `amount_minor` of it; coins are taken back in proportion. In the state"
        " `requested` Stripe has not answered yet: it is asked again without you."
    ),
    parameters=[PAYMENT_ID],
    fields=service_fields.REFUND,
    refusals=(
        "payment_not_found",
        "not_refundable",
        "payment_disputed",
        "refund_too_large",
        "stripe_unavailable",
    ),
    answer="Refund",
)
def refund(call: Call, payment_id: str) -> Response:
    """Refund a payment, whole or in part."""
    purse = current_purse()
    request = purse.refund(_known_payment(payment_id), key=call.key, **call.body)
    payment = purse.find_payment(str(request.payment_id))
    assert payment is not None
    return jsonify(answers.refund(request, payment))


def _known_payment(text: str) -> UUID:
    try:
        id_ = UUID(text)
    except ValueError:
        raise NotFound("payment", text) from None
    # `UUID` also takes braces and forms without hyphens, which are no names of ours.
    if str(id_) != text.lower():
        raise NotFound("payment", text)
    return id_
