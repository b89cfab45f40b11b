"""The signing secrets in a `.env` file."""

from __future__ import annotations

from pathlib import Path

import pytest

from coinpurse.errors import ConfigurationError
from coinpurse.registration import prepend_secret, require_writable, rolled_secrets
from coinpurse.settings import Settings

NEW = "whsec_newnew"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"STRIPE_WEBHOOK_SECRET={NEW}\n"),
        ("A=1", f"A=1\nSTRIPE_WEBHOOK_SECRET={NEW}\n"),
        (
            "# keys\nSTRIPE_WEBHOOK_SECRET=whsec_oldold\nB=2\n",
            f"# keys\nSTRIPE_WEBHOOK_SECRET={NEW},whsec_oldold\nB=2\n",
        ),
        (
            'export STRIPE_WEBHOOK_SECRET="whsec_oldold, whsec_oldest"  # two\n',
            f"STRIPE_WEBHOOK_SECRET={NEW},whsec_oldold,whsec_oldest\n",
        ),
        (
            "#STRIPE_WEBHOOK_SECRET=whsec_unused\nSTRIPE_WEBHOOK_SECRET=\n",
            f"#STRIPE_WEBHOOK_SECRET=whsec_unused\nSTRIPE_WEBHOOK_SECRET={NEW}\n",
        ),
        (f"STRIPE_WEBHOOK_SECRET={NEW}\n", f"STRIPE_WEBHOOK_SECRET={NEW}\n"),
    ],
)
def test_new_secret_comes_first_and_every_other_line_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    file = tmp_path / ".env"
    file.write_text(before, encoding="utf-8")

    prepend_secret(file, NEW)

    assert file.read_text(encoding="utf-8") == after
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRET", raising=False)
    assert Settings().require_webhook_secrets()[0] == NEW


def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\n")
    file.chmod(0o644)

    prepend_secret(file, NEW)

    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_end_of_a_rotation_keeps_the_newest(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"STRIPE_WEBHOOK_SECRET={NEW},whsec_oldold\nA=1\n")

    assert rolled_secrets(file) == 1
    assert file.read_text() == f"STRIPE_WEBHOOK_SECRET={NEW}\nA=1\n"


@pytest.mark.parametrize("place", ["", "no/such/folder/.env"])
def test_what_cannot_be_written_is_refused_before_anything_is_made(
    tmp_path: Path, place: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        require_writable(tmp_path / place)
