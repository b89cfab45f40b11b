"""The Flask application: a thin face over the dispatcher, the control API and the pages."""

from __future__ import annotations

import importlib
import importlib.util
import socket

from flask import Flask, Response, request

from stripe_sandbox import control
from stripe_sandbox.api.dispatch import ApiAnswer, ApiRequest, Dispatcher
from stripe_sandbox.api.routing import Router
from stripe_sandbox.config import SandboxConfig
from stripe_sandbox.listeners import register_listener_socket
from stripe_sandbox.resources.all_routes import ROUTES
from stripe_sandbox.world import World

PAGES = "stripe_sandbox.pages"


def create_app(config: SandboxConfig | None = None) -> Flask:
    """Build the application; the world is `app.extensions["stripe_sandbox"]`.

    Its background threads run as soon as this returns; stop them with
    `app.extensions["stripe_sandbox"].stop()`.
    """
    app = Flask(__name__)
    world = World(config or SandboxConfig())
    app.extensions["stripe_sandbox"] = world
    dispatcher = Dispatcher(world, Router(ROUTES))

    def api(rest: str) -> Response:  # noqa: ARG001 - the path is read from the request
        return _respond(dispatcher.answer(_api_request(world)))

    methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    for generation in ("v1", "v2"):
        app.add_url_rule(f"/{generation}/<path:rest>", f"api_{generation}", api, methods=methods)
    app.register_blueprint(control.blueprint)
    register_listener_socket(app, world)
    if importlib.util.find_spec(PAGES) is not None:
        for blueprint in getattr(importlib.import_module(PAGES), "blueprints", ()):
            app.register_blueprint(blueprint)
    world.start()
    return app


def _api_request(world: World) -> ApiRequest:
    base = world.config.base_url or request.host_url
    return ApiRequest(
        method=request.method,
        path=request.path,
        query=request.query_string.decode("utf-8", "replace"),
        body=request.get_data(),
        authorization=request.headers.get("Authorization"),
        version=request.headers.get("Stripe-Version"),
        idempotency_key=request.headers.get("Idempotency-Key"),
        base_url=base.rstrip("/"),
    )


def _respond(answer: ApiAnswer) -> Response:
    if answer.hang_up:
        _hang_up()
    response = Response(answer.body, answer.status, content_type="application/json")
    response.headers.update(answer.headers)
    response.headers["Cache-Control"] = "no-cache, no-store"
    return response


def _hang_up() -> None:
    """End the connection, so that the caller sees a failure and never an answer."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
