"""Lists as CSV for spreadsheets. Pure: no I/O."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from decimal import Decimal

from coinpurse.back_office.listing import Column, Listing, Row
from coinpurse.errors import InvalidRequest
from coinpurse.money import exponent

# Also the full-width forms, which spreadsheets set to an East Asian language may read as the same signs. Many
# countries' spreadsheets part cells at semicolons: there a cell, and a line, may begin in the middle of a text of ours.
FORMULA_START = re.compile(r"\A(?=[=+\-@＝＋－＠\t\r\n])|(?<=[;\t\r\n])(?=[=+\-@＝＋－＠])")


def csv_header(listing: Listing) -> str:
    """Return the first line of a list's CSV: its columns' names. Money is in major units there."""
    return _line([column.name.removesuffix("_minor") for column in listing.columns])


def csv_line(listing: Listing, row: Row) -> str:
    """Return a row as a line of CSV. A cell that a spreadsheet would take for a formula is made text."""
    return _line([_cell(column, row) for column in listing.columns])


def neutralise(text: str) -> str:
    """Make a text harmless for spreadsheets, which run what begins like a formula.

    Source: OWASP, CSV Injection.
    """
    return FORMULA_START.sub("'", text)


def _cell(column: Column, row: Row) -> str:
    value = row[column.name]
    if value is None:
        return ""
    if column.kind == "money":
        return _in_major_units(int(str(value)), str(row[column.currency]))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, (dict, list)):
        return neutralise(json.dumps(value, ensure_ascii=False, default=str))
    return neutralise(str(value))


def _in_major_units(amount_minor: int, currency: str) -> str:
    try:
        return str(Decimal(amount_minor).scaleb(-exponent(currency)))
    except InvalidRequest:
        # Others may take money that we know nothing of; whoever reads it must see that.
        return f"{amount_minor} minor units"


def _line(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
