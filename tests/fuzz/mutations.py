"""Odd things made of real ones: an event with one field gone, a form with a field that nobody has."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "\ud800",
    "\u2028\x1b[2K",
    "evt_1\nforged",
    "cs_test_1",
    "USD",
    "１２",
    "NaN",
    "1e999",
    "-0",
    "9" * 5000,
    "x" * 300,
    "é" * 300,
    "=1+1",
    "2026-11-20T10:00:00.000Z",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
)
ODD: tuple[Any, ...] = (
    *ODD_TEXTS,
    None,
    True,
    False,
    0,
    -1,
    1,
    9999,
    2**31,
    2**53,
    2**63,
    -(2**63),
    10**400,
    253_402_300_800,
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    [],
    {},
    [None],
    {"id": None},
    {"id": {"id": "x"}},
    [[[[]]]],
    [{}],
)
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xed\xa0\x80",
    b"%00",
    b"%ff",
    b"&",
    b"=",
    b"\r\n",
    b"--b",
    b'"',
    b"{",
    b"[",
    b"t=",
    b",v1=",
)


def mutate_event(event: Any, chance: random.Random) -> Any:
    """Return the event with one to four places changed."""
    changed = copy.deepcopy(event)
    for _ in range(chance.randint(1, 4)):
        places = _places(changed)
        if not places:
            return chance.choice(ODD)
        holder, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del holder[key]
            case 1:
                other, place = chance.choice(places)
                holder[key] = copy.deepcopy(other[place])
            case 2 if isinstance(holder, dict):
                holder[chance.choice(ODD_TEXTS)] = holder.pop(key)
            case 3 if type(holder[key]) is int:
                holder[key] += chance.choice((-1, 1, 2**63, -(2**64)))
            case _:
                holder[key] = copy.deepcopy(chance.choice(ODD))
    return changed


def written(value: Any) -> bytes:
    """Write JSON as lax programs do, with NaN and halves of surrogate pairs."""
    return json.dumps(value).encode()


def mutate(data: bytes, chance: random.Random, most: int = 8192) -> bytes:
    """Return other bytes: JSON changed in its parts where it is JSON, else in its letters."""
    if chance.random() < 0.7:
        head, separator, rest = data.partition(b"{")
        try:
            found = json.loads(separator + rest)
        except (ValueError, RecursionError):
            pass
        else:
            return (head + written(mutate_event(found, chance)))[:most]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        until = min(len(changed), at + chance.randrange(1, 9))
        changed[at:until] = chance.choice(
            (
                b"",
                bytes([chance.randrange(256)]),
                chance.choice(ODD_BYTES),
                chance.choice(ODD_TEXTS).encode("utf-8", "surrogatepass"),
                bytes(changed[at:until]) * 2,
            )
        )
    return bytes(changed[:most])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in the value that can be changed: what holds it, and its key or index."""
    found: list[tuple[Any, Any]] = []
    open_: list[Any] = [value]
    while open_:
        holder = open_.pop()
        keys = (
            list(holder)
            if isinstance(holder, dict)
            else range(len(holder))
            if isinstance(holder, list)
            else ()
        )
        found += [(holder, key) for key in keys]
        open_ += [holder[key] for key in keys]
    return found
