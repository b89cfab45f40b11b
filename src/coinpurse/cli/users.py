"""`coinpurse users`."""

from __future__ import annotations

import click

from coinpurse.accounts import Account, Accounts, Resets
from coinpurse.cli import output
from coinpurse.errors import NotFound
from coinpurse.extension import Coinpurse


@click.group(cls=output.Group)
def users() -> None:
    """Accounts of the standalone store: help for who cannot log in, or should not be logged in."""


@users.command("reset-link")
@click.argument("email")
def reset_link(email: str) -> None:
    """Print a link with which a user chooses a new password: once, within an hour.

    Whoever has it has the account. Give it to nobody but its owner.
    """
    purse = output.purse_of_environment()
    account = _get_account(purse, email)
    link = Resets.from_settings(purse.database, purse.settings).link_for(account.user_id)
    output.record(purse, "user.reset_link", "user", account.user_id)
    click.echo(link)


@users.command("end-sessions")
@click.argument("email")
def end_sessions(email: str) -> None:
    """Log a user out everywhere. Links to choose a new password end too."""
    purse = output.purse_of_environment()
    account = _get_account(purse, email)
    output.record(purse, "user.end_sessions", "user", account.user_id)
    Accounts(purse.database).end_sessions(account.user_id)
    click.echo(f"{account.email} is logged out everywhere.")


def _get_account(purse: Coinpurse, email: str) -> Account:
    account = Accounts(purse.database).find_by_email(email)
    if account is None:
        raise NotFound("account", email)
    return account
