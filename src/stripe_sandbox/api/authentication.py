"""API keys: any test key opens the one account; a live key is turned away."""

from __future__ import annotations

import base64
import binascii
import re

from stripe_sandbox.api.errors import ApiError

TEST_KEY = re.compile(r"(sk|rk|rkcs)_test_\w+", re.ASCII)
LIVE_KEY = re.compile(r"(sk|rk|rkcs)_live_")
NO_KEY = (
    "You did not provide an API key. You need to provide your API key in the Authorization header, "
    "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
)
LIVE = (
    "This is a local Stripe sandbox and you sent it a live key. It did nothing with the key; "
    "use any key that starts with sk_test_ here, and keep live keys for Stripe itself."
)


def authenticate(authorization: str | None) -> str:
    """Return the test key of a request. Raises a 401 in Stripe's shape."""
    key = _key(authorization or "")
    if not key:
        raise _refusal(NO_KEY)
    if LIVE_KEY.match(key):
        raise _refusal(LIVE)
    if TEST_KEY.fullmatch(key) is None:
        raise _refusal(f"Invalid API Key provided: {_masked(key)}")
    return key


def _key(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[0]


def _masked(key: str) -> str:
    return key[:8] + "*" * 12 + key[-4:] if len(key) > 16 else "*" * len(key)


def _refusal(message: str) -> ApiError:
    return ApiError(message, status=401, saved=False, logged=False)
