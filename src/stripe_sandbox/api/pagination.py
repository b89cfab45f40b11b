"""Lists: filters, both directions of paging, `has_more`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stripe_sandbox.api.call import Call
from stripe_sandbox.api.errors import MalformedRequest, resource_missing
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import NOUNS, UnitOfWork

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def page(
    work: UnitOfWork,
    call: Call,
    kind: str,
    filters: Mapping[str, object] | None = None,
    *,
    clause: str = "",
    clause_parameters: Sequence[object] = (),
) -> Json:
    """Return one page of stored objects, newest first, as Stripe's list object.

    filters: indexed fields and the values they must have; None values are left out.
    """
    limit = page_size(call)
    given = call.parameters
    created, times = created_clause(given.get("created"))
    backwards = "ending_before" in given
    found: list[Json] = []
    for place, position in _places(work, kind, given, backwards=backwards):
        found += work.store.select(
            kind,
            {name: value for name, value in (filters or {}).items() if value is not None},
            limit=limit + 1 - len(found),
            clause=clause + created + place,
            clause_parameters=[*clause_parameters, *times, *position],
            oldest_first=backwards,
        )
    data = found[:limit]
    if backwards:
        data.reverse()
    return listed(data, call.list_url, has_more=len(found) > limit)


def listed(data: Sequence[Json], url: str, *, has_more: bool = False) -> Json:
    """Return objects as Stripe's list object."""
    return {"object": "list", "data": list(data), "has_more": has_more, "url": url}


def slice_page(call: Call, items: Sequence[Json], noun: str) -> Json:
    """Return one page of a list held in memory, in its own order (line items)."""
    limit = page_size(call)
    ids = [item["id"] for item in items]
    given = call.parameters
    for param in ("starting_after", "ending_before"):
        if param in given and given[param] not in ids:
            raise resource_missing(noun, given[param], param)
    if "ending_before" in given:
        end = ids.index(given["ending_before"])
        start = max(0, end - limit)
        return listed(items[start:end], call.list_url, has_more=start > 0)
    start = ids.index(given["starting_after"]) + 1 if "starting_after" in given else 0
    return listed(items[start : start + limit], call.list_url, has_more=len(items) > start + limit)


def page_size(call: Call) -> int:
    """Return the limit asked for. Raises Stripe's refusals of bad paging."""
    given = call.parameters
    if "starting_after" in given and "ending_before" in given:
        raise MalformedRequest("You cannot parameterize both starting_after and ending_before.")
    limit: int = given.get("limit", 10)
    if not 1 <= limit <= 100:
        bound, word = (1, "greater") if limit < 1 else (100, "less")
        raise MalformedRequest(
            f"This value must be {word} than or equal to {bound}.",
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def created_clause(created: object) -> tuple[str, list[object]]:
    """Return the SQL condition of a `created` filter."""
    if created is None:
        return "", []
    if not isinstance(created, dict):
        return " AND created = ?", [created]
    parts = [f" AND created {COMPARISONS[name]} ?" for name in created]
    return "".join(parts), list(created.values())


def _places(
    work: UnitOfWork, kind: str, given: Json, *, backwards: bool
) -> list[tuple[str, list[object]]]:
    """Return the SQL conditions that follow a cursor: the rest of its second, then all beyond.

    Two, because SQLite finds each of them in an index, and would walk through the whole second for both
    in one.
    """
    param = "ending_before" if backwards else "starting_after"
    cursor = given.get(param)
    if cursor is None:
        return [("", [])]
    row = work.store.row(
        "SELECT created, sequence FROM objects WHERE id = ? AND kind = ?", (cursor, kind)
    )
    if row is None:
        raise resource_missing(NOUNS.get(kind, kind.rsplit(".", 1)[-1]), cursor, param)
    beyond = ">" if backwards else "<"
    return [
        (f" AND created = ? AND sequence {beyond} ?", [row["created"], row["sequence"]]),
        (f" AND created {beyond} ?", [row["created"]]),
    ]
