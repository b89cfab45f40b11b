"""Every route of the API, in one list."""

from __future__ import annotations

from stripe_sandbox.api.call import Route
from stripe_sandbox.resources import (
    account,
    balance,
    charges,
    checkout_sessions,
    customers,
    disputes,
    early_fraud_warnings,
    event_destinations,
    events,
    listener_sessions,
    payment_intents,
    payment_methods,
    payment_pages,
    prices,
    products,
    refunds,
    webhook_endpoints,
)

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *balance.ROUTES,
    *charges.ROUTES,
    *checkout_sessions.ROUTES,
    *customers.ROUTES,
    *disputes.ROUTES,
    *early_fraud_warnings.ROUTES,
    *event_destinations.ROUTES,
    *events.ROUTES,
    *listener_sessions.ROUTES,
    *payment_intents.ROUTES,
    *payment_methods.ROUTES,
    *payment_pages.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *refunds.ROUTES,
    *webhook_endpoints.ROUTES,
)
