"""Deliberate bugs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A bug. patch: puts it into the imported application."""

    patch: Callable[[], None]


MUTANTS: dict[str, Mutant] = {}
