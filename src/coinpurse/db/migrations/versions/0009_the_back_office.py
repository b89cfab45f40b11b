"""The back office: staff, audit log, adjustments that wait for a second person, lists and figures by index."""

from alembic import op

revision = "0009"
down_revision = "0008"

STAFF = """
CREATE TABLE coinpurse.staff (
    user_id    text PRIMARY KEY CHECK (user_id <> ''),
    role       text NOT NULL CHECK (role IN ('viewer', 'support', 'finance', 'owner')),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
"""

AUDIT_LOG = """
CREATE TABLE coinpurse.audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor        text NOT NULL CHECK (actor <> ''),
    action       text NOT NULL CHECK (action <> ''),
    subject_kind text NOT NULL,
    subject_id   text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    facts        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_subject ON coinpurse.audit_log (subject_id, id);
CREATE INDEX audit_log_actor ON coinpurse.audit_log (actor, id);
CREATE INDEX audit_log_action ON coinpurse.audit_log (action, id);
CREATE INDEX audit_log_kind ON coinpurse.audit_log (subject_kind, id);
COMMENT ON COLUMN coinpurse.audit_log.actor IS 'a user id, or cli: and the login name of who used a command';
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON coinpurse.audit_log
    FOR EACH ROW EXECUTE FUNCTION coinpurse.refuse_change();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON coinpurse.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION coinpurse.refuse_change();
"""

ADJUSTMENTS = """
CREATE TABLE coinpurse.adjustment_requests (
    id             uuid PRIMARY KEY,
    user_id        text NOT NULL CHECK (user_id <> ''),
    coins          bigint NOT NULL CHECK (coins <> 0),
    reason         text NOT NULL CHECK (reason <> ''),
    requested_by   text NOT NULL CHECK (requested_by <> ''),
    request_key    text NOT NULL UNIQUE,
    state          text NOT NULL DEFAULT 'waiting'
                       CHECK (state IN ('waiting', 'applied', 'refused', 'withdrawn')),
    decided_by     text,
    decided_at     timestamptz,
    transaction_id bigint REFERENCES coinpurse.transactions,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT adjustment_requests_second_person CHECK (decided_by <> requested_by),
    CHECK ((state = 'waiting') = (decided_at IS NULL)),
    CHECK ((state = 'applied') = (transaction_id IS NOT NULL)),
    CHECK (state <> 'refused' OR decided_by IS NOT NULL)
);
CREATE INDEX adjustment_requests_time ON coinpurse.adjustment_requests (created_at, id);
CREATE INDEX adjustment_requests_state ON coinpurse.adjustment_requests (state, created_at, id);
CREATE INDEX adjustment_requests_user ON coinpurse.adjustment_requests (user_id, created_at, id);
CREATE INDEX adjustment_requests_by ON coinpurse.adjustment_requests (requested_by, created_at, id);
COMMENT ON COLUMN coinpurse.adjustment_requests.decided_by IS
    'the second person; null for what was small enough to be applied at once';
"""

# Each list of the back office is read backwards along one of these, whatever narrows it.
LISTS = """
DROP INDEX coinpurse.payment_sessions_time;
CREATE INDEX payment_sessions_time ON coinpurse.payment_sessions (created_at, id);
CREATE INDEX payment_sessions_status ON coinpurse.payment_sessions (status, created_at, id);
DROP INDEX coinpurse.stripe_events_time;
CREATE INDEX stripe_events_time ON coinpurse.stripe_events (received_at, id);
CREATE INDEX stripe_events_type ON coinpurse.stripe_events (type, received_at, id);
CREATE INDEX stripe_events_state ON coinpurse.stripe_events (state, received_at, id) WHERE state <> 'processed';
-- Spends are not in it: they are most of the rows, and cost nothing more.
CREATE INDEX transactions_type ON coinpurse.transactions (type, id) WHERE type <> 'usage';
CREATE INDEX wallets_newest ON coinpurse.wallets (created_at, user_id);
CREATE INDEX wallets_blocked ON coinpurse.wallets (created_at, user_id) WHERE blocked;
CREATE INDEX wallets_debt ON coinpurse.wallets (created_at, user_id) WHERE debt > 0;
CREATE INDEX wallets_frozen ON coinpurse.wallets (created_at, user_id) WHERE frozen > 0;
CREATE INDEX users_newest ON coinpurse.users (created_at, id);
CREATE INDEX users_email_prefix ON coinpurse.users (lower(email) text_pattern_ops);
CREATE INDEX payment_sessions_review_intent ON coinpurse.payment_sessions (review_intent_id)
    WHERE review_intent_id IS NOT NULL;
CREATE INDEX refunds_newest ON coinpurse.refunds (event_at, id) INCLUDE (currency, amount_minor, status);
CREATE INDEX refunds_status ON coinpurse.refunds (status, event_at, id);
CREATE INDEX refund_requests_newest ON coinpurse.refund_requests (created_at, id);
CREATE INDEX refund_requests_state ON coinpurse.refund_requests (state, created_at, id);
CREATE INDEX disputes_newest ON coinpurse.disputes (event_at, id);
CREATE INDEX disputes_status ON coinpurse.disputes (status, event_at, id);
"""

FIGURES = """
CREATE TABLE coinpurse.quarter_totals (
    quarter           timestamptz PRIMARY KEY,
    coins_sold        bigint NOT NULL DEFAULT 0,
    coins_spent       bigint NOT NULL DEFAULT 0,
    paid_change       bigint NOT NULL DEFAULT 0,
    bonus_change      bigint NOT NULL DEFAULT 0,
    checkouts_started bigint NOT NULL DEFAULT 0,
    checkouts_paid    bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE coinpurse.quarter_totals IS
    'what the ledger says from the beginning to the end of a quarter of an hour; a day is the difference of two';
COMMENT ON COLUMN coinpurse.quarter_totals.paid_change IS
    'the paid coins of all wallets then; bonus_change likewise';
CREATE TABLE coinpurse.quarter_revenue (
    quarter      timestamptz NOT NULL,
    currency     text NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (quarter, currency)
);
CREATE TABLE coinpurse.totals_state (
    single        boolean PRIMARY KEY DEFAULT true CHECK (single),
    counted_until timestamptz NOT NULL DEFAULT '-infinity',
    fence         xid8,
    fenced_at     timestamptz
);
INSERT INTO coinpurse.totals_state DEFAULT VALUES;
COMMENT ON COLUMN coinpurse.totals_state.fence IS
    'once every older transaction has ended, nothing from before fenced_at can appear any more';
"""


def upgrade() -> None:
    """Create the tables and indexes."""
    for statements in (STAFF, AUDIT_LOG, ADJUSTMENTS, LISTS, FIGURES):
        op.execute(statements)
