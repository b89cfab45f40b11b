"""Endpoints of outgoing webhooks."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"

ENDPOINTS = """
CREATE TABLE coinpurse.webhook_endpoints (
    id                    uuid PRIMARY KEY,
    url                   text NOT NULL CHECK (url ~ '^https?://'),
    description           text NOT NULL DEFAULT '',
    event_types           text[] NOT NULL DEFAULT '{}',
    secret                text NOT NULL CHECK (secret LIKE 'whsec\\_%'),
    previous_secret       text,
    previous_secret_until timestamptz,
    active                boolean NOT NULL DEFAULT true,
    disabled_at           timestamptz,
    disabled_why          text CHECK (disabled_why IN ('by_hand', 'gone', 'failing')),
    failing_since         timestamptz,
    failures              integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    created_at            timestamptz NOT NULL DEFAULT now(),
    CHECK (active = (disabled_at IS NULL) AND active = (disabled_why IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
);
CREATE INDEX webhook_endpoints_created ON coinpurse.webhook_endpoints (created_at DESC, id DESC);
COMMENT ON COLUMN coinpurse.webhook_endpoints.event_types IS 'what is sent to it; none means everything';
COMMENT ON COLUMN coinpurse.webhook_endpoints.secret IS 'signs every webhook, and must be readable for that';
COMMENT ON COLUMN coinpurse.webhook_endpoints.previous_secret IS 'signs too, for a while after a rotation';
COMMENT ON COLUMN coinpurse.webhook_endpoints.failures IS 'since the last success; failing_since is when they began';
"""

DELIVERIES = """
ALTER TABLE coinpurse.delivery_attempts ADD COLUMN answer text;
COMMENT ON COLUMN coinpurse.delivery_attempts.answer IS 'the beginning of what the other side wrote';
CREATE INDEX deliveries_created ON coinpurse.deliveries (created_at DESC, id DESC);
CREATE INDEX deliveries_endpoint ON coinpurse.deliveries (endpoint_id, created_at DESC, id DESC)
    WHERE endpoint_id IS NOT NULL;
"""


def upgrade() -> None:
    """Create the table, and keep what receivers answer."""
    op.execute(ENDPOINTS)
    op.execute(DELIVERIES)
