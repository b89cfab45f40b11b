"""The files for Prometheus and Grafana: right by themselves, and about what the store really reports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from coinpurse.app import create_app
from coinpurse.monitoring import RULES
from coinpurse.settings import Settings
from tests.monitoring.test_conditions import WELL

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
DOCUMENTS = [ROOT / "docs" / "monitoring.md", ROOT / "docs" / "zh_CN" / "monitoring.md"]
METRIC = re.compile(r"\bcoinpurse_[a-z0-9_]+\b")
# What the sample of a histogram adds to the metric's name.
PARTS = re.compile(r"_(bucket|sum|count|created)$")


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def alerts() -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule for group in read("alerts.yml")["groups"] for rule in group["rules"]
    }


def expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", []))


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's own checker of rules."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool: apt-get install prometheus, or put it on the PATH")
    return found


@pytest.fixture
def reported(settings: Settings) -> set[str]:
    """The names of all metrics of a real scrape."""
    app = create_app(settings)
    purse = app.extensions["coinpurse"]
    with purse.database.connection() as connection:
        connection.execute(WELL)
    purse.monitoring.take_figures()
    answer = app.test_client().get("/metrics")
    purse.database.close()
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(answer.text)
    }


@pytest.mark.parametrize(
    "arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"),
                  ("check", "config", "--syntax-only", "prometheus.yml")],
)  # fmt: skip
def test_prometheus_takes_the_files_and_each_alert_fires_when_it_should(
    promtool: str, arguments: tuple[str, ...]
) -> None:
    ended = subprocess.run(
        [promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_is_tested_for_firing_and_for_silence() -> None:
    tested = [test["name"] for test in read("alerts_test.yml")["tests"]]

    for alert in alerts():
        assert f"{alert} fires" in tested
        assert f"{alert} is silent (1)" in tested


def test_each_rule_of_ours_is_an_alert_with_the_same_threshold_and_severity() -> None:
    states = read("alerts.yml")["groups"][0]["rules"]

    assert [alert["alert"] for alert in states] == [rule.alert for rule in RULES]
    for rule, alert in zip(RULES, states, strict=True):
        operator = "<" if rule.below else ">"
        assert re.search(rf" {operator} {rule.threshold}(?![.\d])", alert["expr"]), rule.name
        assert alert["labels"]["severity"] == rule.severity


def test_each_alert_says_which_command_to_run_and_it_exists() -> None:
    from coinpurse.cli import MODULES

    for name, alert in alerts().items():
        words = alert["annotations"]["description"]
        commands = re.findall(r"`coinpurse ([a-z]+)", words)
        assert commands or "status.stripe.com" in words or "back office" in words, name
        assert set(commands) <= {*MODULES, "doctor"}, name
    for rule in RULES:
        assert set(re.findall(r"`coinpurse\s+([a-z]+)", rule.mend)) <= set(MODULES)


def test_rules_and_dashboard_name_only_what_is_reported(reported: set[str]) -> None:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    asked = [rule["expr"] for rule in alerts().values()]
    asked += expressions(dashboard["panels"])
    named = {name for expression in asked for name in METRIC.findall(expression)}

    assert named
    assert {name for name in named if PARTS.sub("", name) not in reported} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=["en", "zh"])
def test_the_documents_name_every_metric_and_every_alert(
    document: Path, reported: set[str]
) -> None:
    text = document.read_text(encoding="utf-8")

    assert {name for name in reported if f"`{name}`" not in text} == set()
    assert {name for name in alerts() if f"`{name}`" not in text} == set()
    assert {name for name in METRIC.findall(text) if PARTS.sub("", name) not in reported} == set()
