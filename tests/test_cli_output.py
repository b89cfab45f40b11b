"""What commands print of words that somebody else wrote."""

from __future__ import annotations

import pytest

from coinpurse.cli.output import print_rows


@pytest.mark.parametrize("written", ["[/]", "[red]ada[/red]", "[link=https://a.example]x"])
def test_what_looks_like_markup_is_printed_as_it_is(
    written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_rows([{"user_id": written, "coins": 5}], as_json=False, empty="")

    assert written in capsys.readouterr().out


def test_nothing_that_somebody_wrote_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"user_id": "a\x1b[2Jb\r\x9bc"}], as_json=False, empty="")

    printed = capsys.readouterr().out
    assert r"a\x1b[2Jb\r\x9bc" in printed
    assert not {"\x1b", "\r", "\x9b"} & set(printed)
