"""`coinpurse serve`: the standalone store behind gunicorn."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
from flask import Flask
from gunicorn import systemd
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest

from coinpurse import logs
from coinpurse.app import create_app
from coinpurse.cli import overload
from coinpurse.counting import Folder, folder_of, keep_in
from coinpurse.errors import ConfigurationError
from coinpurse.settings import Settings

CONNECTIONS = 4000
# Besides its visitors' connections: those to the database, logs, counts.
OTHER_FILES = 600


class _Logger(Logger):  # type: ignore[misc]  # It has no types.
    """Hands gunicorn's own lines to our set-up, so that they have its form and pass its net."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]  # It has no types.
    """Gunicorn with our settings instead of its own files and arguments."""

    def __init__(self, settings: Settings, counted: Folder, options: dict[str, Any]) -> None:
        self._settings = settings
        self._counted = counted
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        logs.configure()
        keep_in(self._counted)
        app = create_app(self._settings)
        app.wsgi_app = _with_readable_bodies(app.wsgi_app)  # type: ignore[method-assign]
        return app


class _Body:
    """What a client sends. What is no HTTP, or breaks off, is the client's mistake: 400, not 500."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._body, name)

        def or_refuse(*arguments: Any) -> Any:
            try:
                return read(*arguments)
            except (ParseException, OSError) as error:
                raise BadRequest("The request's body cannot be read.") from error

        return or_refuse


def _with_readable_bodies(app: Callable[..., Any]) -> Callable[..., Any]:
    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = _Body(environ["wsgi.input"])
        return app(environ, start_response)

    return answer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes."
)
def serve(host: str, port: int, workers: int) -> None:
    """Run the store on a production server until Ctrl-C or SIGTERM.

    A socket handed over by systemd is used instead of --host and --port.
    """
    logs.configure()
    settings = Settings()
    # A wrong setting or an unmigrated database ends the command here, with its mend, not in a loop of workers.
    create_app(settings).extensions["coinpurse"].database.close()
    # A socket that systemd keeps open outlives restarts: nobody is refused meanwhile.
    if not systemd.listen_fds(unset_environment=False):
        _require_free(host, port)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    counted = folder_of(settings.state_dir)
    options = {
        "bind": address,
        "workers": workers,
        "threads": settings.threads,
        "worker_class": overload.Worker,
        "worker_connections": _connections(),
        "timeout": 120,
        "graceful_timeout": 30,
        "loglevel": "warning",
        "logger_class": _Logger,
        "proc_name": "coinpurse",
        "control_socket_disable": True,
        # Only the proxies that COINPURSE_TRUSTED_PROXIES counts are believed, by the app itself.
        "forwarded_allow_ips": "",
        "child_exit": lambda _server, _worker: _gather(counted),
        "when_ready": lambda _: click.echo(f"Coinpurse listens on http://{address}", err=True),
    }
    _Server(settings, counted, options).run()


def _gather(counted: Folder) -> None:
    """Keep the counts of a worker process that has ended."""
    with suppress(OSError):
        counted.gather()


def _connections() -> int:
    """Return how many connections a process may take, after raising its limit of open files for them.

    More than it can serve: only what it has taken can be refused in time. The rest would wait where nobody counts.
    """
    first, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OTHER_FILES
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    if first != resource.RLIM_INFINITY and first < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            first = wanted
    allowed = wanted if first == resource.RLIM_INFINITY else min(wanted, first)
    return max(allowed - OTHER_FILES, allowed // 2)


def _require_free(host: str, port: int) -> None:
    """Raise ConfigurationError where the address is taken; gunicorn would only try again and again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {host}, port {port}: {error.strerror or error}. Give another with --host or --port."
            ) from None
