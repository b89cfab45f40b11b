"""Webhook endpoints: the full shape; the secret is shown once and kept apart."""

from __future__ import annotations

from stripe_sandbox import signatures
from stripe_sandbox.ids import new_id
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


def create(work: UnitOfWork, given: Json, secret: str | None = None) -> tuple[Json, str]:
    """Store a new endpoint; returns it with its secret."""
    body: Json = {
        "id": new_id("we_"),
        "object": "webhook_endpoint",
        "api_version": given.get("api_version"),
        "application": None,
        "created": work.timestamp,
        "description": given.get("description"),
        "enabled_events": given["enabled_events"],
        "livemode": False,
        "metadata": given.get("metadata") or {},
        "status": "enabled",
        "url": given["url"],
    }
    chosen = secret or signatures.new_secret()
    work.insert(body, {"secret": chosen})
    return body, chosen


def configured_endpoint(work: UnitOfWork, url: str, secret: str | None) -> Json:
    """Make sure that the endpoint given at start exists, is on and has this secret."""
    for endpoint in work.store.select("webhook_endpoint", {"url": url}, limit=1):
        if secret is not None:
            work.remember(endpoint["id"], secret=secret)
        return work.save(endpoint | {"status": "enabled"})
    given = {"url": url, "enabled_events": ["*"], "description": "Given at start"}
    return create(work, given, secret)[0]
