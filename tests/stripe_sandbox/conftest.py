"""Sandboxes for tests: one shared by those that leave its clock and faults alone, and fresh ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sandbox_process import SECRET, Receiver, Sandbox, receiving, running


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox shared by a whole run; leave its clock, faults and endpoints alone."""
    state = tmp_path_factory.mktemp("sandbox") / "state.sqlite"
    with running(state, "--settle-seconds", "0.2") as started:
        yield started


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of one's own."""
    with running(tmp_path / "state.sqlite") as started:
        yield started


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook endpoint."""
    with receiving() as started:
        yield started


@pytest.fixture
def delivering(tmp_path: Path, receiver: Receiver) -> Iterator[Sandbox]:
    """A sandbox of one's own that delivers to the receiver."""
    options = ("--webhook-url", receiver.url, "--webhook-secret", SECRET)
    with running(tmp_path / "state.sqlite", *options) as started:
        yield started
