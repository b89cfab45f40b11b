"""What can be called: `/api/openapi.json` for programs and `/api/docs` for people, both from the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from apispec import APISpec
from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    send_from_directory,
)
from flask import json as flask_json
from flask_smorest import Api
from flask_smorest import Blueprint as DescribedBlueprint

from coinpurse.web import contract_openapi, language, openapi
from coinpurse.web.access import current_purse
from coinpurse.web.openapi import marked as _
from coinpurse.web.pages import keep_for

STATIC = Path(__file__).parent / "static"
STYLE_SECONDS = 3600
METHODS = ("get", "post")
TRANSLATED = ("summary", "description", "title")
SPEC = "coinpurse.openapi"

blueprint = Blueprint("coinpurse_docs", __name__, url_prefix="/api", template_folder="templates")


class _Api(Api):  # type: ignore[misc]  # It has no types.
    """flask-smorest's API without its answers to errors, which would be the whole host's."""

    # Each operation names its own answers.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Value:
    """A field or a parameter, as the page lists it."""

    name: str
    place: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as the page shows it."""

    method: str
    path: str
    anchor: str
    summary: str
    text: str
    scope: str
    values: list[Value] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)


def use(app: Flask, service: DescribedBlueprint | None) -> None:
    """Describe the app's operations and serve the description. service: None where the host wants none."""
    api = _Api(
        config_prefix="COINPURSE_OPENAPI",
        spec_kwargs={
            "title": "Coinpurse",
            "version": version("coinpurse"),
            "openapi_version": "3.0.3",
            "info": {
                "description": _(
                    "Amounts of coins are whole numbers. Every refusal is an object with `error`, a sentence for"
                    " people, and `code`, which stays the same. In requests with a key, fields that are not listed are"
                    " refused."
                )
            },
        },
    )
    api.init_app(app)
    for name, schema in openapi.COMPONENTS.items():
        api.spec.components.schema(name, dict(schema))
    for name, scheme in openapi.SECURITY_SCHEMES.items():
        api.spec.components.security_scheme(name, dict(scheme))
    if service is not None:
        api.register_blueprint(service)
    contract_openapi.describe(api.spec, app)
    app.extensions[SPEC] = api.spec
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
def openapi_json() -> Response:
    """The description in OpenAPI 3, in the reader's language."""
    response = current_app.response_class(
        flask_json.dumps(description(), indent=1, sort_keys=False), mimetype="application/json"
    )
    return _kept(response)


@blueprint.get("/docs")
def docs() -> Response:
    """The same for people: one page without scripts."""
    spec = description()
    response = make_response(
        render_template(
            "coinpurse/api_docs.html",
            _=language.gettext,
            html_language=language.HTML_TAGS.get(
                language.current_language(), language.current_language()
            ),
            info=spec["info"],
            groups=groups_of(spec),
            base_url=current_purse().settings.base_url,
            has_service="key" in spec["components"]["securitySchemes"],
        )
    )
    return _kept(response)


@blueprint.get("/docs.css")
def style() -> Response:
    """The page's style sheet."""
    response = send_from_directory(STATIC, "api_docs.css")
    keep_for(response, STYLE_SECONDS)
    return response


def description() -> dict[str, Any]:
    """Return the OpenAPI description in the reader's language."""
    spec: APISpec = current_app.extensions[SPEC]
    found: dict[str, Any] = _translated(spec.to_dict())
    used = {name for _method, _path, words in _operations(found) for name in words["tags"]}
    found["tags"] = [{"name": name} for name in sorted(used)]
    if not any("x-scope" in words for _method, _path, words in _operations(found)):
        del found["components"]["securitySchemes"]["key"]
    return found


def _translated(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _translated(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [
            language.gettext(item)
            if name == "tags" and isinstance(item, str)
            else _translated(item)
            for item in value
        ]
    if name in TRANSLATED and isinstance(value, str) and value:
        return language.gettext(value)
    return value


def _operations(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method in METHODS:
            if method in methods:
                shared = methods.get("parameters", [])
                words = methods[method]
                yield method, path, {**words, "parameters": [*shared, *words.get("parameters", [])]}


def groups_of(spec: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of a description, as pages list them, by their tags."""
    groups: dict[str, list[Operation]] = {}
    for method, path, words in _operations(spec):
        groups.setdefault(words["tags"][0], []).append(_operation(method, path, words))
    return groups


def _operation(method: str, path: str, words: dict[str, Any]) -> Operation:
    values = {
        (given["in"], given["name"]): Value(
            given["name"],
            given["in"],
            _kind(given["schema"]),
            given.get("required", False),
            given.get("description", ""),
        )
        for given in words["parameters"]
    }
    body = words.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = body.get("schema", {})
    fields = [
        Value(name, "body", _kind(of_field), name in schema.get("required", ()), of_field.get("description", ""))
        for name, of_field in schema.get("properties", {}).items()
    ]  # fmt: skip
    return Operation(
        method=method.upper(),
        path=path,
        anchor=f"{method}-{path.strip('/')}".replace("/", "-").replace("{", "").replace("}", ""),
        summary=words["summary"],
        text=words.get("description", ""),
        scope=words.get("x-scope", ""),
        values=[*values.values(), *fields],
        answers=[
            (status, found["description"]) for status, found in sorted(words["responses"].items())
        ],
    )


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "enum" in schema:
        return " | ".join(schema["enum"])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}[]"
    words = str(schema.get("format") or schema.get("type", ""))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words += f" {low}–{high}"
    if "maxLength" in schema:
        words += f" ≤ {schema['maxLength']}"
    return words


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, max-age=60"
    response.vary.update(("Accept-Language", "Cookie"))
    return response
