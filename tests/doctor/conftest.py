"""A store that can be examined: served over HTTP, with Stripe's sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from coinpurse.app import create_app
from coinpurse.doctor import Patient, Result, examine
from coinpurse.settings import Settings
from coinpurse.stripe_gateway import SetUp

Examine = Callable[..., dict[str, list[Result]]]


@pytest.fixture
def examined(settings: Settings, tmp_path: Path) -> Iterator[Examine]:
    """Examines the store with some settings changed; the results by the name of their check."""
    patients: list[Patient] = []

    def run(**changes: Any) -> dict[str, list[Result]]:
        changed = Settings(**{**settings.model_dump(), "state_dir": tmp_path / "state", **changes})
        key = changed.stripe_secret_key
        # A live key knows no other host than Stripe, and no test may ask Stripe.
        host = changed.api_base or "http://127.0.0.1:1"
        stripe = key and SetUp(key.get_secret_value(), api_base=host, timeout_seconds=(1.0, 10.0))
        patients.append(Patient(changed, stripe, tmp_path))
        results: dict[str, list[Result]] = {}
        for result in examine(patients[-1]):
            results.setdefault(result.check, []).append(result)
        return results

    yield run
    for patient in patients:
        patient.close()


@pytest.fixture
def served(settings: Settings) -> Iterator[Callable[..., str]]:
    """Serves a store with some settings changed, and returns its origin."""
    ends: list[Callable[[], object]] = []

    def serve(**changes: Any) -> str:
        app = create_app(settings.model_copy(update=changes))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ends.extend(
            [
                server.shutdown,
                thread.join,
                server.server_close,
                app.extensions["coinpurse"].database.close,
            ]
        )
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for end in ends:
        end()
