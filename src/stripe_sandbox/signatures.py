"""The Stripe-Signature header of outgoing webhooks."""

from __future__ import annotations

import hashlib
import hmac
import secrets


def new_secret() -> str:
    """Return a new endpoint secret."""
    return "whsec_" + secrets.token_hex(24)


def stable_secret(seed: str) -> str:
    """Return the same secret for the same seed; listeners keep theirs over restarts."""
    return "whsec_" + hashlib.sha256(b"stripe-sandbox listener " + seed.encode()).hexdigest()


def header(payload: str, secret: str, timestamp: int) -> str:
    """Sign a payload: HMAC-SHA256 over "timestamp.payload" with the whole secret as key."""
    signed = f"{timestamp}.{payload}".encode()
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
