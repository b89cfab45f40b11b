"""Stripe's bracket notation: `line_items[0][price]=x`, `expand[]=y`.

Every level becomes a dict; lists are dicts with the keys "0", "1", ... until a
parameter rule says that a list is meant, because only the rule can tell
`metadata[0]` from the first element of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from stripe_sandbox.api.errors import MalformedRequest

Form = dict[str, "str | Form"]

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
SEGMENT = re.compile(r"\[([^\[\]]*)\]")
DEEPEST = 12


def parse_form(text: str) -> Form:
    """Parse a query string or a form body. Raises MalformedRequest for crossed shapes."""
    return parse_pairs(parse_qsl(text, keep_blank_values=True))


def parse_pairs(pairs: Iterable[tuple[str, str]]) -> Form:
    """Build the nested form from decoded pairs; the last of equal keys counts."""
    form: Form = {}
    for key, value in pairs:
        _place(form, _path(key), value)
    return form


def flatten(form: Form, prefix: str = "") -> list[tuple[str, str]]:
    """Return the pairs of a form, keys in bracket notation: the reverse of parse_pairs."""
    pairs: list[tuple[str, str]] = []
    for name, value in form.items():
        key = f"{prefix}[{name}]" if prefix else name
        pairs.extend(flatten(value, key) if isinstance(value, dict) else [(key, value)])
    return pairs


def _path(key: str) -> list[str]:
    match = KEY.fullmatch(key)
    if match is None:
        return [key]
    return [match[1], *SEGMENT.findall(match[2])]


def _place(form: Form, path: list[str], value: str) -> None:
    if len(path) > DEEPEST:
        raise MalformedRequest("The request is nested too deeply.", param=path[0])
    level = form
    for position, name in enumerate(path):
        last = position == len(path) - 1
        if name == "" and position > 0:
            name = _next_index(level, None if last else path[position + 1])
        if last:
            if isinstance(level.get(name), dict):
                raise MalformedRequest("Invalid object", param=path[0])
            level[name] = value
            return
        below = level.setdefault(name, {})
        if not isinstance(below, dict):
            raise MalformedRequest("Invalid object", param=path[0])
        level = below


def _next_index(level: Form, following: str | None) -> str:
    """`a[]` opens a new element unless the last one still lacks the key that follows."""
    last = str(len(level) - 1)
    element = level.get(last)
    if following and isinstance(element, dict) and following not in element:
        return last
    return str(len(level))
