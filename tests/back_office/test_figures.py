"""The overview: the same figures whether they were counted before or just now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from coinpurse import ledger
from coinpurse.back_office import BackOffice, DayFigures, Revenue
from coinpurse.back_office.figures import count, read_overview
from coinpurse.back_office.store.figures import MARGIN_SECONDS
from coinpurse.db import Database, UnitOfWork
from coinpurse.db.engine import LOCK_SECONDS
from coinpurse.ledger import NewGrant
from coinpurse.money import Money

TODAY = date(2026, 3, 10)
MIDNIGHT = datetime(2026, 3, 9, 23, tzinfo=UTC)  # In Vienna.
ZONE = "Europe/Vienna"


def at(work: UnitOfWork, moment: datetime) -> None:
    """Bear this time on what the transaction has posted: the ledger itself takes none."""
    work.execute("SET LOCAL session_replication_role = replica")
    for table in ("transactions", "payment_sessions"):
        work.execute(
            f"UPDATE coinpurse.{table} SET created_at = %(at)s WHERE xmin::text::bigint = txid_current()",  # noqa: S608
            at=moment,
        )


def sell(database: Database, moment: datetime, *, minor: int = 999, currency: str = "usd") -> None:
    with database.unit_of_work() as work:
        id_ = uuid4()
        work.execute(
            "INSERT INTO coinpurse.payment_sessions (id, user_id, pack_sku, coins, bonus, amount_minor, currency,"
            " livemode, status, request_digest, stripe_parameters)"
            " VALUES (%(id)s, 'ada', 'handful', 100, 20, %(minor)s, %(currency)s, false, 'completed', '', '{}')",
            id=id_,
            minor=minor,
            currency=currency,
        )
        ledger.credit(
            work,
            "ada",
            [NewGrant("paid", 100), NewGrant("bonus", 20)],
            key=f"purchase:{id_}",
            type_="purchase",
            source="purchase",
            price=Money(minor, currency),
            payment_id=id_,
        )
        work.execute(
            "INSERT INTO coinpurse.refunds"
            " (id, payment_id, payment_intent_id, amount_minor, currency, status, event_at)"
            " VALUES (%(id)s, %(payment)s, 'pi', 100, %(currency)s, 'succeeded', %(at)s),"
            "        (%(id)s || 'x', %(payment)s, 'pi', 500, %(currency)s, 'failed', %(at)s)",
            id=f"re_{id_}",
            payment=id_,
            currency=currency,
            at=moment,
        )
        at(work, moment)


def spend(database: Database, coins: int, moment: datetime) -> None:
    with database.unit_of_work() as work:
        spent = ledger.spend(work, "ada", coins, key=uuid4().hex)
        ledger.reverse(work, spent.id, coins=1, key=uuid4().hex)
        ledger.hold(work, "ada", 5, key=uuid4().hex, ttl_seconds=9999)
        at(work, moment)


def days(database: Database, today: date = TODAY) -> tuple[DayFigures, ...]:
    return read_overview(database, today=today, time_zone=ZONE).days


def test_days_are_those_of_the_time_zone_and_add_up(database: Database) -> None:
    sell(database, MIDNIGHT - timedelta(seconds=1))
    sell(database, MIDNIGHT)
    sell(database, MIDNIGHT + timedelta(hours=1), minor=1000, currency="jpy")
    spend(database, 30, MIDNIGHT + timedelta(hours=2))

    *_, yesterday, today = days(database)

    assert yesterday == DayFigures(
        day=date(2026, 3, 9),
        revenue=(Revenue("usd", 999, 100, 1),),
        coins_sold=120,
        outstanding_paid=100,
        outstanding_bonus=20,
        checkouts_started=1,
        checkouts_paid=1,
        refunds=1,
    )
    assert today.revenue == (Revenue("jpy", 1000, 100, 1), Revenue("usd", 999, 100, 1))
    assert (today.coins_sold, today.coins_spent, today.conversion) == (240, 29, 1.0)
    # The bonus is spent first; what is held is still there.
    assert (today.outstanding_paid, today.outstanding_bonus) == (300, 31)
    assert len(days(database)) == 31


def counted(database: Database, *, margin_seconds: float = 0) -> tuple[int, int]:
    """Count once more, and return what was counted of paid and bonus coins until now."""
    count(database, margin_seconds=margin_seconds)
    with database.unit_of_work() as work:
        row = work.row(
            "SELECT coalesce(max(paid_change), 0) AS paid, coalesce(max(bonus_change), 0) AS bonus"
            "  FROM coinpurse.quarter_totals"
        )
    assert row is not None
    return row.paid, row.bonus


# Whatever is under way on the server, in other databases too, may put the counting off.


def test_counting_changes_no_figure(database: Database, eventually: Callable[..., Any]) -> None:
    for hour in range(0, 24 * 40, 7):
        sell(database, MIDNIGHT - timedelta(hours=hour))
    spend(database, 30, MIDNIGHT - timedelta(days=3))
    before = days(database)

    eventually(lambda: counted(database, margin_seconds=10)[0] == 138 * 100)

    assert days(database) == before
    with database.unit_of_work() as work:
        assert work.row("SELECT count(*) AS n FROM coinpurse.quarter_totals").n > 100  # type: ignore[union-attr]
        kept = work.row("SELECT sum(remaining) AS n FROM coinpurse.grants")
    assert kept is not None
    assert before[-1].outstanding_paid + before[-1].outstanding_bonus == kept.n


def test_what_a_host_commits_late_is_counted_once(
    database: Database, eventually: Callable[..., Any]
) -> None:
    """A row bears the time at which it was made, and may appear long after it."""
    sell(database, MIDNIGHT)
    eventually(lambda: counted(database) == (100, 20))
    today = datetime.now(UTC).date()
    with database.connection() as late:
        ledger.credit(
            UnitOfWork(late), "bob", [NewGrant("bonus", 7)], key="late", source="promotion"
        )
        for _ in range(3):
            assert counted(database) == (100, 20)

    eventually(lambda: counted(database) == (100, 27))

    assert read_overview(database, today=today, time_zone=ZONE).today.outstanding_bonus == 27


def test_counting_goes_on_after_a_restored_backup(
    database: Database, eventually: Callable[..., Any]
) -> None:
    """The new server's transactions have smaller numbers than the fence."""
    count(database, margin_seconds=0)
    with database.unit_of_work() as work:
        work.execute("UPDATE coinpurse.totals_state SET fence = '1000000000'")
    sell(database, MIDNIGHT)

    eventually(lambda: counted(database) == (100, 20))


def test_two_workers_count_once(database: Database) -> None:
    sell(database, MIDNIGHT)
    count(database)
    with database.connection() as other:
        other.execute("SELECT 1 FROM coinpurse.totals_state FOR UPDATE")
        count(database)  # Waits for nobody.
    count(database)

    assert days(database)[-1].coins_sold == 120


def test_what_waits_for_a_person_is_told(office: BackOffice, database: Database) -> None:
    office.request_adjustment("ada", 5000, reason="r", actor="sue", key="k")
    with database.unit_of_work() as work:
        work.execute(
            "INSERT INTO coinpurse.stripe_events (id, type, object_id, livemode, event_at, payload, state)"
            " SELECT 'evt_' || state, 't', 'o', false, now(), '{}', state"
            "   FROM unnest(ARRAY['failed', 'dead', 'processed']) AS state"
        )

    waiting = office.overview().waiting

    assert waiting == replace(waiting, events_failed=1, events_dead=1, adjustments=1, in_review=0)


@pytest.mark.parametrize(("started", "paid", "share"), [(0, 1, None), (4, 1, 0.25), (1, 3, 1.0)])
def test_conversion_is_a_share(started: int, paid: int, share: float | None) -> None:
    assert DayFigures(TODAY, checkouts_started=started, checkouts_paid=paid).conversion == share


def test_a_checkout_that_waited_for_a_lock_is_counted() -> None:
    """Its row bears the time before the wait."""
    assert MARGIN_SECONDS > LOCK_SECONDS
