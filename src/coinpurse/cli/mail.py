"""`coinpurse mail`."""

from __future__ import annotations

from pathlib import Path

import click

from coinpurse.cli.output import Group
from coinpurse.settings import Settings
from coinpurse.web.letters import NAMES, Letters


@click.group(cls=Group)
def mail() -> None:
    """The mails that buyers get."""


@mail.command()
@click.argument("name", type=click.Choice(list(NAMES)))
@click.option("--locale", default="en-US", show_default=True, help="The buyer's language tag.")
@click.option("--text", is_flag=True, help="The text instead of the HTML.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file for it.")
def preview(name: str, locale: str, text: bool, output: Path | None) -> None:
    """Write a mail with invented figures, under the settings of the store, to look at."""
    letter = Letters(Settings()).example(name, locale)
    content = f"{letter.subject}\n\n{letter.text}" if text else letter.html
    if output is None:
        click.echo(content)
    else:
        output.write_text(content, encoding="utf-8")
        click.echo(f"{output}: {letter.subject}")
