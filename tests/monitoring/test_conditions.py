"""Each condition fires on a store that has its trouble, and none on one that is well."""

from __future__ import annotations

import psycopg
import pytest

from coinpurse.db import Database
from coinpurse.monitoring import RULES, Monitoring

WELL = """
    INSERT INTO coinpurse.procrastinate_workers DEFAULT VALUES;
    INSERT INTO coinpurse.reconciliations (since, repairing, step, holder, finished_at)
    VALUES (now() - interval '32 days', true, 'events', gen_random_uuid(), now());
"""
PAYMENTS = """
    INSERT INTO coinpurse.payment_sessions (id, user_id, pack_sku, coins, bonus, amount_minor, currency, livemode,
                                            request_digest, stripe_parameters, {columns})
    SELECT gen_random_uuid(), 'ada', 'pack', 100, 0, 499, 'usd', false, '', '{{}}', {values}
      FROM generate_series(1, {count});
"""
EVENTS = """
    INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, {columns})
    SELECT 'evt_' || gen_random_uuid(), '{type}', 'cs_1', false, now(),
           '{{"data": {{"object": {{"payment_status": "{paid}"}}}}}}', {values}
      FROM generate_series(1, {count});
"""
CREDIT = """
    INSERT INTO coinpurse.wallets (user_id) VALUES ('ada') ON CONFLICT DO NOTHING;
    INSERT INTO coinpurse.transactions (id, user_id, type, coins, balance_after, idempotency_key, digest, grant_ids,
                                        grant_coins)
    VALUES (1, 'ada', 'purchase', 0, 0, 'purchase', '', '{}', '{}');
"""


def payments(count: int, **columns: str) -> str:
    return PAYMENTS.format(
        columns=", ".join(columns), values=", ".join(columns.values()), count=count
    )


def events(count: int, type_: str = "refund.created", *, paid: str = "paid", **columns: str) -> str:
    return EVENTS.format(
        columns=", ".join(columns),
        values=", ".join(columns.values()),
        count=count,
        type=type_,
        paid=paid,
    )


PAID = "checkout.session.completed"
LATE = "now() - interval '6 minutes'"
WAITING = "'coinpurse.errors.RetryLater: no payment here yet'"
FAILED = {"state": "'failed'", "next_attempt_at": "now() + interval '1 hour'"}
FINDING = """
    INSERT INTO coinpurse.reconciliation_findings (reconciliation_id, kind, subject, detail, outcome)
    VALUES ((SELECT max(id) FROM coinpurse.reconciliations), 'refund', 're_1', 'differs', '{outcome}');
"""
HOURLY = """
    INSERT INTO coinpurse.reconciliations (since, repairing, step, holder, finished_at)
    VALUES (now() - interval '2 days', true, 'events', gen_random_uuid(), now());
"""
LONG_AGO = "UPDATE coinpurse.{table} SET {column} = now() - interval '{age}';"
DISPUTES = """
    INSERT INTO coinpurse.disputes (id, payment_id, payment_intent_id, amount_minor, currency, status, withdrawn_minor,
                                    reinstated_minor, event_at)
    SELECT 'dp_' || n, (SELECT id FROM coinpurse.payment_sessions LIMIT 1), 'pi_1', 499, 'usd', '{status}', 0, 0, now()
      FROM generate_series(1, {count}) AS n;
"""
MESSAGE = """
    INSERT INTO coinpurse.messages (id, type, cause, facts) VALUES (gen_random_uuid(), 'event.dead', 'evt_1', '{}');
"""
DELIVERY = """
    INSERT INTO coinpurse.deliveries (id, message_id, channel, state, next_attempt_at)
    SELECT gen_random_uuid(), id, 'mail', '{state}', {at} FROM coinpurse.messages;
"""
SOLD = CREDIT + payments(300, status="'completed'", transaction_id="1")

TROUBLES = {
    "webhook_failures": [
        events(20, state="'processed'") + events(3, error="'KeyError'", **FAILED),
    ],
    "payment_success": [
        CREDIT
        + payments(9, status="'completed'", transaction_id="1")
        + payments(11, declined_at="now()"),
    ],
    "paid_not_credited": [
        payments(1, review_reason="'the amount differs'"),
        events(1, PAID, received_at=LATE, state="'received'", next_attempt_at="now()"),
        events(1, PAID, received_at=LATE, error="'KeyError'", **FAILED),
        events(1, PAID, received_at=LATE, error="'KeyError'", state="'dead'"),
    ],
    "payments_in_review": [
        CREDIT
        + payments(1, status="'completed'", transaction_id="1", review_reason="'paid twice'"),
    ],
    "dead_events": [events(1, state="'dead'", received_at="now() - interval '9 days'")],
    "old_events": [
        events(1, received_at="now() - interval '61 minutes'", **FAILED),
        events(
            1,
            received_at="now() - interval '61 minutes'",
            state="'received'",
            next_attempt_at="now()",
        ),
    ],
    "worker_away": [
        "DELETE FROM coinpurse.procrastinate_workers;",
        LONG_AGO.format(table="procrastinate_workers", column="last_heartbeat", age="31 seconds"),
    ],
    "drift": [FINDING.format(outcome="left"), FINDING.format(outcome="left") + HOURLY],
    "reconciliation_late": [
        LONG_AGO.format(table="reconciliations", column="finished_at", age="361 minutes"),
    ],
    "dead_deliveries": [MESSAGE + DELIVERY.format(state="dead", at="NULL")],
    "dispute_rate": [SOLD + DISPUTES.format(status="lost", count=3)],
}
CALM = {
    "payments that wait for their buyers": payments(30, status="'pending'"),
    "buyers who leave": payments(30, status="'expired'"),
    "a few declines": payments(5, declined_at="now()"),
    "an event that comes before its row": events(
        5, PAID, received_at=LATE, error=WAITING, **FAILED
    ),
    "a delayed payment that fails to be noted": events(
        1, PAID, paid="unpaid", received_at=LATE, error="'KeyError'", **FAILED
    ),
    "a moment's work": events(9, PAID, state="'received'", next_attempt_at="now()"),
    "a review that was settled": payments(1, review_reason="'wrong'", reviewed_at="now()"),
    "what was repaired": FINDING.format(outcome="repaired"),
    "an hour's run after the whole one": HOURLY,
    "inquiries": SOLD + DISPUTES.format(status="warning_needs_response", count=3),
    "a mail on its way": MESSAGE + DELIVERY.format(state="waiting", at="now()"),
    "two disputes": SOLD + DISPUTES.format(status="lost", count=2),
}


@pytest.fixture
def monitoring(database: Database, database_url: str) -> Monitoring:
    with psycopg.connect(database_url) as connection:
        connection.execute(WELL)
    return Monitoring(database)


def firing(monitoring: Monitoring, database_url: str, trouble: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        connection.execute(trouble)
    monitoring.take_figures()
    return {condition.name for condition in monitoring.check() if condition.firing}


@pytest.mark.parametrize(
    ("name", "trouble"),
    [(name, trouble) for name, troubles in TROUBLES.items() for trouble in troubles],
)
def test_a_condition_fires_on_its_trouble(
    monitoring: Monitoring, database_url: str, name: str, trouble: str
) -> None:
    assert name in firing(monitoring, database_url, trouble)


@pytest.mark.parametrize("calm", CALM.values(), ids=CALM.keys())
def test_a_store_that_is_well_raises_no_alarm(
    monitoring: Monitoring, database_url: str, calm: str
) -> None:
    assert firing(monitoring, database_url, calm) == set()


def test_every_rule_has_a_trouble_that_fires_it() -> None:
    assert [rule.name for rule in RULES] == list(TROUBLES)


def test_a_condition_says_what_to_do(monitoring: Monitoring, database_url: str) -> None:
    firing(monitoring, database_url, TROUBLES["dead_events"][0])

    (dead,) = [each for each in monitoring.check() if each.name == "dead_events"]

    assert (dead.value, dead.threshold) == (1, 0)
    assert "coinpurse events replay --failed" in dead.mend


def test_an_empty_store_is_told_apart_from_one_that_is_well(database: Database) -> None:
    conditions = {each.name: each for each in Monitoring(database).check()}

    assert conditions["reconciliation_late"].value is None
    assert [name for name, each in conditions.items() if each.firing] == ["worker_away"]
