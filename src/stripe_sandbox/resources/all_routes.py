"""Every route of the API, in one list."""

from __future__ import annotations

from stripe_sandbox.api.call import Route
from stripe_sandbox.resources import (
    checkout_sessions,
    events,
    prices,
    products,
    webhook_endpoints,
)

ROUTES: tuple[Route, ...] = (
    *checkout_sessions.ROUTES,
    *events.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *webhook_endpoints.ROUTES,
)
