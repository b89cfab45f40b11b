"""Keys of the service API."""

from alembic import op

revision = "0004"
down_revision = "0003"

API_KEYS = """
CREATE TABLE coinpurse.api_keys (
    id           uuid PRIMARY KEY,
    name         text NOT NULL CHECK (name <> ''),
    prefix       text NOT NULL UNIQUE,
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);
COMMENT ON COLUMN coinpurse.api_keys.prefix IS 'the public beginning of the key, by which it is found and named';
COMMENT ON COLUMN coinpurse.api_keys.digest IS 'SHA-256 of the whole key, which is kept nowhere';
COMMENT ON COLUMN coinpurse.api_keys.last_used_at IS 'to the minute';
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(API_KEYS)
