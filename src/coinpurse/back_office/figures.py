"""The figures of the overview, made of what was counted before and what is counted now."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coinpurse.back_office.listing import start_of_day
from coinpurse.back_office.rules import OVERVIEW_DAYS, DayFigures, Overview, Revenue, Waiting
from coinpurse.back_office.store import figures as store
from coinpurse.db import Database


def count(database: Database, *, margin_seconds: float = store.MARGIN_SECONDS) -> None:
    """Count what has happened since the last time, a day to a transaction. For the worker; safe to run twice."""
    more = True
    while more:
        with database.unit_of_work() as work:
            more = store.count_step(work, margin_seconds=margin_seconds)


def read_overview(database: Database, *, today: date, time_zone: str) -> Overview:
    """Return the figures of a day and of the 30 days before it, as of one moment."""
    days = [today - timedelta(days=ago) for ago in range(OVERVIEW_DAYS, -1, -1)]
    with database.unit_of_work() as work:
        found = store.read(
            work, days=days, since=start_of_day(days[0], time_zone), time_zone=time_zone
        )
    counted = _sum_by_day(found.days, store.FIGURES)
    disputes = {row.day: row.disputes for row in found.disputes}
    refunds: dict[date, int] = defaultdict(int)
    for row in found.refunds:
        refunds[row.day] += row.refunds
    revenue = _revenue_by_day(found)
    figures = []
    # Backwards from what is in the wallets now.
    live = _not_counted(found)
    paid, bonus = found.paid + live["paid_change"], found.bonus + live["bonus_change"]
    for day in reversed(days):
        of_day = counted[day]
        figures.append(
            DayFigures(
                day=day,
                revenue=revenue.get(day, ()),
                coins_sold=of_day["coins_sold"],
                coins_spent=of_day["coins_spent"],
                outstanding_paid=paid,
                outstanding_bonus=bonus,
                checkouts_started=of_day["checkouts_started"],
                checkouts_paid=of_day["checkouts_paid"],
                refunds=refunds[day],
                disputes=disputes.get(day, 0),
            )
        )
        paid, bonus = paid - of_day["paid_change"], bonus - of_day["bonus_change"]
    return Overview(
        at=found.at.astimezone(ZoneInfo(time_zone)),
        time_zone=time_zone,
        days=tuple(reversed(figures)),
        waiting=Waiting(**found.waiting),
        counted_until=found.counted_until,
    )


def _sum_by_day(rows: list[Any], names: tuple[str, ...]) -> dict[date, dict[str, int]]:
    sums: dict[date, dict[str, int]] = defaultdict(lambda: dict.fromkeys(names, 0))
    for row in rows:
        for name in names:
            sums[row.day][name] += getattr(row, name)
    return sums


def _not_counted(found: store.Figures) -> dict[str, int]:
    return {
        name: sum(getattr(row, name) for row in found.live)
        for name in ("paid_change", "bonus_change")
    }


def _revenue_by_day(found: store.Figures) -> dict[date, tuple[Revenue, ...]]:
    """Gross and refunded money of each day by currency, in the order of the currencies."""
    money: dict[date, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    for place, rows in enumerate((found.revenue, found.refunds)):
        for row in rows:
            money[row.day][row.currency][place] += row.amount_minor
    for row in found.revenue:
        money[row.day][row.currency][2] += row.quarters
    return {
        day: tuple(Revenue(currency, *of_day[currency]) for currency in sorted(of_day))
        for day, of_day in money.items()
    }
