"""What a log line may hold, in both forms."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from coinpurse import logs

FORGED = 'ada\n{"event": "forged", "level": "info"}\r\x1b[2K\u2028x'


@pytest.fixture(autouse=True)
def _own_set_up() -> Iterator[None]:
    root = logging.getLogger()
    kept = (root.handlers[:], root.level)
    yield
    root.handlers, root.level = kept[0], kept[1]
    structlog.reset_defaults()


@pytest.fixture(params=[False, True], ids=["json", "terminal"])
def terminal(request: pytest.FixtureRequest) -> bool:
    """Whether a person reads along; both are tried."""
    return bool(request.param)


@pytest.fixture
def written(terminal: bool) -> io.StringIO:
    """What our handler writes."""
    logs.configure("INFO", terminal=terminal)
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    stream = io.StringIO()
    handler.setStream(stream)
    return stream


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk_test_51Abcdefgh failed", "51Abcdefgh"),
        ("rk_live_51Abcdefgh", "51Abcdefgh"),
        ("['whsec_c2VjcmV0/c2Vj+x=']", "c2VjcmV0"),
        ("Bearer cpk_1a2b_c3d4e5f6", "c3d4e5f6"),
        ("t=17,v1=0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("postgresql://ada:p%40ss-w0rd@db/x", "p%40ss-w0rd"),
        ("mailtos://u:hunter22@mail.example.com", "hunter22"),
        ("Cookie: __Host-coinpurse=eyJ1IjoxfQ.Zm9v.YmFy; a=1", "eyJ1IjoxfQ"),
        ("coinpurse_session=.eJwNxMsKgCAQ; HttpOnly", "eJwNxMsK"),
        ("host=db password=hunter22 user=x", "hunter22"),
        ("Exception on /reset/WyIwMTg5.aSXG.x_Y-z [POST]", "WyIwMTg5"),
        ("Authorization: Basic c2tfdGVzdF9hYmM6", "c2tfdGVz"),
        ("it said:\nsk_test_51Abcdefgh", "51Abcdefgh"),
        ("it said:\nada.l@example.com", "ada.l"),
        ("\\ada.l@example.com", "ada.l"),
        ("Key (lower(email))=(ada.l+x@mail.example.co.uk) exists", "ada.l"),
    ],
)
def test_secrets_and_addresses_are_taken_out_wherever_they_stand(
    terminal: bool, written: io.StringIO, text: str, secret: str
) -> None:
    log = structlog.get_logger()
    log.info("some.event", value=text, many=[{"deep": text}], other=ValueError(text))
    logging.getLogger("somebody.else").error("said %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("some.failure")

    shown = written.getvalue()
    assert secret not in shown
    assert "some.event" in shown
    assert "RuntimeError" in shown
    if not terminal:
        assert [json.loads(line)["level"] for line in shown.splitlines()] == [
            "info",
            "error",
            "error",
        ]


def test_ordinary_values_stay_as_they_are(terminal: bool, written: io.StringIO) -> None:
    facts = {
        "payment_id": "0198c0de-0000-7000-8000-000000000001",
        "session_id": "cs_test_a1B2c3D4e5",
        "task_name": "reconcile_recent",
        "url": "https://coins.example.com/api/payment/webhook",
        "version": "2026-10-28.endive",
    }

    structlog.get_logger().info("some.event", **facts)

    [line] = written.getvalue().splitlines()
    assert all(value in line for value in facts.values())


def test_no_value_begins_a_line_of_its_own(terminal: bool, written: io.StringIO) -> None:
    structlog.get_logger().warning("some.event", user_id=FORGED, many=[FORGED])
    logging.getLogger("somebody.else").warning("Exception on %s", FORGED)
    try:
        raise RuntimeError(FORGED)
    except RuntimeError:
        structlog.get_logger().exception("some.failure")

    shown = written.getvalue()
    beginnings = [line for line in shown.split("\n") if line and not line.startswith("  | ")]
    assert len(beginnings) == 3
    assert not any(line.startswith(('{"event": "forged', "ada")) for line in shown.splitlines())
    assert "\u2028" not in shown
    assert "\r" not in shown
    # Colours are the renderer's; the cursor is nobody's.
    assert "\x1b[2K" not in shown


def test_traceback_shows_no_local_variables(terminal: bool, written: io.StringIO) -> None:
    password = "correct-horse"  # noqa: F841

    try:
        raise RuntimeError("wrong")
    except RuntimeError:
        structlog.get_logger().exception("some.failure")

    shown = written.getvalue()
    assert "RuntimeError: wrong" in shown
    assert "correct-horse" not in shown.replace('password = "correct-horse"', "")


def test_long_values_are_searched_in_one_pass() -> None:
    """A search that began anew at every letter would not end within the life of this run."""
    long = "a" * 2_000_000
    assert logs.redact(long) == long
    assert logs.redact("://" + long) == "://" + long
    assert logs.redact("@" * 50_000) == "@" * 50_000
