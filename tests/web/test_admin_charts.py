"""Where the marks of a chart stand, and which charts there are."""

from __future__ import annotations

import re
from datetime import date, timedelta

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from coinpurse import Coinpurse
from coinpurse.web.admin import charts
from tests.web.conftest import Browser, text_of
from tests.web.test_admin_frame import staff

DAYS = [date(2026, 10, 26) + timedelta(days=day) for day in range(31)]


@given(st.floats(min_value=0, max_value=1e15))
def test_an_axis_ends_above_the_highest_figure_in_four_whole_steps(highest: float) -> None:
    top = charts.scale_top(highest)

    assert highest <= top * (1 + 1e-9)
    assert top / charts.GRID_LINES == round(top / charts.GRID_LINES)
    assert top <= max(charts.GRID_LINES, highest * 4 + 4)


@given(st.lists(st.integers(min_value=0, max_value=2**53), min_size=31, max_size=31))
def test_no_mark_stands_outside_the_plot(values: list[int]) -> None:
    chart = charts.draw(
        "x",
        title="?",
        answer="",
        days=DAYS,
        figures=[charts.Figures("a", values), charts.Figures("b", values, "line")],
        write=str,
        write_day=str,
    )

    bars, dots = chart.series[0].bars, chart.series[1].dots
    assert len(bars) == len(dots) == len(chart.table) == 31
    for mark in (*bars, *dots):
        assert charts.LEFT <= mark.x <= mark.x + mark.width <= charts.RIGHT + 0.1
        assert charts.TOP <= mark.y <= mark.y + mark.height <= charts.BOTTOM + 0.1


# Money by quarters of an hour, most sales first: yen and pounds are as often bought, a yen is less than a pound.
SOLD = {"usd": (9999, 5), "jpy": (14_800, 4), "gbp": (799, 4), "kwd": (3050, 3), "eur": (8999, 2)}


def sold(app: Flask) -> None:
    """Sales of today in five currencies, as the worker has counted them."""
    purse: Coinpurse = app.extensions["coinpurse"]
    with purse.database.unit_of_work() as work:
        for currency, (minor, quarters) in SOLD.items():
            for quarter in range(quarters):
                work.execute(
                    "INSERT INTO coinpurse.quarter_revenue"
                    " SELECT date_trunc('day', now(), 'UTC') - make_interval(mins => 15 * %(quarter)s), %(currency)s,"
                    "        %(minor)s",
                    quarter=quarter,
                    currency=currency,
                    minor=minor,
                )
        work.execute(
            "INSERT INTO coinpurse.quarter_totals (quarter, coins_sold) VALUES (now() - interval '1 day', 1)"
        )
        work.execute("UPDATE coinpurse.totals_state SET counted_until = now()")


def test_each_currency_has_a_chart_and_a_table_has_the_rest(app: Flask, ada: Browser) -> None:
    staff(app, ada, "viewer")
    sold(app)

    page = ada.get("/admin/?language=en").text

    assert re.findall('data-testid="chart-revenue-(...)"', page) == ["usd", "jpy", "gbp", "kwd"]
    assert "¥59,200 came in, ¥0 went back." in page
    assert "KWD9.150 came in" in page
    assert "<td>¥14,800</td><td>¥0</td>" in page
    assert "20K</text>" in page
    assert text_of(page, "other-money").endswith("EUR €89.99 €179.98 €0.00")
    assert 'data-testid="measure-revenue-eur"' not in page
    assert "JPY 收入多少，退回多少？" in ada.get("/admin/?language=zh").text
