"""API keys: any test key opens the one account; a live key is turned away.

A restricted key may name what it lacks: `rk_test_shop_no_dispute_read_no_refund_write`. One that may not read may not
write either.
"""

from __future__ import annotations

import base64
import binascii
import re

from stripe_sandbox.api.errors import ApiError

TEST_KEY = re.compile(r"(sk|rk|rkcs)_test_\w+", re.ASCII)
LIVE_KEY = re.compile(r"(sk|rk|rkcs)_live_")
LACKS = re.compile(r"_no_([a-z]+(?:_[a-z]+)*?)_(read|write)(?=_no_|$)")
# Resources as the permissions of restricted keys name them, by the beginning of the path. The names of those with
# a source in docs and error messages are Stripe's; payment_intent, event and balance_transaction are our guess.
RESOURCES = (
    ("/v1/account", "account"),
    ("/v1/balance_transactions", "balance_transaction"),
    ("/v1/charges", "charge"),
    ("/v1/checkout/sessions", "checkout_session"),
    ("/v1/disputes", "dispute"),
    ("/v1/events", "event"),
    ("/v1/payment_intents", "payment_intent"),
    ("/v1/radar/early_fraud_warnings", "early_fraud_warning"),
    ("/v1/refunds", "refund"),
    ("/v1/webhook_endpoints", "webhook"),
)
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


def require_permission(key: str, method: str, path: str, account: str) -> None:
    """Raise Stripe's 403 where a restricted key lacks what the request needs."""
    if not key.startswith("rk_"):
        return
    lacks = set(LACKS.findall(key))
    resource = next((name for prefix, name in RESOURCES if path.startswith(prefix)), None)
    wanted = "read" if method == "GET" else "write"
    if (resource, wanted) in lacks or (resource, "read") in lacks:
        raise ApiError(
            f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on account"
            f" '{account}'. Having the 'rak_{resource}_{wanted}' permission would allow this request to continue.",
            status=403,
            saved=False,
        )


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
