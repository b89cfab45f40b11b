"""Charts as plain SVG: bars and lines by attributes, so that they read under a strict CSP, without scripts, in print.

Decision 0042 says why they are not a library's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from coinpurse.web.admin import frame

WIDTH, HEIGHT = 480, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 474, 10, 180
GRID_LINES = 4
DAY_TICKS = 4
# How much of a day's width its bars take.
BAR_SHARE = 0.76

Shape = Literal["bars", "line"]
Write = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a series shows: a value for each day, none below zero."""

    name: object
    values: Sequence[float]
    shape: Shape = "bars"


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar, or a dot of a line. words: what it stands for."""

    x: float
    y: float
    words: str
    width: float = 0
    height: float = 0


@dataclass(frozen=True, slots=True)
class Series:
    """A drawn series. path: of a line, as SVG writes it; empty for bars."""

    name: object
    shape: Shape
    bars: tuple[Mark, ...] = ()
    path: str = ""
    dots: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Words at an axis."""

    words: str
    x: float = 0
    y: float = 0
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class TableRow:
    """A day of the table that says the same as the drawing."""

    name: str
    figures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and its table. title: the question; answer: what a reader should take from it."""

    name: str
    title: object
    answer: object
    series: tuple[Series, ...]
    grid: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    table: tuple[TableRow, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT


def draw(
    name: str,
    *,
    title: object,
    answer: object,
    days: Sequence[date],
    figures: Sequence[Figures],
    write: Write = frame.number,
    write_short: Write | None = None,
    write_day: Callable[[date], str] = frame.day,
) -> Chart:
    """Draw figures by days. write: a figure in the reader's form; write_short: the same for the axis."""
    top = scale_top(max((value for each in figures for value in each.values), default=0))
    days_words = [write_day(day) for day in days]
    bars = [each for each in figures if each.shape == "bars"]
    return Chart(
        name=name,
        title=title,
        answer=answer,
        series=tuple(
            _bars(each, bars.index(each), len(bars), top, days_words, write)
            if each.shape == "bars"
            else _line(each, top, days_words, write)
            for each in figures
        ),
        grid=tuple(
            Tick(
                (write_short or write)(top * step / GRID_LINES), y=_y(top * step / GRID_LINES, top)
            )
            for step in range(GRID_LINES + 1)
        ),
        ticks=_day_ticks(days_words),
        table=tuple(
            TableRow(words, tuple(write(each.values[index]) for each in figures))
            for index, words in enumerate(days_words)
        ),
    )


def scale_top(highest: float) -> float:
    """The upper end of an axis: a number that divides into four round steps."""
    if highest <= GRID_LINES:
        return GRID_LINES
    step = highest / GRID_LINES
    magnitude: float = 10.0 ** math.floor(math.log10(step))
    factor = next(each for each in (1, 2, 2.5, 5, 10) if each * magnitude >= step * (1 - 1e-9))
    # Steps of 2.5 would be broken numbers of coins.
    return float(math.ceil(factor * magnitude) * GRID_LINES)


def _bars(
    figures: Figures, place: int, of: int, top: float, days: Sequence[str], write: Write
) -> Series:
    slot = (RIGHT - LEFT) / max(len(days), 1)
    width = slot * BAR_SHARE / of
    marks = []
    for index, value in enumerate(figures.values):
        y = _y(value, top)
        marks.append(
            Mark(
                x=round(LEFT + slot * index + slot * (1 - BAR_SHARE) / 2 + width * place, 2),
                y=y,
                width=round(width, 2),
                height=round(BOTTOM - y, 2),
                words=f"{days[index]}: {write(value)}",
            )
        )
    return Series(figures.name, "bars", bars=tuple(marks))


def _line(figures: Figures, top: float, days: Sequence[str], write: Write) -> Series:
    slot = (RIGHT - LEFT) / max(len(days), 1)
    dots = tuple(
        Mark(
            x=round(LEFT + slot * (index + 0.5), 2),
            y=_y(value, top),
            words=f"{days[index]}: {write(value)}",
        )
        for index, value in enumerate(figures.values)
    )
    path = "M" + "L".join(f"{dot.x} {dot.y}" for dot in dots) if dots else ""
    return Series(figures.name, "line", path=path, dots=dots)


def _y(value: float, top: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * value / top, 2)


def _day_ticks(days: Sequence[str]) -> tuple[Tick, ...]:
    if not days:
        return ()
    slot = (RIGHT - LEFT) / len(days)
    last = len(days) - 1
    indexes = sorted({round(last * step / (DAY_TICKS - 1)) for step in range(DAY_TICKS)})
    return tuple(
        Tick(
            days[index],
            x=RIGHT if index == last else round(LEFT + slot * (index + 0.5), 2),
            anchor="end" if index == last else "middle",
        )
        for index in indexes
    )
