"""Reading any list: a page by keys, or all of it as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from coinpurse.back_office.listing import (
    Listing,
    ListPage,
    ListQuery,
    Row,
    find_search,
    read_cursor,
    write_cursor,
)

# The first rows of a stream are there at once, the rest in larger parts.
STREAM_ROWS = 500
# The best plan is the one for the first rows, however many follow.
FIRST_ROWS = "SET LOCAL cursor_tuple_fraction = 0.0001"


def page(connection: Connection[Any], listing: Listing, query: ListQuery) -> ListPage:
    """Return one page. Raises InvalidRequest for a cursor that is none of this list."""
    conditions, values = _narrow(connection, listing, query)
    if conditions is None:
        return ListPage(listing.columns, (), None, None)
    upwards = query.newer is not None
    cursor = query.newer or query.older
    keys = [expression for expression, _ in listing.order]
    if cursor:
        start = read_cursor(listing, cursor, field_name="newer" if upwards else "older")
        values.update({f"key_{place}": key for place, key in enumerate(start)})
        wanted = ", ".join(
            f"%(key_{place})s::{type_}" for place, (_, type_) in enumerate(listing.order)
        )
        conditions.append(f"({', '.join(keys)}) {'>' if upwards else '<'} ({wanted})")
    names = [f"key_{place}" for place in range(len(keys))]
    statement = _select(
        listing,
        conditions,
        more="".join(f", {key} AS {name}" for key, name in zip(keys, names, strict=True)),
        direction="ASC" if upwards else "DESC",
    )
    rows = _fetch(connection, f"{statement} LIMIT {query.limit + 1}", values)
    if upwards and len(rows) <= query.limit:
        # There are too few to fill a page above: it is the first one.
        return page(connection, listing, replace(query, newer=None))
    more, rows = len(rows) > query.limit, rows[: query.limit]
    if upwards:
        rows.reverse()
    places = [tuple(row.pop(name) for name in names) for row in rows]
    return ListPage(
        columns=listing.columns,
        rows=tuple(rows),
        older=write_cursor(places[-1]) if places and (more or upwards) else None,
        newer=write_cursor(places[0]) if places and query.older else None,
    )


def stream(connection: Connection[Any], listing: Listing, query: ListQuery) -> Iterator[Row]:
    """Yield all rows that fit, in the order of the list, in constant memory. Cursors and limit are left out."""
    conditions, values = _narrow(connection, listing, query)
    if conditions is None:
        return
    connection.execute(FIRST_ROWS)
    with connection.cursor(name="coinpurse_list", row_factory=dict_row) as cursor:
        cursor.itersize = STREAM_ROWS
        cursor.execute(_select(listing, conditions, more="", direction="DESC"), values)
        yield from cursor


def _narrow(
    connection: Connection[Any], listing: Listing, query: ListQuery
) -> tuple[list[str] | None, dict[str, object]]:
    """Return the conditions that a query makes, and their values; None for conditions that nothing fits."""
    conditions = []
    values: dict[str, object] = dict(query.filters)
    for name in query.filters:
        known = listing.filter(name)
        assert known is not None, f"{listing.name} has no filter {name}"
        conditions.append(f"({known.sql})")
    for moment, name, more, operator in (
        (query.since, "since", listing.since, ">="),
        (query.until, "until", listing.until, "<"),
    ):
        if moment is not None:
            values[name] = moment
            conditions.append(f"{listing.time} {operator} %({name})s")
            conditions.extend([more] if more else [])
    if query.q:
        found, values["q"] = _look_up(connection, listing, query.q)
        if found is None:
            return None, values
        conditions.append(f"({found})")
    return conditions, values


def _look_up(connection: Connection[Any], listing: Listing, q: str) -> tuple[str | None, str]:
    """Choose what a typed text is: the first of the possible things that there is one of.

    Each is asked for alone: one condition with OR would keep the list's order from being read off an index.
    """
    search, value = find_search(listing, q)
    for condition in search.conditions:
        asked = f"SELECT 1 FROM {listing.source} WHERE {condition} LIMIT 1"
        if _fetch(connection, asked, {"q": value}):
            return condition, value
    return None, value


def _select(listing: Listing, conditions: list[str], *, more: str, direction: str) -> str:
    columns = ", ".join(
        f"{column.sql or column.name} AS {column.name}" for column in listing.columns
    )
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f"{expression} {direction}" for expression, _ in listing.order)
    return f"SELECT {columns}{more} FROM {listing.source}{where} ORDER BY {order}"


def _fetch(
    connection: Connection[Any], statement: str, values: dict[str, object]
) -> list[dict[str, Any]]:
    """Run a statement that is planned for these very values: how rare each is decides which index is best."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values, prepare=False).fetchall()
