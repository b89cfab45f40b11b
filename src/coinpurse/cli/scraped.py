"""`/metrics` of a process that serves nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from coinpurse.errors import ConfigurationError
from coinpurse.extension import Coinpurse
from coinpurse.web import ops

log = structlog.get_logger()


class _Quiet(WSGIRequestHandler):
    timeout = 20  # A connection that says nothing is given up.

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave scrapes out of the log."""


@contextmanager
def scrapable(purse: Coinpurse, host: str, port: int) -> Iterator[None]:
    """Answer `/metrics`, `/healthz` and `/readyz` on the port while the block runs.

    Raises ConfigurationError where the address is taken, or where nobody could be let in.
    """
    if host not in ("127.0.0.1", "::1", "localhost") and purse.settings.metrics_token is None:
        raise ConfigurationError(
            "COINPURSE_METRICS_TOKEN is not set: without it metrics are shown to this machine alone."
            f" Set it, or leave out --metrics-host {host}."
        )
    app = Flask("coinpurse-worker", static_folder=None)
    app.extensions["coinpurse"] = purse
    app.register_blueprint(ops.blueprint)
    try:
        server = make_server(host, port, app, threaded=True, request_handler=_Quiet)
    except (OSError, SystemExit) as error:
        raise ConfigurationError(
            f"Cannot listen on {host}, port {port}. Give another with --metrics-host or --metrics-port."
        ) from error
    serving = threading.Thread(target=server.serve_forever, name="coinpurse-metrics", daemon=True)
    serving.start()
    log.info("metrics.listening", host=host, port=server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
