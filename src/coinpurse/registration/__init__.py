"""Our webhook endpoint at Stripe: registered, kept right, and given a new secret."""

from coinpurse.registration.env_file import prepend_secret, require_writable, rolled_secrets
from coinpurse.registration.rules import (
    WEBHOOK_PATH,
    Step,
    endpoint_url,
    is_ours,
    plan_finish,
    plan_rotation,
    plan_setup,
    problems_of,
    require_reachable,
)
from coinpurse.registration.service import carry_out, knock

__all__ = [
    "WEBHOOK_PATH",
    "Step",
    "carry_out",
    "endpoint_url",
    "is_ours",
    "knock",
    "plan_finish",
    "plan_rotation",
    "plan_setup",
    "prepend_secret",
    "problems_of",
    "require_reachable",
    "require_writable",
    "rolled_secrets",
]
