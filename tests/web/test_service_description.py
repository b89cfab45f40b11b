"""The description of the API: that it is true, whole, and readable without another host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from coinpurse import Coinpurse
from coinpurse.api_keys import SCOPES
from tests.web.conftest import Browser

ORIGIN = "http://127.0.0.1:5000"
# 405 and 404 of addresses that are not described are Flask's own, before any view of ours.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def description(client: FlaskClient, **headers: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/openapi.json", headers=headers).json
    return found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_gets_an_answer_that_is_not_described(
    host: Flask, purse: Coinpurse, mode: GenerationMode
) -> None:
    """Calls every operation with what schemathesis makes of the description; the first bad answer fails."""
    purse.credit("ada", 2**40, key="start")
    headers = {
        "Authorization": f"Bearer {purse.api_keys.create('fuzz', SCOPES).text}",
        "X-User": "ada",
        "Origin": ORIGIN,
    }
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", host)
    called: dict[str, set[int]] = {}
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case: Case) -> None:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)
            called.setdefault(case.operation.label, set()).add(response.status_code)

        call()
    assert len(called) > 15
    if mode is GenerationMode.POSITIVE:
        assert sum(200 in statuses for statuses in called.values()) > 8, called


def test_every_route_of_ours_is_described(host: Flask, client: FlaskClient) -> None:
    described = {
        re.sub(r"{(\w+)}", r"<\1>", path): set(methods) - {"parameters"}
        for path, methods in description(client)["paths"].items()
    }
    routes: dict[str, set[str]] = {}
    for rule in host.url_map.iter_rules():
        if rule.rule.startswith("/api/") and not rule.endpoint.startswith("coinpurse_docs."):
            methods = {method.lower() for method in rule.methods or ()} - {"head", "options"}
            routes.setdefault(rule.rule, set()).update(methods)
    assert described == routes


def test_every_operation_says_who_may_call_it(client: FlaskClient) -> None:
    for path, methods in description(client)["paths"].items():
        for words in (words for method, words in methods.items() if method != "parameters"):
            if path.startswith("/api/v1/"):
                assert words["security"] == [{"key": []}]
                assert words["x-scope"] in SCOPES
                assert {"401", "403"} <= set(words["responses"])
            elif path != "/api/payment/webhook":
                assert words["security"] == [{"login": []}]


def test_the_description_is_in_the_reader_s_language(client: FlaskClient) -> None:
    chinese = description(client, **{"Accept-Language": "zh-CN"})
    spend = chinese["paths"]["/api/v1/wallets/{user_id}/spend"]["post"]
    assert (spend["summary"], spend["tags"]) == ("消费金币", ["钱包"])
    english = description(client)
    assert english["paths"]["/api/v1/wallets/{user_id}/spend"]["post"]["summary"] == "Spend coins"


def test_the_page_lists_every_operation(client: FlaskClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    for path, methods in description(client)["paths"].items():
        assert f"<code>{path}</code>" in page.text
        for words in (words for method, words in methods.items() if method != "parameters"):
            assert words["summary"].replace("'", "&#39;") in page.text


def test_the_page_is_in_chinese_too(client: FlaskClient) -> None:
    page = client.get("/api/docs", headers={"Accept-Language": "zh-CN"}).text
    assert 'lang="zh-Hans"' in page
    assert "API 参考" in page


def test_the_page_asks_no_other_host_and_runs_nothing(visitor: Browser) -> None:
    page = visitor.get("/api/docs")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert "style=" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert loaded
    assert all(address.startswith("/api/") for address in loaded)
    style = visitor.get("/api/docs.css")
    assert (style.status_code, style.mimetype) == (200, "text/css")
    assert "url(" not in style.text
    assert "@import" not in style.text


def test_a_host_keeps_its_own_answers_to_errors(purse: Coinpurse) -> None:
    app = Flask("host", root_path=str(Path(__file__).parent))
    purse.init_app(app)
    assert app.test_client().get("/nowhere").mimetype == "text/html"


def test_hosts_with_flask_smorest_of_their_own_keep_theirs(purse: Coinpurse) -> None:
    from flask_smorest import Api

    app = Flask("host")
    app.config.update(API_TITLE="Host", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    app.config.update(OPENAPI_URL_PREFIX="/host")
    own = Api(app)
    purse.init_app(app)
    client = app.test_client()
    assert client.get("/host/openapi.json").json["info"]["title"] == "Host"
    assert description(client)["info"]["title"] == "Coinpurse"
    assert own.spec.to_dict()["paths"] == {}
