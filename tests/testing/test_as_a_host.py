"""The fixtures in a project of somebody else's, run by its own pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

GUIDE = Path(__file__).parents[2] / "docs" / "embedding.md"
APP = """
from flask import Flask, request
from coinpurse import Coinpurse

def create_app(config):
    app = Flask("shop")
    app.config.update(config)
    Coinpurse(app, user_id=lambda: request.headers.get("X-User"))
    return app
"""
CONFTEST = """
import pytest
from shop import create_app

pytest_plugins = ["coinpurse.testing"]
"""
TESTS = """
import pytest

@pytest.mark.parametrize("user", ["ada", "bob", "cleo", "dan"])
def test_buying(app, buy_coins, user):
    client = app.test_client()
    client.environ_base["HTTP_X_USER"] = user
    bought = buy_coins(client, pack="pouch")
    assert client.get("/api/wallet").json["balance"] == 100
    assert bought.refund().status == "refunded"
    assert client.get("/api/wallet").json["balance"] == 0
"""
FOR_EACH_TEST = """
@pytest.fixture
def app(coinpurse_config):
    return create_app(coinpurse_config)
"""


def for_the_whole_run() -> str:
    """The fixtures of that kind, as the guide shows them."""
    found = re.search(
        r"```python\n(from coinpurse\.testing.*?)```", GUIDE.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return found[1]


@pytest.mark.parametrize("given_server", [False, True], ids=["embedded", "a server of one's own"])
def test_a_project_needs_one_line(tmp_path: Path, server_address: str, given_server: bool) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\npythonpath = .\n", "utf-8"
    )
    (tmp_path / "shop.py").write_text(APP, "utf-8")
    fixtures = for_the_whole_run() if given_server else FOR_EACH_TEST
    (tmp_path / "conftest.py").write_text(CONFTEST + fixtures, "utf-8")
    (tmp_path / "test_shop.py").write_text(TESTS, "utf-8")
    given = {"COINPURSE_TEST_DATABASE_URL": server_address} if given_server else {}
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--basetemp", str(tmp_path / "run")],
        env={**inherited, **given},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert "4 passed" in ended.stdout, ended.stdout + ended.stderr
