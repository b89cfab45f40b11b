"""Whether a webhook delivery comes from Stripe: `Stripe-Signature` against the configured secrets.

Stripe's SDK computes and compares. This module closes what it leaves open: a header with non-ASCII
characters makes it raise TypeError, and a time in the future passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import stripe

from coinpurse.errors import WebhookRejected

# Stripe's own tolerance for old signatures, and ours for clocks that run ahead.
TOLERANCE_SECONDS = 300

SECRETS_ABSENT = "no webhook secret is configured; set STRIPE_WEBHOOK_SECRET"
NO_MATCH = (
    "none of the configured secrets made this signature. STRIPE_WEBHOOK_SECRET has to be the"
    " signing secret of the sender: `stripe listen` prints its own, each endpoint in the Dashboard"
    " has another, and so do test and live mode. If it is the right one, a proxy has changed the"
    " body on its way."
)
TOO_OLD = (
    f"signed more than {TOLERANCE_SECONDS} seconds ago: an old delivery was repeated, or the clock"
    " of this server runs ahead"
)
TOO_NEW = (
    f"signed more than {TOLERANCE_SECONDS} seconds in the future: the clock of this server runs"
    " behind"
)


def verified_text(body: bytes, signature: str | None, secrets: Sequence[str], now: datetime) -> str:
    """Return the body as text if one of the secrets signed it within the tolerance of now.

    Every secret is tried, so that one can be rolled. Raises WebhookRejected.
    """
    signed_at = _signed_at(signature)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        # What the SDK cannot verify is not verified; such a body is not JSON either.
        raise WebhookRejected("Invalid payload", "the body is not UTF-8") from None
    if not secrets:
        raise _refused(SECRETS_ABSENT)
    if not any(_made_by(secret, text, signature) for secret in secrets):
        raise _refused(NO_MATCH)
    # Both limits are held against one clock, ours; the SDK knows the first only, by the system's.
    if signed_at < now.timestamp() - TOLERANCE_SECONDS:
        raise _refused(TOO_OLD)
    if signed_at > now.timestamp() + TOLERANCE_SECONDS:
        raise _refused(TOO_NEW)
    return text


def _refused(detail: str) -> WebhookRejected:
    return WebhookRejected("Invalid signature", detail)


def _signed_at(signature: str | None) -> int:
    """Read the time of signing, in seconds since 1970. The signature has yet to vouch for it."""
    if not signature:
        raise _refused("the request has no Stripe-Signature header")
    if not signature.isascii():
        raise _refused("the Stripe-Signature header has characters outside ASCII")
    # The same cut as the SDK's, so that both read the same time.
    parts = [part.split("=", 2) for part in signature.split(",")]
    times = [part[1] for part in parts if part[0] == "t" and len(part) > 1]
    if not times or not any(part[0] == "v1" for part in parts):
        raise _refused("the Stripe-Signature header has no t= or no v1= part")
    try:
        return int(times[0])
    except ValueError:
        raise _refused("the time in the Stripe-Signature header is not a number") from None


def _made_by(secret: str, text: str, signature: str | None) -> bool:
    try:
        # Without a tolerance the SDK leaves the age alone.
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False
    return True
