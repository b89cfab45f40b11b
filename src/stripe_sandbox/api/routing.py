"""From method and path to a route: the sum of the resources' tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from stripe_sandbox.api.call import Route
from stripe_sandbox.api.errors import ApiError

NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """A route with the values of its path's names."""

    route: Route
    values: dict[str, str]


class Router:
    """Finds routes; built once from all tables."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Compile the paths."""
        self._routes = [
            (route, re.compile(NAME.sub(r"(?P<\1>[^/]+)", route.path))) for route in routes
        ]

    def match(self, method: str, path: str) -> Match:
        """Return the route. Raises Stripe's 404 for unknown URLs."""
        trimmed = path.rstrip("/")
        for route, pattern in self._routes:
            found = pattern.fullmatch(trimmed)
            if found is not None and route.method == method:
                values = {name: unquote(value) for name, value in found.groupdict().items()}
                return Match(route, values)
        raise ApiError(
            f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or "
            "we can help at https://support.stripe.com/.",
            status=404,
            saved=False,
            logged=False,
        )
