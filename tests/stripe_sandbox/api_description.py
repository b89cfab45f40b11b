"""Stripe's published API description as a judge of answers.

OpenAPI's schemas are read as JSON Schema; fields that a top-level object does
not list are refused, which the description itself does not do.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from sandbox_process import SHARED

DESCRIPTION = SHARED / "stripe-openapi-subset.json"
ROOT = "urn:stripe"
MARK = pytest.mark.skipif(
    not DESCRIPTION.exists(),
    reason=f"Stripe's API description is not at {DESCRIPTION}; put it there to run this test",
)


@functools.cache
def description() -> dict[str, Any]:
    """The description, with nullable and enums of null made plain JSON Schema."""
    loaded: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    _normalise(loaded)
    return loaded


def _normalise(node: Any) -> None:
    if isinstance(node, list):
        for element in node:
            _normalise(element)
        return
    if not isinstance(node, dict):
        return
    if node.pop("nullable", False) is True:
        rest = {key: node.pop(key) for key in list(node) if key not in {"description"}}
        node["anyOf"] = [rest, {"type": "null"}]
    if node.get("$ref", "").startswith("#/"):
        node["$ref"] = ROOT + node["$ref"]
    for value in node.values():
        _normalise(value)


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    resource = Resource.from_contents(description(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(ROOT, resource)
    return Draft202012Validator({"$ref": f"{ROOT}#/components/schemas/{name}"}, registry=registry)


def problems(answer: Any, where: str = "answer") -> list[str]:
    """Everything that is wrong with an answer: an object, a list of them, or an error."""
    if not isinstance(answer, dict):
        return [f"{where} is not an object"]
    if "error" in answer:
        return _judge("api_errors", answer["error"], where)
    if answer.get("deleted"):
        return []
    kind = answer.get("object", "")
    if kind == "list":
        unknown = set(answer) - {"object", "data", "has_more", "url", "total_count", "count"}
        found = [f"{where}: list has {unknown}"] if unknown else []
        for number, element in enumerate(answer["data"]):
            found += problems(element, f"{where}.data[{number}]")
        return found
    return _judge(kind, answer, where)


def _judge(kind: str, value: dict[str, Any], where: str) -> list[str]:
    schema = description()["components"]["schemas"].get(kind)
    if schema is None:
        return []
    unknown = set(value) - set(schema["properties"])
    found = [f"{where}: {kind} has unknown fields {sorted(unknown)}"] if unknown else []
    for error in _validator(kind).iter_errors(value):
        path = ".".join(str(part) for part in error.absolute_path)
        found.append(f"{where}: {kind}.{path}: {error.message[:200]}")
    return found
