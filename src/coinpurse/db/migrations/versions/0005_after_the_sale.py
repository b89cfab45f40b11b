"""Refunds, disputes and fraud warnings, what they take of a payment's coins, and dead letters."""

from alembic import op

revision = "0005"
down_revision = "0004"

LEDGER = """
DROP FUNCTION IF EXISTS coinpurse.freeze(text, uuid, boolean, text, bytea, text);
DROP FUNCTION IF EXISTS coinpurse.claw_back(text, uuid, bigint, boolean, text, bytea, text, text);
DROP FUNCTION IF EXISTS coinpurse.give_back(bigint, text, bytea, text);

ALTER TABLE coinpurse.grants
    ADD COLUMN taken   bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
    ADD COLUMN expired bigint NOT NULL DEFAULT 0 CHECK (expired >= 0);
UPDATE coinpurse.grants AS g SET expired = gone.coins
  FROM (SELECT grant_ids[1] AS id, -sum(coins) AS coins FROM coinpurse.transactions
         WHERE type = 'expiry' GROUP BY grant_ids[1]) AS gone
 WHERE gone.id = g.id;
ALTER TABLE coinpurse.grants ADD CHECK (remaining + taken + expired <= coins);
COMMENT ON COLUMN coinpurse.grants.taken IS 'coins that went back with the money that was paid for them';

ALTER TABLE coinpurse.transactions ADD COLUMN forgiven bigint NOT NULL DEFAULT 0;
CREATE INDEX transactions_payment ON coinpurse.transactions (payment_id) WHERE payment_id IS NOT NULL;
COMMENT ON COLUMN coinpurse.transactions.forgiven IS 'coins that were to be taken, were spent, and are not owed';

CREATE TABLE coinpurse.claims (
    payment_id  uuid PRIMARY KEY,
    user_id     text NOT NULL REFERENCES coinpurse.wallets,
    taking      bigint NOT NULL CHECK (taking >= 0),
    freezing    bigint NOT NULL CHECK (freezing >= 0),
    owing       bigint NOT NULL CHECK (owing BETWEEN 0 AND freezing),
    policy      text NOT NULL CHECK (policy IN ('debt', 'forgive', 'block')),
    cause       text NOT NULL,
    description text NOT NULL,
    owed        bigint NOT NULL DEFAULT 0 CHECK (owed >= 0),
    forgiven    bigint NOT NULL DEFAULT 0 CHECK (forgiven >= 0),
    blocks      boolean NOT NULL DEFAULT false,
    version     integer NOT NULL DEFAULT 0
);
CREATE INDEX claims_user ON coinpurse.claims (user_id);
COMMENT ON TABLE coinpurse.claims IS 'what refunds and disputes ask of the coins of a payment, and what was missing';
COMMENT ON COLUMN coinpurse.claims.owed IS 'coins that were spent and became debt, repaid or not';
"""

PAYMENTS = """
ALTER TABLE coinpurse.payment_sessions
    ADD COLUMN refunded_minor     bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    ADD COLUMN disputed_minor     bigint NOT NULL DEFAULT 0 CHECK (disputed_minor >= 0),
    ADD COLUMN fraud_warning_at   timestamptz,
    ADD COLUMN paid_minor         bigint,
    ADD COLUMN paid_currency      text,
    ADD COLUMN review_intent_id   text,
    ADD COLUMN review_note        text,
    ADD COLUMN reviewed_at        timestamptz,
    ADD COLUMN looked_up          bigint NOT NULL DEFAULT 0,
    ADD COLUMN reconciled_at      timestamptz;
CREATE INDEX payment_sessions_review ON coinpurse.payment_sessions (created_at)
    WHERE review_reason IS NOT NULL AND reviewed_at IS NULL;
CREATE INDEX payment_sessions_open ON coinpurse.payment_sessions (created_at) WHERE status = 'pending';
COMMENT ON COLUMN coinpurse.payment_sessions.refunded_minor IS 'of all refunds that have not failed';
COMMENT ON COLUMN coinpurse.payment_sessions.disputed_minor IS 'of chargebacks that are open or lost';
COMMENT ON COLUMN coinpurse.payment_sessions.paid_minor IS 'what Stripe took, where it was not the price';
COMMENT ON COLUMN coinpurse.payment_sessions.looked_up IS 'number of the latest look-up at Stripe';
COMMENT ON COLUMN coinpurse.payment_sessions.reviewed_at IS 'when a person settled the review; review_note says how';

-- Numbers look-ups in the order in which they begin.
CREATE SEQUENCE coinpurse.look_ups;

-- Which installation this is; it tells its own checkouts from those of another one on the same account at Stripe.
CREATE TABLE coinpurse.installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    id     uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO coinpurse.installation DEFAULT VALUES;

CREATE TABLE coinpurse.refunds (
    id             text PRIMARY KEY,
    payment_id     uuid NOT NULL REFERENCES coinpurse.payment_sessions,
    payment_intent_id text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    currency       text NOT NULL,
    status         text NOT NULL,
    reason         text,
    failure_reason text,
    event_at       timestamptz NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refunds_payment ON coinpurse.refunds (payment_id);
CREATE INDEX refunds_moving ON coinpurse.refunds (updated_at) WHERE status IN ('pending', 'requires_action');

CREATE TABLE coinpurse.refund_requests (
    id           uuid PRIMARY KEY,
    payment_id   uuid NOT NULL REFERENCES coinpurse.payment_sessions,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency     text NOT NULL,
    reason       text,
    actor        text,
    request_key  text NOT NULL,
    payment_intent_id text NOT NULL,
    state        text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'made', 'refused')),
    refund_id    text,
    refusal      text,
    attempts     integer NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    tried_at     timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refund_requests_key UNIQUE (payment_id, request_key)
);
CREATE INDEX refund_requests_open ON coinpurse.refund_requests (created_at) WHERE state = 'requested';
COMMENT ON COLUMN coinpurse.refund_requests.failures IS 'how often Stripe answered that it had failed; numbers its key';
COMMENT ON TABLE coinpurse.refund_requests IS 'written before Stripe is asked, so that no crash loses one';

CREATE TABLE coinpurse.disputes (
    id               text PRIMARY KEY,
    payment_id       uuid NOT NULL REFERENCES coinpurse.payment_sessions,
    payment_intent_id text NOT NULL,
    amount_minor     bigint NOT NULL CHECK (amount_minor >= 0),
    currency         text NOT NULL,
    status           text NOT NULL,
    reason           text,
    withdrawn_minor  bigint NOT NULL,
    reinstated_minor bigint NOT NULL,
    evidence_due_at  timestamptz,
    event_at         timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX disputes_payment ON coinpurse.disputes (payment_id);
CREATE INDEX disputes_open ON coinpurse.disputes (updated_at)
    WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented');

CREATE TABLE coinpurse.fraud_warnings (
    id         text PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES coinpurse.payment_sessions,
    actionable boolean NOT NULL,
    fraud_type text NOT NULL,
    event_at   timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fraud_warnings_payment ON coinpurse.fraud_warnings (payment_id);
"""

EVENTS = """
ALTER TABLE coinpurse.stripe_events DROP CONSTRAINT stripe_events_state_check;
-- What was parked until refunds and disputes were understood is owed its effect now.
UPDATE coinpurse.stripe_events SET state = 'received', next_attempt_at = now(), attempts = 0 WHERE state = 'parked';
UPDATE coinpurse.stripe_events SET state = 'dead' WHERE state = 'failed' AND next_attempt_at IS NULL;
ALTER TABLE coinpurse.stripe_events
    ADD CHECK (state IN ('received', 'processed', 'ignored', 'foreign', 'failed', 'dead'));
CREATE INDEX stripe_events_wrong ON coinpurse.stripe_events (received_at) WHERE state IN ('failed', 'dead');
COMMENT ON COLUMN coinpurse.stripe_events.state IS
    'failed: see error, tried again; dead: tried in vain for days, replay it once mended';
"""

RECONCILIATIONS = """
CREATE TABLE coinpurse.reconciliations (
    id          bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    since       timestamptz NOT NULL,
    repairing   boolean NOT NULL,
    step        text NOT NULL,
    cursor      text,
    looked_at   jsonb NOT NULL DEFAULT '{}',
    holder      uuid NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    touched_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
COMMENT ON COLUMN coinpurse.reconciliations.holder IS
    'the process at work; another takes over what was not touched for long';
CREATE TABLE coinpurse.reconciliation_findings (
    id                bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    reconciliation_id bigint NOT NULL REFERENCES coinpurse.reconciliations ON DELETE CASCADE,
    kind              text NOT NULL,
    subject           text NOT NULL,
    payment_id        uuid,
    detail            text NOT NULL,
    outcome           text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (reconciliation_id, kind, subject)
);
COMMENT ON COLUMN coinpurse.reconciliation_findings.outcome IS
    'repaired, left (a person is needed), or found (a dry run)';
"""


def upgrade() -> None:
    """Change and create the tables."""
    for statements in (LEDGER, PAYMENTS, EVENTS, RECONCILIATIONS):
        op.execute(statements)
