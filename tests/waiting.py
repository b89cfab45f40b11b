"""How long tests wait for other processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Only a test that fails waits so long: a machine that many share may stand still for half a minute.
PATIENCE_SECONDS = 120


def wait_until(condition: Callable[[], Any], why: Callable[[], str] = str) -> Any:
    """Wait for something that another process does, and return it. why: asked what to say if it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (result := condition()):
        assert time.monotonic() < deadline, f"it did not happen in time {why()}"
        time.sleep(0.05)
    return result
