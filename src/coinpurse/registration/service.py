"""Carrying a plan out at Stripe, and knocking at our own endpoint."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import requests
import structlog

from coinpurse.inbox import HANDLED_TYPES
from coinpurse.ports import StripeSetUp, WebhookEndpoint
from coinpurse.registration.rules import Step

log = structlog.get_logger()

# No type of Stripe's: the inbox stores it and ignores it.
KNOCK_TYPE = "coinpurse.knock"
# The standalone store's answer to a knock alone has it, so that nobody without our secret learns of it: how many
# addresses X-Forwarded-For had, which is one for each proxy that the knock came through.
HOPS_HEADER = "Coinpurse-Forwarded-For"
KNOCK_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Knock:
    """How our endpoint answered a signed event. status: None where it did not; `problem` says why.

    hops: how many proxies handed it on with their client's address; None where the store did not say.
    """

    event_id: str
    status: int | None
    problem: str | None = None
    hops: int | None = None

    @property
    def accepted(self) -> bool:
        """Whether Stripe would take the answer for a success."""
        return self.status is not None and 200 <= self.status < 300


def carry_out(stripe: StripeSetUp, steps: Sequence[Step]) -> list[WebhookEndpoint]:
    """Do the steps in their order, and return what was made or changed. Raises GatewayError."""
    done = []
    for step in steps:
        if step.act == "create":
            done.append(stripe.create_webhook_endpoint(step.url, HANDLED_TYPES, step.metadata))
        else:
            assert step.endpoint_id is not None
            if step.act == "update":
                done.append(
                    stripe.update_webhook_endpoint(step.endpoint_id, HANDLED_TYPES, step.metadata)
                )
            else:
                stripe.delete_webhook_endpoint(step.endpoint_id)
        log.info("webhook_endpoint.changed", act=step.act, endpoint_id=step.endpoint_id)
    return done


def knock(stripe: StripeSetUp, url: str, secret: str, *, livemode: bool) -> Knock:
    """Deliver an event that means nothing, signed as Stripe would. The inbox keeps it as ignored.

    Raises nothing: an endpoint that does not answer is an answer too.
    """
    event_id = f"evt_coinpurse_knock_{secrets.token_hex(8)}"
    body = json.dumps(
        {
            "id": event_id,
            "object": "event",
            "type": KNOCK_TYPE,
            "created": int(datetime.now(UTC).timestamp()),
            "livemode": livemode,
            "data": {"object": {"id": "knock", "object": KNOCK_TYPE}},
        }
    )
    try:
        answer = requests.post(
            url,
            data=body.encode(),
            headers={
                "Content-Type": "application/json",
                "Stripe-Signature": stripe.sign(body, secret),
            },
            timeout=KNOCK_SECONDS,
            # Stripe follows none.
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return Knock(event_id, None, _reason(error))
    hops = answer.headers.get(HOPS_HEADER, "")
    return Knock(
        event_id, answer.status_code, hops=int(hops) if re.fullmatch("[0-9]{1,4}", hops) else None
    )


def _reason(error: requests.RequestException) -> str:
    """Say shortly why there was no answer."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return f"{type(error).__name__}: {cause}"
