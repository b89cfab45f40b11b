"""The SQL of the figures: what is counted as it happens, in quarters of an hour, and what is read just now.

Decision 0037 says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from coinpurse.db import UnitOfWork

# The counting of one transaction; an old ledger is caught up in many.
LARGEST_STEP = "1 day"
# Rows of payments bear the time at which their transaction began. Ours are short, but for a wait for a lock.
MARGIN_SECONDS = 30.0

LOCK = """
    SELECT fence <= pg_snapshot_xmin(pg_current_snapshot()) AS is_over,
           fence IS NULL OR fence >= pg_snapshot_xmax(pg_current_snapshot()) AS is_missing
      FROM coinpurse.totals_state FOR UPDATE SKIP LOCKED
"""
# The moment is before this transaction had a number: whoever has a later one writes its rows after it.
NEW_FENCE = """
    UPDATE coinpurse.totals_state
       SET fence = pg_current_xact_id(), fenced_at = now() - make_interval(secs => %(margin_seconds)s)
"""
# From an installation's first row, or from where the counting stopped.
NEXT_STEP = f"""
    SELECT start, least(fenced_at, start + interval '{LARGEST_STEP}') AS stop, fenced_at
      FROM coinpurse.totals_state,
           LATERAL (SELECT greatest(counted_until, least(
                        (SELECT min(created_at) FROM coinpurse.transactions),
                        (SELECT min(created_at) FROM coinpurse.payment_sessions), fenced_at)) AS start) AS found
"""
# A hold sets coins of a grant aside and leaves them in it.
COUNT_ROWS = """
    WITH rows AS (
        SELECT {bucket} AS quarter, type, coins, amount_minor, currency, grant_ids, grant_coins
          FROM coinpurse.transactions AS t WHERE created_at >= %(start)s {before}
    ), ledger AS (
        SELECT quarter, coalesce(sum(coins) FILTER (WHERE type = 'purchase'), 0)::bigint AS sold,
               coalesce(-sum(coins) FILTER (WHERE type IN ('usage', 'capture', 'reversal')), 0)::bigint AS spent,
               count(*) FILTER (WHERE type = 'purchase') AS paid
          FROM rows GROUP BY quarter
    ), moved AS (
        SELECT quarter, coalesce(sum(part.coins) FILTER (WHERE g.kind = 'paid'), 0)::bigint AS paid,
               coalesce(sum(part.coins) FILTER (WHERE g.kind = 'bonus'), 0)::bigint AS bonus
          FROM rows, unnest(grant_ids, grant_coins) AS part (grant_id, coins)
          JOIN coinpurse.grants AS g ON g.id = part.grant_id
         WHERE type NOT IN ('hold', 'freeze', 'release') AND part.coins <> 0 GROUP BY quarter
    ), started AS (
        SELECT {bucket} AS quarter, count(*) AS started
          FROM coinpurse.payment_sessions AS t WHERE created_at >= %(start)s {before} GROUP BY 1
    )
    SELECT quarter, coalesce(l.sold, 0) AS coins_sold, coalesce(l.spent, 0) AS coins_spent,
           coalesce(m.paid, 0) AS paid_change, coalesce(m.bonus, 0) AS bonus_change,
           coalesce(s.started, 0) AS checkouts_started, coalesce(l.paid, 0) AS checkouts_paid
      FROM ledger AS l FULL JOIN moved AS m USING (quarter) FULL JOIN started AS s USING (quarter)
"""
REVENUE_ROWS = """
    SELECT {bucket} AS quarter, currency, sum(amount_minor)::bigint AS amount_minor {more}
      FROM coinpurse.transactions AS t
     WHERE created_at >= %(start)s {before} AND type = 'purchase' AND currency IS NOT NULL GROUP BY 1, 2
"""
QUARTER = "date_bin('15 minutes', created_at, '2001-01-01 00:00:00+00')"
UNTIL = "AND created_at < %(stop)s"
FIGURES = (
    "coins_sold",
    "coins_spent",
    "paid_change",
    "bonus_change",
    "checkouts_started",
    "checkouts_paid",
)
# Each row has what was counted since the beginning: a day is the difference of two rows, however much happened in it.
# Counting goes forward in time, so that only the last quarter is ever written again.
RUNNING = ", ".join(
    f"coalesce(last.{name}, 0) + sum(n.{name}) OVER (ORDER BY n.quarter)" for name in FIGURES
)
COUNT = f"""
    WITH counted AS ({COUNT_ROWS.format(bucket=QUARTER, before=UNTIL)})
    INSERT INTO coinpurse.quarter_totals (quarter, {", ".join(FIGURES)})
    SELECT n.quarter, {RUNNING}
      FROM counted AS n LEFT JOIN
           (SELECT * FROM coinpurse.quarter_totals ORDER BY quarter DESC LIMIT 1) AS last ON true
    ON CONFLICT (quarter) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in FIGURES)}
"""
COUNT_REVENUE = f"""
    INSERT INTO coinpurse.quarter_revenue AS t (quarter, currency, amount_minor)
    {REVENUE_ROWS.format(bucket=QUARTER, before=UNTIL, more="")}
    ON CONFLICT (quarter, currency) DO UPDATE SET amount_minor = t.amount_minor + excluded.amount_minor
"""
ADVANCE = "UPDATE coinpurse.totals_state SET counted_until = %(stop)s"

READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
STATE = """
    SELECT now() AS at, nullif(counted_until, '-infinity') AS counted_until,
           coalesce(last.paid_change, 0) AS paid, coalesce(last.bonus_change, 0) AS bonus
      FROM coinpurse.totals_state LEFT JOIN
           (SELECT * FROM coinpurse.quarter_totals ORDER BY quarter DESC LIMIT 1) AS last ON true
"""
DAY = "(quarter AT TIME ZONE %(time_zone)s)::date"
DIFFERENCES = ", ".join(
    f"coalesce(ending.{name}, 0) - coalesce(beginning.{name}, 0) AS {name}" for name in FIGURES
)
BEFORE = """
    LEFT JOIN LATERAL (SELECT * FROM coinpurse.quarter_totals WHERE quarter < {} ORDER BY quarter DESC LIMIT 1)
              AS {} ON true
"""
DAYS = f"""
    SELECT day, {DIFFERENCES}
      FROM (SELECT day::date AS day, day::date::timestamp AT TIME ZONE %(time_zone)s AS first,
                   (day::date + 1)::timestamp AT TIME ZONE %(time_zone)s AS next
              FROM generate_series(%(first_day)s::date, %(last_day)s::date, interval '1 day') AS day) AS days
    {BEFORE.format("days.first", "beginning")} {BEFORE.format("days.next", "ending")}
"""
REVENUE_OF_DAYS = f"""
    SELECT {DAY} AS day, currency, sum(amount_minor)::bigint AS amount_minor, count(*) AS quarters
      FROM coinpurse.quarter_revenue WHERE quarter >= %(since)s GROUP BY 1, 2
"""
LIVE_DAY = "(created_at AT TIME ZONE %(time_zone)s)::date"
LIVE = COUNT_ROWS.format(bucket=LIVE_DAY, before="").replace("quarter", "day")
LIVE_REVENUE = REVENUE_ROWS.format(
    bucket=LIVE_DAY, before="", more=f", count(DISTINCT {QUARTER}) AS quarters"
).replace("AS quarter,", "AS day,")
REFUNDS = """
    SELECT (event_at AT TIME ZONE %(time_zone)s)::date AS day, currency, count(*) AS refunds,
           sum(amount_minor)::bigint AS amount_minor
      FROM coinpurse.refunds WHERE event_at >= %(since)s AND status NOT IN ('failed', 'canceled') GROUP BY 1, 2
"""
DISPUTES = """
    SELECT (event_at AT TIME ZONE %(time_zone)s)::date AS day, count(*) AS disputes
      FROM coinpurse.disputes WHERE event_at >= %(since)s GROUP BY 1
"""
WAITING = """
    SELECT (SELECT count(*) FROM coinpurse.stripe_events WHERE state = 'failed') AS events_failed,
           (SELECT count(*) FROM coinpurse.stripe_events WHERE state = 'dead') AS events_dead,
           (SELECT count(*) FROM coinpurse.payment_sessions
             WHERE review_reason IS NOT NULL AND reviewed_at IS NULL) AS in_review,
           (SELECT count(*) FROM coinpurse.disputes
             WHERE status NOT IN ('won', 'lost', 'warning_closed', 'prevented')) AS disputes_open,
           (SELECT count(*) FROM coinpurse.refund_requests WHERE state = 'requested') AS refunds_unanswered,
           (SELECT count(*) FROM coinpurse.adjustment_requests WHERE state = 'waiting') AS adjustments
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the overview is made of: rows by day, of which a day may have several.

    paid, bonus: coins in all wallets at counted_until. live: those of days that came after it.
    """

    at: datetime
    counted_until: datetime | None
    paid: int
    bonus: int
    days: list[Any]
    live: list[Any]
    revenue: list[Any]
    refunds: list[Any]
    disputes: list[Any]
    waiting: Mapping[str, int]


def count_step(work: UnitOfWork, *, margin_seconds: float = MARGIN_SECONDS) -> bool:
    """Count a part of what has happened since the last time; whether there is more.

    Only what is over is counted: rows from before the fence, once every transaction from before it has ended.
    """
    state = work.row(LOCK)
    if state is None:
        return False  # Another worker is counting.
    # The first time, or on another server after a restored backup: its transactions have other numbers.
    if not state.is_missing:
        if not state.is_over:
            return False
        step = work.row(NEXT_STEP)
        assert step is not None
        if step.start < step.stop:
            values = {"start": step.start, "stop": step.stop}
            work.execute(COUNT, **values)
            work.execute(COUNT_REVENUE, **values)
            work.execute(ADVANCE, stop=step.stop)
        if step.stop < step.fenced_at:
            return True
    work.execute(NEW_FENCE, margin_seconds=margin_seconds)
    return False


def read(work: UnitOfWork, *, days: Sequence[date], since: datetime, time_zone: str) -> Figures:
    """Read all figures as of one moment. Must be the first of its transaction.

    days: oldest first, without gaps. since: when the first one began.
    """
    work.execute(READ_ONLY)
    state = work.row(STATE)
    assert state is not None
    values = {"since": since, "time_zone": time_zone}
    live = {"start": state.counted_until or "-infinity", "time_zone": time_zone}
    waiting = work.row(WAITING)
    assert waiting is not None
    uncounted = work.rows(LIVE, **live)
    return Figures(
        at=state.at,
        counted_until=state.counted_until,
        paid=state.paid,
        bonus=state.bonus,
        days=[
            *work.rows(DAYS, first_day=days[0], last_day=days[-1], time_zone=time_zone),
            *uncounted,
        ],
        live=uncounted,
        revenue=[*work.rows(REVENUE_OF_DAYS, **values), *work.rows(LIVE_REVENUE, **live)],
        refunds=work.rows(REFUNDS, **values),
        disputes=work.rows(DISPUTES, **values),
        waiting=waiting._asdict(),
    )
