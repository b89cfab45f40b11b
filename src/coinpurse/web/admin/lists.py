"""Lists: one page for all of them, driven by what the back office knows of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import ClassVar

from flask import Response

from coinpurse.back_office import (
    COMMAND_ACTOR,
    Column,
    Filter,
    Listing,
    ListQuery,
    Row,
)
from coinpurse.errors import InvalidRequest
from coinpurse.web import formatting
from coinpurse.web.access import current_purse
from coinpurse.web.admin import frame, list_words
from coinpurse.web.admin.staff import learn_names, name_of
from coinpurse.web.admin.views import Page, address_values, expose, link_to
from coinpurse.web.admin.words import (
    BLOCKED,
    IN_REVIEW,
    Words,
    words_of,
)

CURSORS = ("older", "newer")
# Without it Excel takes UTF-8 for something else, and shows Chinese as other signs.
BYTE_ORDER_MARK = "\ufeff"
FIGURES = frozenset({"number", "coins", "money"})
LONGEST_CELL = 90
# Where nothing is the rule, nothing is shown.
BLANK_ZEROS = frozenset(
    {"refunded_minor", "held", "frozen", "debt", "in_review", "blocked", "withdrawn_minor"}
)
# Columns whose values have words wherever they stand.
FLAGS: Mapping[str, Words] = {"in_review": IN_REVIEW, "blocked": BLOCKED}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as it is shown. words: of a state; time: of a moment; stripe: one of Stripe's ids. after: more text."""

    label: object
    kind: str
    text: str = ""
    link: str | None = None
    words: Words | None = None
    time: datetime | None = None
    stripe: str | None = None
    after: object = ""

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.words or self.time or self.stripe)


@dataclass(frozen=True, slots=True)
class FilterField:
    """A field of the form above a list. choices: values with their words, the present one marked."""

    name: str
    label: object
    kind: str
    value: str
    choices: tuple[tuple[str, object], ...] = ()
    problem: object = None


class ListPage(Page):
    """A list with its search, filters, pages and CSV.

    listing_name: what the back office calls the list. states: for columns and filters of states, the words of each.
    texts: for other columns, words for values that are known.
    hidden: columns that stand in the CSV alone. quiet: filters that links set and no field shows. link_column: whose
    cell leads to the row's own page, the first by default. nothing, hint: what an empty list says.
    """

    listing_name: ClassVar[str]
    link_column: ClassVar[str] = ""
    states: ClassVar[Mapping[str, Mapping[str, Words]]] = {}
    texts: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    hidden: ClassVar[frozenset[str]] = frozenset()
    quiet: ClassVar[frozenset[str]] = frozenset()
    nothing: ClassVar[object]
    hint: ClassVar[object] = ""
    search_hint: ClassVar[object] = ""

    @property
    def listing(self) -> Listing:
        """What the back office knows of the list."""
        return current_purse().back_office.listing(self.listing_name)

    @expose("/")
    def index(self) -> Response:
        """One page of the list; a filter that makes no sense is refused at its field."""
        values = address_values()
        problem: InvalidRequest | None = None
        rows: tuple[Row, ...] = ()
        older = newer = None
        try:
            page = current_purse().back_office.page(self.listing_name, self._query(values))
        except InvalidRequest as error:
            problem = error
        else:
            rows, older, newer = page.rows, page.older, page.newer
            users = [column.name for column in self._shown() if column.kind == "user"]
            learn_names(str(row[name]) for row in rows for name in users if row[name])
        # Of the address, only what a list knows goes on: other names might be options of `url_for`.
        kept = {name: values[name] for name in self._names() if values.get(name)}
        return self.render(
            "list.html",
            status=422 if problem else 200,
            heading=self.title,
            columns=[self._label(column) for column in self._shown()],
            rows=[self._cells(row) for row in rows],
            fields=self._fields(values, problem),
            problem=list_words.problem_of(problem) if problem else None,
            filtered=bool(kept.keys() - {"limit"}),
            newer_link=link_to(self.page, **{**kept, "newer": newer}) if newer else None,
            older_link=link_to(self.page, **{**kept, "older": older}) if older else None,
            plain_link=link_to(self.page),
            export_link=link_to(self.page, "export", **kept),
            nothing=self.nothing,
            hint=self.hint,
            search_hint=self.search_hint,
            extra=self.above(),
        )

    @expose("/export.csv")
    def export(self) -> Response:
        """Everything that the filters let through, as CSV, streamed."""
        self.require("export")
        query = self._query({**address_values(), **dict.fromkeys(CURSORS, "")})
        day = datetime.now(frame.zone()).date().isoformat()
        return Response(
            chain(
                (BYTE_ORDER_MARK,), current_purse().back_office.export_csv(self.listing_name, query)
            ),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{self.page}-{day}.csv"'},
        )

    def link_of(self, row: Row) -> str | None:  # noqa: ARG002
        """Where the first cell of a row leads."""
        return None

    def above(self) -> Mapping[str, object]:
        """What a page of its own shows above its list: a link by words, for those who may."""
        return {}

    def _query(self, values: Mapping[str, str]) -> ListQuery:
        return current_purse().back_office.read_query(self.listing_name, values)

    def _shown(self) -> list[Column]:
        return [column for column in self.listing.columns if column.name not in self.hidden]

    def _names(self) -> list[str]:
        return ["q", "from", "to", "limit", *(each.name for each in self.listing.filters)]

    def _label(self, column: Column) -> dict[str, object]:
        return {
            "name": column.name,
            "words": list_words.label_of(column.name),
            "number": column.kind in FIGURES,
        }

    def _cells(self, row: Row) -> list[Cell]:
        shown = self._shown()
        cells = [self.cell(column, row) for column in shown]
        link = self.link_of(row)
        if link is not None:
            names = [column.name for column in shown]
            place = names.index(self.link_column) if self.link_column else 0
            cells[place] = replace(cells[place], link=link)
        return cells

    def cell(self, column: Column, row: Row) -> Cell:
        """One cell, in the reader's form."""
        value, label = row[column.name], list_words.label_of(column.name)
        if value is None or value == "" or (not value and column.name in BLANK_ZEROS):
            return Cell(label, column.kind)
        if column.name in self.states:
            return Cell(label, "status", words=words_of(dict(self.states[column.name]), value))
        if column.name in FLAGS:
            return Cell(label, "status", words=FLAGS[column.name])
        if isinstance(value, datetime):
            return Cell(label, "time", time=value)
        if column.kind == "stripe":
            return Cell(label, "stripe", stripe=str(value))
        known = self.texts.get(column.name, {}).get(str(value))
        text = _text(column, row) if known is None else str(known)
        return Cell(label, column.kind, text, _link(column, value))

    def _fields(
        self, values: Mapping[str, str], problem: InvalidRequest | None
    ) -> list[FilterField]:
        fields = [self._filter_field(each, values) for each in self.listing.filters]
        if self.listing.time is not None:
            fields += [
                FilterField(name, list_words.label_of(name), "date", values.get(name, ""))
                for name in ("from", "to")
            ]
        if self.listing.searches:
            fields.insert(
                0, FilterField("q", list_words.label_of("q"), "search", values.get("q", ""))
            )
        return [
            FilterField(
                each.name, each.label, "hidden" if each.name in self.quiet else each.kind, each.value, each.choices,
                list_words.problem_of(problem) if problem and problem.field == each.name else None,
            )
            for each in fields
        ]  # fmt: skip

    def _filter_field(self, known: Filter, values: Mapping[str, str]) -> FilterField:
        states = self.states.get(known.name, {})
        choices: tuple[tuple[str, object], ...] = tuple(
            (value, states[value].name if value in states else list_words.choice_of(value))
            for value in known.choices
        )
        if known.kind == "flag":
            choices = (("1", list_words.YES),)
        kind = "choice" if choices else "text"
        return FilterField(
            known.name, list_words.label_of(known.name), kind, values.get(known.name, ""), choices
        )


def _link(column: Column, value: object) -> str | None:
    # Who used a command has no wallet.
    if column.kind == "user" and not str(value).startswith(COMMAND_ACTOR):
        return link_to("wallets", "show", user=str(value))
    if column.kind == "payment":
        return link_to("payments", "show", payment_id=str(value))
    return None


def _text(column: Column, row: Row) -> str:
    value = row[column.name]
    if column.kind == "money":
        return frame.amount(value, row[column.currency])
    if column.kind == "coins" and isinstance(value, int):
        return formatting.coins(value)
    if column.kind == "number" and isinstance(value, int | float):
        return frame.number(value)
    if column.kind == "user":
        return name_of(str(value))
    if isinstance(value, bool):
        return str(list_words.YES if value else list_words.NO)
    if isinstance(value, date):
        return frame.day(value)
    text = (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, dict | list)
        else str(value)
    )
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
