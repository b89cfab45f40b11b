"""One id for each request: in every line that it causes, in the jobs that it leaves behind, and in its answer."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

HEADER = "X-Request-Id"
# A caller's own id is kept where it is short and has nothing that means something to a log or a header.
FORM = re.compile(r"[A-Za-z0-9._:=-]{1,64}")
EXTENSION = "coinpurse.request_ids"
# A request that took longer is worth a line; one for each request would cost more than a spend's whole HTTP part.
SLOW_SECONDS = 1.0

log = structlog.get_logger()


def use(app: Flask, *, everywhere: bool = False) -> None:
    """Give requests their ids. everywhere: the app is all ours; otherwise our blueprints alone have them.

    An id that a host has bound to its log lines is taken over, and its header left to it.
    """
    if EXTENSION in app.extensions:
        return
    app.extensions[EXTENSION] = everywhere
    app.before_request(_begin_everywhere if everywhere else _begin_ours)
    app.after_request(_answer)
    app.teardown_request(_end)


def _begin_everywhere() -> None:
    # The thread's last request may have left something behind.
    structlog.contextvars.clear_contextvars()
    _begin(None)


def _begin_ours() -> None:
    blueprint = request.blueprint
    if blueprint is not None and blueprint.startswith("coinpurse"):
        _begin(structlog.contextvars.get_contextvars().get("request_id"))


def _begin(bound: object) -> None:
    id_ = bound
    if bound is None:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        id_ = given if FORM.fullmatch(given) else secrets.token_hex(8)
        structlog.contextvars.bind_contextvars(request_id=id_)
    g.coinpurse_request = (id_, bound is None, time.perf_counter())


def _answer(response: Response) -> Response:
    begun = g.get("coinpurse_request")
    if begun is None:
        return response
    id_, own, started = begun
    if own:
        response.headers.setdefault(HEADER, id_)
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS:
        # The route and not the path, which may have a user's id in it.
        log.warning(
            "request.slow",
            method=request.method,
            route=request.url_rule and request.url_rule.rule,
            status=response.status_code,
            seconds=round(seconds, 3),
        )
    return response


def _end(_error: BaseException | None) -> None:
    begun = g.pop("coinpurse_request", None)
    if begun is not None and begun[1]:
        structlog.contextvars.unbind_contextvars("request_id")
