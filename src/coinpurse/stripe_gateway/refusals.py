"""What Stripe refused or failed at, as our GatewayError."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import stripe

from coinpurse.errors import GatewayError

# A request that met another one (409), too many requests (429), and Stripe's own trouble (5xx).
RETRYABLE_STATUSES = frozenset({409, 429, *range(500, 600)})
# Whatever the status: no answer at all, and the rate limit that was once a 400.
RETRYABLE_ERRORS = (stripe.APIConnectionError, stripe.RateLimitError)

KEY_FORM = re.compile(r"(?:sk|rk|whsec)_[\w+/=*.-]+")
LONGEST_MESSAGE = 500

Answer = TypeVar("Answer")


def send(request: Callable[[], Answer], secret_key: str) -> Answer:
    """Send one request. Raises GatewayError and nothing else.

    Errors of the SDK are translated before ours is raised, outside of their handler, so that no
    traceback carries them along with what they know.
    """
    try:
        return request()
    except stripe.StripeError as error:
        failure = refusal(error, secret_key)
    raise failure


def refusal(error: stripe.StripeError, secret_key: str) -> GatewayError:
    """Translate an error of the SDK.

    code: Stripe's code, or the type of the error where Stripe gave no code.
    The message never has a key in it, even where Stripe or the network repeats ours.
    """
    code = _code(error)
    if isinstance(error, stripe.APIConnectionError):
        # The SDK's own text may quote headers, and with them the key.
        message = f"Stripe could not be reached: {type(error.__cause__ or error).__name__}."
    else:
        said = _without_keys(str(error.user_message or "no message"), secret_key)
        message = f"Stripe answered {error.http_status} ({code or 'no code'}): {said}"
    return GatewayError(
        message,
        retryable=isinstance(error, RETRYABLE_ERRORS) or error.http_status in RETRYABLE_STATUSES,
        code=code,
        status=error.http_status,
        request_id=error.request_id,
    )


def unusable_answer(problem: str, *, status: int | None, request_id: str | None) -> GatewayError:
    """An answer that came and is not what Stripe sends. Its content is not repeated."""
    return GatewayError(
        f"The answer to a request to Stripe cannot be used: {problem}.",
        retryable=status in RETRYABLE_STATUSES,
        status=status,
        request_id=request_id,
    )


def _code(error: stripe.StripeError) -> str | None:
    """Find Stripe's code: the SDK sets `error.code` for two of its classes only."""
    body = error.json_body
    facts = body.get("error") if isinstance(body, dict) else None
    if not isinstance(facts, dict):
        return None
    named = (facts.get("code"), facts.get("type"))
    return next((name for name in named if isinstance(name, str) and name), None)


def _without_keys(message: str, secret_key: str) -> str:
    hidden = message.replace(secret_key, "[key]") if secret_key else message
    return KEY_FORM.sub("[key]", hidden)[:LONGEST_MESSAGE]
