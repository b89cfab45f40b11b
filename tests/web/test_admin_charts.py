"""Where the marks of a chart stand."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from coinpurse.web.admin import charts

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
