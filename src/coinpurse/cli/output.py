"""What commands share: the purse of the environment, and rows as a table or as JSON."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from datetime import datetime

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from coinpurse import logs
from coinpurse.accounts import Accounts
from coinpurse.back_office import COMMAND_ACTOR
from coinpurse.cli.groups import Group as Group
from coinpurse.counting import folder_of, keep_in
from coinpurse.errors import ConfigurationError
from coinpurse.extension import Coinpurse
from coinpurse.settings import Settings

# The exit code of a command that looked and found something; others are in `cli/__init__.py`.
FOUND_SOMETHING = 1
# Wide enough for ids in one piece, which are there to be copied; tables take no more than they need.
console = Console(width=240)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
limit = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)


def user_of_system() -> str:
    """Return who runs the command, as the system calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number without a name.
        return f"uid {os.getuid()}"


actor = click.option(
    "--actor",
    default=user_of_system,
    show_default="who you are to the system",
    help="Who decided it; it is kept.",
)


def purse_of_environment(*, counting: bool = False) -> Coinpurse:
    """Return a purse with the settings of the environment. Raises ConfigurationError unless it can be used.

    counting: whether to begin counting on this machine; otherwise the command counts where a server or worker does,
    and tells what it did itself, so that of the log only warnings are shown.
    """
    logs.configure(None if counting else os.environ.get("COINPURSE_LOG_LEVEL", "WARNING"))
    settings = Settings().direct()
    if settings.database_url is None and not (settings.state_dir / "postgresql").exists():
        raise ConfigurationError(
            f"DATABASE_URL is not set and there is no embedded database in {settings.state_dir.resolve()}."
            " Set it, or change to the folder of the store."
        )
    purse = Coinpurse(settings=settings)
    purse.require_ready()
    counted = folder_of(settings.state_dir)
    if counting or counted.path.is_dir():
        # What a command does counts as what the server does.
        keep_in(counted)
    return purse


def acting() -> str:
    """Who runs the command, as the audit log names them."""
    return f"{COMMAND_ACTOR}{user_of_system()}"


def record(
    purse: Coinpurse,
    action: str,
    subject_kind: str,
    subject_id: str,
    *,
    reason: str = "",
    **facts: object,
) -> None:
    """Keep in the audit log what a command is about to do."""
    purse.back_office.record(
        actor=acting(),
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        reason=reason,
        facts=facts,
    )


def known_user(purse: Coinpurse, given: str) -> str:
    """Return the id of the account with this e-mail address, else what was given."""
    account = Accounts(purse.database).find_by_email(given) if "@" in given else None
    return account.user_id if account else given


def print_json(value: object) -> None:
    """Print a value, with times and ids as text."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def progress() -> Progress:
    """A bar beside the output, gone when it is done."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def print_rows(rows: Sequence[dict[str, object]], *, as_json: bool, empty: str) -> None:
    """Print rows as JSON or as a table whose columns are the keys of the first one."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, value in rows[0].items():
        number = isinstance(value, int) and not isinstance(value, bool)
        table.add_column(
            name.replace("_", " "), justify="right" if number else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: object) -> Text:
    if value is None:
        return Text("–")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(value.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z"))
    # Somebody else may have written it: no markup, and nothing that moves a terminal's cursor.
    return Text(logs.one_line(str(value)))
