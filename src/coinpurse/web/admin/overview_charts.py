"""The charts of the first page, and the money of each currency."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from coinpurse.back_office import DayFigures
from coinpurse.back_office import Overview as Figures
from coinpurse.money import exponent
from coinpurse.web import formatting
from coinpurse.web.admin import charts, frame
from coinpurse.web.admin.charts import Chart
from coinpurse.web.language import gettext
from coinpurse.web.language import lazy_gettext as _

# Currencies with a chart each; a table has the others.
MOST_CHARTS = 4
Read = Callable[[DayFigures], int]
Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """A currency of the table, in the reader's form: today, and in 30 days and today."""

    currency: str
    today: str
    gross: str
    refunded: str


def charts_of(figures: Figures) -> list[Chart]:
    """The charts, each with the question that it answers."""
    days = figures.days
    dates = [day.day for day in days]
    sold, spent = sum(day.coins_sold for day in days), sum(day.coins_spent for day in days)
    started = sum(day.checkouts_started for day in days)
    paid = sum(day.checkouts_paid for day in days)
    return [
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
        _outstanding_chart(days),
    ]


def money_charts_of(figures: Figures) -> list[Chart]:
    """A chart for each of the currencies that most is sold in."""
    return [
        _revenue_chart(figures.days, currency) for currency in currencies_of(figures)[:MOST_CHARTS]
    ]


def other_money_of(figures: Figures) -> list[MoneyRow]:
    """The currencies that have no chart."""
    return [_money_row(figures, currency) for currency in currencies_of(figures)[MOST_CHARTS:]]


def currencies_of(figures: Figures) -> list[str]:
    """The currencies that came in or went back, the one of the most sales first.

    Amounts of two currencies cannot be compared; the quarters of an hour that had sales can.
    """
    quarters: Counter[str] = Counter()
    major: defaultdict[str, Fraction] = defaultdict(Fraction)
    for day in figures.days:
        for each in day.revenue:
            quarters[each.currency] += each.quarters
            major[each.currency] += Fraction(each.gross_minor, 10 ** exponent(each.currency))
    return sorted(quarters, key=lambda currency: (-quarters[currency], -major[currency], currency))


def gross_in(currency: str) -> Read:
    """How to read what came in on a day, in minor units."""
    return lambda day: sum(each.gross_minor for each in day.revenue if each.currency == currency)


def money_in(currency: str) -> Write:
    """How to write minor units of a currency."""
    return lambda minor: frame.amount(round(minor), currency)


def _refunded_in(currency: str) -> Read:
    return lambda day: sum(each.refunded_minor for each in day.revenue if each.currency == currency)


def _money_row(figures: Figures, currency: str) -> MoneyRow:
    read, write = gross_in(currency), money_in(currency)
    return MoneyRow(
        currency=currency.upper(),
        today=write(read(figures.today)),
        gross=write(sum(map(read, figures.days))),
        refunded=write(sum(map(_refunded_in(currency), figures.days))),
    )


def _revenue_chart(days: Sequence[DayFigures], currency: str) -> Chart:
    write = money_in(currency)
    gross = [gross_in(currency)(day) for day in days]
    refunded = [_refunded_in(currency)(day) for day in days]
    return charts.draw(
        f"revenue-{currency}",
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
