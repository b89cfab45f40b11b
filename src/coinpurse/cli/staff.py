"""`coinpurse staff`."""

from __future__ import annotations

from dataclasses import asdict

import click

from coinpurse.back_office import ROLES
from coinpurse.cli import output


@click.group(cls=output.Group)
def staff() -> None:
    """Who may enter the back office, and what each may do there."""


@staff.command()
@click.argument("email_or_user_id")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Each may do more.")
def add(email_or_user_id: str, role: str) -> None:
    """Give somebody a role, in place of the one before. Safe to repeat."""
    purse = output.purse_of_environment()
    user_id = output.known_user(purse, email_or_user_id)
    if user_id == email_or_user_id and "@" in user_id:
        click.echo(
            f"No account of this store has the address {user_id}; it is taken for a user id of your app.",
            err=True,
        )
    member = purse.back_office.grant_role(user_id, role, actor=output.acting())
    click.echo(f"{email_or_user_id} is {member.role} now.")


@staff.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List the staff, oldest first."""
    office = output.purse_of_environment().back_office
    members = office.staff()
    names = office.names([member.user_id for member in members])
    rows = [{**asdict(member), "email": names.get(member.user_id)} for member in members]
    output.print_rows(
        rows,
        as_json=as_json,
        empty="Nobody yet. Begin with: coinpurse staff add you@example.com --role owner",
    )


@staff.command()
@click.argument("email_or_user_id")
def remove(email_or_user_id: str) -> None:
    """Take somebody off the staff."""
    purse = output.purse_of_environment()
    user_id = output.known_user(purse, email_or_user_id)
    gone = purse.back_office.revoke_role(user_id, actor=output.acting())
    click.echo(f"{email_or_user_id} was {gone.role} and is not on the staff any more.")
