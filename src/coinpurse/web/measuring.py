"""Counting the requests of an app, and how long they take."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request

from coinpurse.counting import counts

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def use(app: Flask) -> None:
    """Count every request. Call it before other hooks are added, so that their time is measured too."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.coinpurse_began = time.perf_counter()


def _end(response: Response) -> Response:
    # Never the path: it may have anybody's id in it, and strangers could make up any number.
    route = request.url_rule.rule if request.url_rule is not None else "none"
    method = request.method if request.method in METHODS else "other"
    counts().requests[method, route, str(response.status_code)].inc()
    began: float | None = g.get("coinpurse_began")
    if began is not None:
        counts().request_seconds[route].observe(time.perf_counter() - began)
    return response
