"""Our webhook endpoint at Stripe: registered, kept right, and given a new secret."""

from coinpurse.registration.env_file import prepend_secret, require_writable, rolled_secrets
from coinpurse.registration.rules import (
    WEBHOOK_PATH,
    Step,
    endpoint_url,
    is_ours,
    is_private,
    plan_finish,
    plan_rotation,
    plan_setup,
    problems_of,
    require_reachable,
    version_problem,
)
from coinpurse.registration.service import HOPS_HEADER, KNOCK_TYPE, Knock, carry_out, knock

__all__ = [
    "HOPS_HEADER",
    "KNOCK_TYPE",
    "WEBHOOK_PATH",
    "Knock",
    "Step",
    "carry_out",
    "endpoint_url",
    "is_ours",
    "is_private",
    "knock",
    "plan_finish",
    "plan_rotation",
    "plan_setup",
    "prepend_secret",
    "problems_of",
    "require_reachable",
    "require_writable",
    "rolled_secrets",
    "version_problem",
]
