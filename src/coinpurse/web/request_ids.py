"""One id for each request: in every line that it causes, in the jobs that it leaves behind, and in its answer."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, g, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER = "X-Request-Id"
# A caller's own id is kept where it is short and has nothing that means something to a log or a header.
FORM = re.compile(r"[A-Za-z0-9._:=-]{1,64}")
EVERYWHERE = "coinpurse.request_ids_everywhere"
# A request that took longer is worth a line; one for each request would cost more than its share of a spend.
SLOW_SECONDS = 1.0

log = structlog.get_logger()


def use_everywhere(app: Flask) -> None:
    """Give every request of an app that is all ours its id.

    Around the app and not inside it: three of Flask's hooks would cost several times as much.
    """
    app.extensions[EVERYWHERE] = True
    app.wsgi_app = _with_ids(app.wsgi_app)  # type: ignore[assignment,method-assign]


def use(app: Flask) -> None:
    """Give the requests of our blueprints their ids, in a host's app.

    An id that the host has bound to its log lines is taken over, and the header left to it.
    """
    if EVERYWHERE not in app.extensions:
        app.before_request(_begin)
        app.after_request(_answer)
        app.teardown_request(_end)


def _with_ids(inner: WSGIApplication) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The thread's last request may have left something behind.
        structlog.contextvars.clear_contextvars()
        id_ = _id_of(environ)
        structlog.contextvars.bind_contextvars(request_id=id_)
        answered, asked = "", None

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal answered, asked
            # Flask takes the request out again at its end.
            answered, asked = status, environ.get("werkzeug.request")
            headers.append((HEADER, id_))
            return start_response(status, headers, *error)

        started = time.perf_counter()
        try:
            return inner(environ, start)
        finally:
            seconds = time.perf_counter() - started
            if seconds > SLOW_SECONDS:
                _tell_of_slow(
                    asked and asked.url_rule, environ["REQUEST_METHOD"], answered, seconds
                )
            structlog.contextvars.unbind_contextvars("request_id")

    return answer


def _id_of(environ: WSGIEnvironment) -> str:
    given: str = environ.get("HTTP_X_REQUEST_ID", "")
    return given if FORM.fullmatch(given) else os.urandom(8).hex()


def _begin() -> None:
    blueprint = request.blueprint
    if blueprint is None or not blueprint.startswith("coinpurse"):
        return
    bound = structlog.contextvars.get_contextvars().get("request_id")
    id_ = _id_of(request.environ) if bound is None else bound
    if bound is None:
        structlog.contextvars.bind_contextvars(request_id=id_)
    g.coinpurse_request = (id_, bound is None, time.perf_counter())


def _answer(response: Response) -> Response:
    begun = g.get("coinpurse_request")
    if begun is not None:
        id_, own, started = begun
        if own:
            response.headers.setdefault(HEADER, id_)
        seconds = time.perf_counter() - started
        if seconds > SLOW_SECONDS:
            _tell_of_slow(request.url_rule, request.method, response.status, seconds)
    return response


def _end(_error: BaseException | None) -> None:
    begun = g.pop("coinpurse_request", None)
    if begun is not None and begun[1]:
        structlog.contextvars.unbind_contextvars("request_id")


def _tell_of_slow(rule: Any, method: str, status: str, seconds: float) -> None:
    # The route and not the path, which may have a user's id in it.
    log.warning(
        "request.slow",
        method=method,
        route=rule and rule.rule,
        status=status[:3],
        seconds=round(seconds, 3),
    )
