"""Requests of people in browsers, told from calls of the service API, which come often and need none of their care."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from flask import Flask, request

SERVICE_PREFIX = "/api/v1/"


def is_service_call() -> bool:
    """Whether another backend asks, with its key."""
    return request.path.startswith(SERVICE_PREFIX)


class _OnlyVisitors:
    """The app as an extension sees it whose hooks are for visitors. What they would change passes unchanged."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        add = getattr(self._app, name)
        if name not in ("before_request", "after_request", "teardown_request"):
            return add

        def add_for_visitors(hook: Callable[..., Any]) -> Callable[..., Any]:
            def spared(*given: Any) -> Any:
                if is_service_call():
                    return given[0] if given else None
                return hook(*given)

            add(spared)
            return hook

        return add_for_visitors


def only_visitors(app: Flask) -> Flask:
    """Return what an extension's `init_app` takes, so that service calls are spared its hooks."""
    return cast(Flask, _OnlyVisitors(app))
