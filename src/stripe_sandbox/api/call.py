"""One API call as its handler sees it, and the route tables that resources declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stripe_sandbox.api.parameters import PAGING, Parameters, Rule
from stripe_sandbox.json_types import Json
from stripe_sandbox.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Call:
    """Checked input of a handler: path values by name, parameters, and the version asked for."""

    path: Mapping[str, str]
    parameters: Json
    version: str
    list_url: str = ""


Handler = Callable[[UnitOfWork, Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `path` has {names} for its variable parts."""

    method: str
    path: str
    handler: Handler
    parameters: Parameters = field(default_factory=Parameters)
    body: str = "form"


def listing(rules: Mapping[str, Rule] | None = None) -> Parameters:
    """Return the parameters of a list endpoint: its filters and the paging."""
    return Parameters({**(rules or {}), **PAGING})
