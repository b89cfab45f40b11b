"""The first page: how the store is doing, and what waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flask import Response, current_app

from coinpurse.back_office import DayFigures, Waiting
from coinpurse.back_office import Overview as Figures
from coinpurse.money import exponent
from coinpurse.web import formatting
from coinpurse.web.access import current_purse
from coinpurse.web.admin import charts, frame
from coinpurse.web.admin.charts import Chart
from coinpurse.web.admin.views import Assets, Page, endpoint_of, expose, link_to
from coinpurse.web.language import gettext, ngettext
from coinpurse.web.language import lazy_gettext as _

WEEK = 7
Read = Callable[[DayFigures], int]
Write = Callable[[float], str]


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
            charts=charts_of(figures),
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
    """The figures of the page, money first, each currency by itself."""
    money = [
        _measure(
            figures,
            _("Came in, %(currency)s") % {"currency": currency.upper()},
            f"revenue-{currency}",
            _gross_in(currency),
            _money_in(currency),
        )
        for currency in currencies_of(figures)
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


def charts_of(figures: Figures) -> list[Chart]:
    """The charts, each with the question that it answers."""
    days = figures.days
    dates = [day.day for day in days]
    sold, spent = sum(day.coins_sold for day in days), sum(day.coins_spent for day in days)
    started = sum(day.checkouts_started for day in days)
    paid = sum(day.checkouts_paid for day in days)
    drawn = [
        charts.draw(
            "coins",
            title=_("How many coins were sold, and how many spent?"),
            answer=gettext(
                "In 30 days and today: %(sold)s sold, %(spent)s spent.",
                sold=formatting.coins(sold),
                spent=formatting.coins(spent),
            ),
            days=dates,
            figures=[
                charts.Figures(_("Sold"), [day.coins_sold for day in days]),
                charts.Figures(_("Spent"), [day.coins_spent for day in days]),
            ],
            write_short=frame.short_number,
        ),
        charts.draw(
            "checkouts",
            title=_("How many checkouts are paid?"),
            answer=gettext(
                "%(paid)s of %(started)s: %(share)s.",
                paid=frame.number(paid),
                started=frame.number(started),
                share=frame.percent(min(1.0, paid / started)),
            )
            if started
            else _("None was started."),
            days=dates,
            figures=[
                charts.Figures(_("Checkouts started"), [day.checkouts_started for day in days]),
                charts.Figures(_("Checkouts paid"), [day.checkouts_paid for day in days]),
            ],
            write_short=frame.short_number,
        ),
    ]
    drawn += [_revenue_chart(days, currency) for currency in currencies_of(figures)[:1]]
    drawn.append(_outstanding_chart(days))
    return drawn


def currencies_of(figures: Figures) -> list[str]:
    """The currencies that came in, the one of the most payments' worth first."""
    sums: dict[str, Fraction] = {}
    for day in figures.days:
        for each in day.revenue:
            major = Fraction(each.gross_minor, 10 ** exponent(each.currency))
            sums[each.currency] = sums.get(each.currency, Fraction(0)) + major
    return sorted(sums, key=lambda currency: (-sums[currency], currency))


def _revenue_chart(days: Sequence[DayFigures], currency: str) -> Chart:
    write = _money_in(currency)
    gross = [_gross_in(currency)(day) for day in days]
    refunded = [
        sum(each.refunded_minor for each in day.revenue if each.currency == currency)
        for day in days
    ]
    return charts.draw(
        "revenue",
        title=gettext(
            "How much came in, and how much went back, in %(currency)s?", currency=currency.upper()
        ),
        answer=gettext(
            "%(gross)s came in, %(refunded)s went back.",
            gross=write(sum(gross)),
            refunded=write(sum(refunded)),
        ),
        days=[day.day for day in days],
        figures=[
            charts.Figures(_("Came in"), gross),
            charts.Figures(_("Went back"), refunded),
        ],
        write=write,
        write_short=lambda minor: frame.short_number(minor / 10 ** exponent(currency)),
    )


def _outstanding_chart(days: Sequence[DayFigures]) -> Chart:
    last = days[-1]
    return charts.draw(
        "outstanding",
        title=_("How many coins do buyers still have?"),
        answer=gettext(
            "Now: %(paid)s that were bought, %(bonus)s of bonus.",
            paid=formatting.coins(last.outstanding_paid),
            bonus=formatting.coins(last.outstanding_bonus),
        ),
        days=[day.day for day in days],
        figures=[
            charts.Figures(_("Bought"), [day.outstanding_paid for day in days], "line"),
            charts.Figures(_("Bonus"), [day.outstanding_bonus for day in days], "line"),
        ],
        write_short=frame.short_number,
    )


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


def _gross_in(currency: str) -> Read:
    return lambda day: sum(each.gross_minor for each in day.revenue if each.currency == currency)


def _money_in(currency: str) -> Write:
    return lambda minor: frame.amount(round(minor), currency)


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
