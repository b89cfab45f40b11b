"""Plans as PostgreSQL prints them with `debug_print_plan`: nested nodes, of which the interesting parts are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

TOKEN = re.compile(r"[{}()\[\]]|(?:\\.|[^\s{}()\[\]\\])+")
OPENING = {"(": ")", "[": "]"}
# The words of EXPLAIN, where they are not the node's own.
WORDS = {
    "SEQSCAN": "Seq Scan",
    "INDEXSCAN": "Index Scan",
    "INDEXONLYSCAN": "Index Only Scan",
    "BITMAPHEAPSCAN": "Bitmap Heap Scan",
    "BITMAPINDEXSCAN": "Bitmap Index Scan",
    "LOCKROWS": "Lock Rows",
    "MODIFYTABLE": "Modify Table",
    "NESTLOOP": "Nested Loop",
    "HASHJOIN": "Hash Join",
    "MERGEJOIN": "Merge Join",
    "INCREMENTALSORT": "Incremental Sort",
    "SUBQUERYSCAN": "Subquery Scan",
    "FUNCTIONSCAN": "Function Scan",
    "VALUESSCAN": "Values Scan",
    "CTESCAN": "CTE Scan",
    "WINDOWAGG": "Window",
    "AGG": "Aggregate",
    "PROJECTSET": "Project Set",
    "TIDSCAN": "Tid Scan",
    "GATHERMERGE": "Gather Merge",
    "MERGEAPPEND": "Merge Append",
}


@dataclass
class Node:
    """A node: what it is called, and the values of each field."""

    name: str
    fields: dict[str, list[object]] = field(default_factory=dict)

    def value(self, ending: str) -> str | None:
        """Return the first word of the field whose name ends so."""
        for name, values in self.fields.items():
            if name.rpartition(".")[2] == ending and values and isinstance(values[0], str):
                return values[0]
        return None

    def children(self) -> Iterator[Node]:
        """Yield the nodes directly below, in their order."""
        for values in self.fields.values():
            yield from _nodes(values)


def plan_lines(text: str, names: Mapping[int, str]) -> list[str]:
    """Return a printed plan as lines like EXPLAIN's; none where it reads no table. names: of tables and indexes."""
    tokens = iter(TOKEN.findall(text))
    planned = next(_nodes([_read(next(tokens), tokens)]))
    tables = [node.value("relid") for node in planned.children() if node.name == "RANGETBLENTRY"]
    lines = list(_lines(planned, 0, tables, names))
    return lines if any(" on " in line for line in lines) else []


def _lines(
    node: Node, depth: int, tables: list[str | None], names: Mapping[int, str]
) -> Iterator[str]:
    rows = node.value("plan_rows")
    if rows is not None:
        cost = float(node.value("total_cost") or 0)
        words = WORDS.get(node.name, node.name.capitalize())
        index = node.value("indexid")
        place = node.value("scanrelid") or node.value("nominalRelation")
        if index is not None:
            words += f" using {names.get(int(index), index)}"
        table = tables[int(place) - 1] if place is not None else None
        if table not in (None, "0"):
            words += f" on {names.get(int(table or 0), table)}"
        yield f"{'  ' * depth}{words}  (rows {float(rows):,.0f}, cost {cost:,.2f})"
        depth += 1
    for child in node.children():
        yield from _lines(child, depth, tables, names)


def _nodes(values: list[object]) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, list):
            yield from _nodes(value)


def _read(first: str, tokens: Iterator[str]) -> object:
    if first == "{":
        node = Node(next(tokens))
        values: list[object] = []
        for following in tokens:
            if following == "}":
                return node
            if following.startswith(":"):
                values = node.fields.setdefault(following[1:], [])
            else:
                values.append(_read(following, tokens))
        raise ValueError("the plan ends in a node")
    if first in OPENING:
        listed: list[object] = []
        for following in tokens:
            if following == OPENING[first]:
                return listed
            listed.append(_read(following, tokens))
        raise ValueError("the plan ends in a list")
    return first
