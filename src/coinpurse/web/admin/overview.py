"""The first page: how the store is doing, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, current_app

from coinpurse.back_office import Overview as Figures
from coinpurse.back_office import Waiting
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame
from coinpurse.web.admin.overview_charts import (
    MOST_CHARTS,
    Read,
    Write,
    charts_of,
    currencies_of,
    gross_in,
    money_charts_of,
    money_in,
    other_money_of,
)
from coinpurse.web.admin.views import Assets, Page, endpoint_of, expose, link_to
from coinpurse.web.language import lazy_gettext as _
from coinpurse.web.language import ngettext

WEEK = 7


@dataclass(frozen=True, slots=True)
class Change:
    """The last seven whole days beside the seven before. icon: up or fall."""

    words: object
    icon: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: today, on an average day of the last 30, in all of them, and how it changed."""

    name: object
    hook: str
    today: str
    average: str
    total: str
    change: Change | None


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits for a person."""

    words: object
    link: str
    tone: str
    icon: str
    hook: str


class Overview(Assets, Page):
    """Today and the last 30 days."""

    page = "overview"
    title = _("Overview")

    @expose("/")
    def index(self) -> Response:
        """Figures, charts, and what waits."""
        figures = current_purse().back_office.overview()
        return self.render(
            "overview.html",
            heading=self.title,
            at=figures.at,
            tasks=tasks_of(figures.waiting),
            measures=measures_of(figures),
            charts=[*money_charts_of(figures), *charts_of(figures)],
            other_money=other_money_of(figures),
            is_new=not any(day.checkouts_started or day.coins_sold for day in figures.days),
        )


def tasks_of(waiting: Waiting) -> list[Task]:
    """What waits, the most urgent first; only what is there."""
    adjustments = endpoint_of("adjustments")
    can_decide = f"{adjustments}.index" in current_app.view_functions
    found = (
        (waiting.events_dead, _dead_events, link_to("events", state="dead"), "warn", "alert"),
        (waiting.in_review, _reviews, link_to("payments", in_review="1"), "wait", "person"),
        (waiting.disputes_open, _disputes, link_to("disputes"), "warn", "bank"),
        (
            waiting.events_failed,
            _failed_events,
            link_to("events", state="failed"),
            "wait",
            "repeat",
        ),
        (
            waiting.refunds_unanswered,
            _refunds,
            link_to("refund_requests", state="requested"),
            "wait",
            "clock",
        ),
        (
            waiting.adjustments if can_decide else 0,
            _adjustments,
            link_to("adjustments", state="waiting") if can_decide else "",
            "wait",
            "person",
        ),
    )
    return [
        Task(say(count), link, tone, icon, say.__name__.strip("_"))
        for count, say, link, tone, icon in found
        if count
    ]


def measures_of(figures: Figures) -> list[Measure]:
    """The figures of the page, money first, each currency that has a chart by itself."""
    money = [
        _measure(
            figures,
            _("Came in, %(currency)s") % {"currency": currency.upper()},
            f"revenue-{currency}",
            gross_in(currency),
            money_in(currency),
        )
        for currency in currencies_of(figures)[:MOST_CHARTS]
    ]
    return [
        *money,
        _measure(figures, _("Checkouts paid"), "paid", lambda day: day.checkouts_paid),
        _measure(figures, _("Checkouts started"), "started", lambda day: day.checkouts_started),
        _measure(figures, _("Coins sold"), "sold", lambda day: day.coins_sold),
        _measure(figures, _("Coins spent"), "spent", lambda day: day.coins_spent),
        _measure(figures, _("Refunds"), "refunds", lambda day: day.refunds),
        _measure(figures, _("Disputes"), "disputes", lambda day: day.disputes),
    ]


def _measure(
    figures: Figures, name: object, hook: str, read: Read, write: Write = frame.number
) -> Measure:
    whole = [read(day) for day in figures.days[:-1]]
    total = sum(whole)
    return Measure(
        name=name,
        hook=hook,
        today=write(read(figures.today)),
        average=write(_average(total, len(whole))),
        total=write(total),
        change=_change(sum(whole[-WEEK:]), sum(whole[-2 * WEEK : -WEEK])),
    )


def _average(total: int, days: int) -> float:
    """What a day has, to one decimal where whole numbers would say little."""
    average = total / days if days else 0
    return round(average) if average >= 10 else round(average, 1)


def _change(now: int, before: int) -> Change | None:
    if not before or now == before:
        return None
    share = frame.percent(abs(now - before) / before)
    if now > before:
        return Change(_("%(share)s more than the week before") % {"share": share}, "up")
    return Change(_("%(share)s less than the week before") % {"share": share}, "fall")


def _dead_events(count: int) -> object:
    return ngettext(
        "%(count)s event was given up", "%(count)s events were given up", count, count=count
    )


def _failed_events(count: int) -> object:
    return ngettext(
        "%(count)s event failed and is tried again",
        "%(count)s events failed and are tried again",
        count,
        count=count,
    )


def _reviews(count: int) -> object:
    return ngettext(
        "%(count)s payment waits for a decision",
        "%(count)s payments wait for a decision",
        count,
        count=count,
    )


def _disputes(count: int) -> object:
    return ngettext("%(count)s dispute is open", "%(count)s disputes are open", count, count=count)


def _refunds(count: int) -> object:
    return ngettext(
        "%(count)s refund was not answered by Stripe yet",
        "%(count)s refunds were not answered by Stripe yet",
        count,
        count=count,
    )


def _adjustments(count: int) -> object:
    return ngettext(
        "%(count)s correction waits for a second person",
        "%(count)s corrections wait for a second person",
        count,
        count=count,
    )
