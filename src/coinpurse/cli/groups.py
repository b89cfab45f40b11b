"""Groups of commands: how they are listed, and imported when they are called."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import ClassVar

import click

# Characters, more than any first sentence has.
WHOLE = 500


class Group(click.Group):
    """Lists its commands with their whole first sentence, over several lines where it takes them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(limit=WHOLE))
                    for name in self.list_commands(ctx)
                    if (command := self.get_command(ctx, name)) is not None
                ]
            )


class LateGroup(Group):
    """Imports a command when it is called, so that it waits for nothing that only others need.

    modules: each command's module, which has it by its name; Python's own words have a line after them.
    """

    modules: ClassVar[dict[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self.modules})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, or None."""
        if cmd_name not in self.modules:
            return super().get_command(ctx, cmd_name)
        name = cmd_name + "_" * iskeyword(cmd_name)
        command: click.Command = getattr(import_module(self.modules[cmd_name]), name)
        return command
