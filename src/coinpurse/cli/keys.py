"""`coinpurse keys`."""

from __future__ import annotations

from collections.abc import Callable

import click

from coinpurse.api_keys import CACHE_SECONDS, SCOPES, ApiKey
from coinpurse.back_office import record
from coinpurse.cli import output
from coinpurse.db import UnitOfWork


@click.group(cls=output.Group)
def keys() -> None:
    """Keys with which other backends call the service API."""


@keys.command()
@click.option("--name", required=True, help="What the key is for, such as the name of a backend.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice(SCOPES),
    help="What it may do; repeat the option for several.",
)
@output.as_json
def create(name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key and show it, this once."""
    purse = output.purse_of_environment()
    made = purse.api_keys.create(name, scopes, note=_noting("api_key.create", scopes=scopes))
    if as_json:
        output.print_json({"key": made.text, **_summary(made.key)})
        return
    click.echo(made.text)
    click.echo("Keep it now: only its digest is stored, and nobody can show it again.", err=True)


@keys.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List the keys, newest first, also the revoked ones."""
    found = output.purse_of_environment().api_keys.list_all()
    rows = [_summary(key) for key in found]
    if not as_json:
        rows = [
            {**row, "scopes": ", ".join(_scopes(key))} for row, key in zip(rows, found, strict=True)
        ]
    output.print_rows(rows, as_json=as_json, empty="No keys.")


@keys.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """End a key for good, named by its prefix as `keys list` shows it. Safe to repeat."""
    purse = output.purse_of_environment()
    key = purse.api_keys.revoke(prefix, note=_noting("api_key.revoke"))
    click.echo(
        f"{key.prefix} ({key.name}) is revoked; running servers refuse it within {CACHE_SECONDS:.0f} seconds."
    )


def _noting(action: str, **facts: object) -> Callable[[UnitOfWork, ApiKey], None]:
    def note(work: UnitOfWork, key: ApiKey) -> None:
        record(
            work,
            actor=output.acting(),
            action=action,
            subject_kind="api_key",
            subject_id=key.prefix,
            facts={"name": key.name, **facts},
        )

    return note


def _summary(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": _scopes(key),
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def _scopes(key: ApiKey) -> list[str]:
    return [scope for scope in SCOPES if scope in key.scopes]
