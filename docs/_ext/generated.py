"""The parts of the reference that are made from the code: `<!-- generated: NAME -->` in a page is replaced by them."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flask import Flask
from prometheus_client.metrics import MetricWrapperBase
from sphinx.application import Sphinx

from coinpurse import Coinpurse, Settings
from coinpurse.counting.counts import Counts
from coinpurse.endpoints import FIELDS
from coinpurse.inbox.rules import AFTER_SALE_TYPES, REPORTS
from coinpurse.monitoring.gauges import GAUGES
from coinpurse.outbox.rules import TYPES
from coinpurse.web.documentation import Value, groups_of
from coinpurse.web.errors import ANSWERS
from coinpurse.web.openapi import COMPONENTS

MARKER = re.compile(r"^<!-- generated: (?P<name>\w+) -->$", re.MULTILINE)
# What is bounded by the width of the column alone.
UNBOUNDED = re.compile(rf"(\d+)–{2**63 - 1}")
YES = {True: "yes", False: ""}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", fill_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def fill_in(_app: Sphinx, _docname: str, source: list[str]) -> None:
    """Replace each marker of a page by what it names. An unknown name is a KeyError, which ends the build."""
    source[0] = MARKER.sub(lambda found: "\n".join(PARTS[found["name"]]()), source[0])


def operations() -> Iterator[str]:
    """Everything that can be called over HTTP, from the application's own description."""
    described = description()
    for group, found in groups_of(described).items():
        yield f"## {group}\n"
        for operation in found:
            yield f"### {operation.summary}\n"
            yield f"`{operation.method} {operation.path}`\n"
            if operation.scope:
                yield f"Needs a key with the scope `{operation.scope}`.\n"
            if operation.text:
                yield operation.text + "\n"
            if operation.values:
                yield from _values(operation.values)
            answers = described["paths"][operation.path][operation.method.lower()]["responses"]
            yield from _table(
                ("answer", "holds, or the codes of refusals"),
                ((status, _held(answers[status]) or text) for status, text in operation.answers),
            )


def objects() -> Iterator[str]:
    """The shapes of answers."""
    for name, schema in COMPONENTS.items():
        yield f"### {name}\n"
        yield from _table(
            ("field", "type", "meaning"),
            (
                (f"`{field}`", _kind(kind), kind.get("description", ""))
                for field, kind in schema["properties"].items()
            ),
        )


def refusals() -> Iterator[str]:
    """Every code that a request can be refused with."""
    yield from _table(
        ("code", "status", "sentence"),
        (
            (f"`{code}`", str(answer.status), str(answer.sentence))
            for code, answer in sorted(ANSWERS.items())
        ),
    )


def webhook_types() -> Iterator[str]:
    """What our own webhooks, mails and alerts tell."""
    yield from _table(
        ("type", "buyer, by mail", "operator, by alert", "fields of `data`"),
        (
            (
                f"`{name}`",
                YES[kind.buyer],
                YES[kind.operator],
                ", ".join(f"`{field}`" for field in FIELDS.get(name, ()))
                or ("no webhook: it is private" if kind.private else "as the event needs"),
            )
            for name, kind in TYPES.items()
        ),
    )


def stripe_types() -> Iterator[str]:
    """Stripe's events that we act on."""
    yield from _table(
        ("type", "reports on"),
        [(f"`{name}`", f"a payment, read from its {kind.__name__}") for name, (kind, _) in REPORTS.items()]
        + [
            (f"`{name}`", "what came after the sale; all of it is fetched")
            for name in sorted(AFTER_SALE_TYPES)
        ],
    )  # fmt: skip


def counted() -> Iterator[str]:
    """The metrics of things that happen."""
    made = [
        kept._parent if isinstance(kept, dict) else kept  # noqa: SLF001  Ours.
        for kept in vars(Counts()).values()
        if isinstance(kept, (dict, MetricWrapperBase))
    ]
    yield from _table(
        ("metric", "type", "labels", "meaning"),
        sorted(_metric(metric) for metric in made),
    )


def read() -> Iterator[str]:
    """The metrics of states, read at each scrape."""
    yield from _table(
        ("metric", "label", "meaning"),
        sorted((f"`coinpurse_{gauge.name}`", gauge.label or "", gauge.help) for gauge in GAUGES),
    )


def description() -> dict[str, Any]:
    """The OpenAPI document that a host serves, in English. Nothing is asked of a database or of Stripe."""
    logging.getLogger("coinpurse").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(_env_file=None, demo=True, state_dir=state, stripe_secret_key=None)
        app = Flask("documentation")
        app.secret_key = "documentation"  # noqa: S105  It signs nothing that anybody gets.
        Coinpurse(app, settings=settings, user_id=lambda: None)
        found: dict[str, Any] = app.test_client().get("/api/openapi.json").json
        return found


def _metric(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    """A counter or histogram in words. prometheus-client shows its labels in no public way."""
    facts = vars(metric)
    kind = str(metric._type)  # noqa: SLF001
    name = facts["_name"] + ("_total" if kind == "counter" else "")
    return f"`{name}`", kind, ", ".join(facts["_labelnames"]), facts["_documentation"]


def _held(answer: Mapping[str, Any]) -> str:
    """A link to the object that an answer holds; nothing for refusals, whose codes say more."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    link = _kind(schema) if "$ref" in schema else ""
    return "" if "Refusal" in link or "InsufficientCoins" in link else link


def _values(values: Iterable[Value]) -> Iterator[str]:
    yield from _table(
        ("parameter", "in", "type", "required", "meaning"),
        (
            (
                f"`{value.name}`",
                value.place,
                "`" + UNBOUNDED.sub(r"≥ \1", value.kind) + "`",
                YES[value.required],
                value.text,
            )
            for value in values
        ),
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object" and "properties" in schema:
        inner = ", ".join(f"`{name}`" for name in schema["properties"])
        return f"object of {inner}"
    words = " or ".join(f"`{value}`" for value in schema.get("enum", ()))
    words = words or str(schema.get("format") or schema.get("type", ""))
    return words + (" or null" if schema.get("nullable") else "")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(head)
    yield _row(("---",) * len(head))
    yield from map(_row, rows)
    yield ""


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


PARTS: Mapping[str, Callable[[], Iterator[str]]] = {
    "operations": operations,
    "objects": objects,
    "refusals": refusals,
    "webhook_types": webhook_types,
    "stripe_types": stripe_types,
    "counted": counted,
    "read": read,
}
