"""For whatever watches the process: `/healthz` (alive), `/readyz` (database and migrations), `/metrics`."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

import psycopg
import structlog
from flask import Blueprint, Response, jsonify, request
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from coinpurse import counting
from coinpurse.errors import ConfigurationError
from coinpurse.monitoring import StateCollector
from coinpurse.settings import Settings
from coinpurse.web.access import current_purse
from coinpurse.web.addresses import read_address

# What a proxy adds, or should. A request that bears any of them was not made on this machine, whoever handed it on.
FORWARDED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
    "Via",
)

blueprint = Blueprint("coinpurse_ops", __name__)

log = structlog.get_logger()


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """The database answers and has this version's tables."""
    try:
        current_purse().require_ready()
    except (ConfigurationError, psycopg.OperationalError) as error:
        log.warning("ready.refused", error=str(error))
        return jsonify(status="not ready"), 503
    return jsonify(status="ok"), 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """What was counted and how the store stands; without the database, what was counted."""
    purse = current_purse()
    refusal = _refusal(purse.settings)
    if refusal is not None:
        return refusal
    registry = CollectorRegistry()
    registry.register(_Counted())
    registry.register(StateCollector(purse.monitoring))
    return Response(
        generate_latest(registry),
        content_type=CONTENT_TYPE_PLAIN_0_0_4,
        headers={"Cache-Control": "no-store"},
    )


class _Counted(Collector):
    def collect(self) -> Iterable[Metric]:
        return counting.collect()


def _refusal(settings: Settings) -> Response | None:
    """The answer to whoever may not see the metrics; None for those who may."""
    if settings.metrics_token is not None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = settings.metrics_token.get_secret_value()
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
            return None
        return Response(
            "A bearer token is needed: COINPURSE_METRICS_TOKEN.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if _is_from_this_machine(settings):
        return None
    return Response(
        "Metrics are shown to this machine alone, or with COINPURSE_METRICS_TOKEN to whoever has it.\n",
        status=403,
        content_type="text/plain",
    )


def _is_from_this_machine(settings: Settings) -> bool:
    """Whether somebody on this machine asked, and no proxy did it for somebody else.

    What a header says can only take the permission away, and who asks from here names this machine as the host. A proxy
    that says nothing looks like it: where the store's address is a public one and no proxy is declared, nobody is taken
    for it.
    """
    environ = request.environ.get("werkzeug.proxy_fix.orig") or request.environ
    peer = environ.get("REMOTE_ADDR") or ""
    if not _is_loopback(peer) or any(name in request.headers for name in FORWARDED):
        return False
    if not _is_here(f"//{environ.get('HTTP_HOST', '')}"):
        return False
    return settings.trusted_proxies > 0 or _is_here(settings.base_url)


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    known = read_address(address)
    return known is not None and known.is_loopback
