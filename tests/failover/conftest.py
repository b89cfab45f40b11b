"""What the tests of lost connections share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.failover.door import Door


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    facts = psycopg.conninfo.conninfo_to_dict(database_url)
    if not str(facts.get("host", "")).startswith("/"):
        pytest.skip("the server of COINPURSE_TEST_SERVER has no socket in a folder")
    # Short, because a socket's path is.
    with tempfile.TemporaryDirectory(prefix="door-") as folder:
        yield Door(Path(folder), database_url)
