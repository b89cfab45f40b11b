"""For whatever watches the process: `/healthz` (alive) and `/readyz` (database and migrations)."""

from __future__ import annotations

import psycopg
import structlog
from flask import Blueprint, Response, jsonify

from coinpurse.errors import ConfigurationError
from coinpurse.web.access import current_purse

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
