"""What a process that was forked must not share with the one that it came from."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class OfOneProcess(Protocol):
    """Something with locks, threads or connections: a child has the object without them, or in a state of theirs."""

    def begin_anew(self) -> None:
        """Leave everything that is under way to the parent."""


_parts: WeakSet[OfOneProcess] = WeakSet()


def begin_anew_in_children(part: OfOneProcess) -> None:
    """Have `part.begin_anew` called in every process that is forked from this one, as long as it lives."""
    _parts.add(part)


def _part_from_the_parent() -> None:
    for part in tuple(_parts):
        part.begin_anew()


os.register_at_fork(after_in_child=_part_from_the_parent)
