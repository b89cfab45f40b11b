from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.endpoints.receivers import Conversation, Receiver, Rogue


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def rogue() -> Iterator[Callable[..., Rogue]]:
    """Make a server that talks to its callers as a function says."""
    made: list[Rogue] = []

    def make(conversation: Conversation, tls: ssl.SSLContext | None = None) -> Rogue:
        made.append(Rogue(conversation, tls))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.shop.test and its key, in one file, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    key, found = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=hooks.shop.test"),
            *("-addext", "subjectAltName=DNS:hooks.shop.test"),
            *("-keyout", str(key), "-out", str(found)),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + found.read_bytes())
    return both
