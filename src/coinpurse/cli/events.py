"""`coinpurse events`."""

from __future__ import annotations

from dataclasses import asdict

import click

from coinpurse.cli import output
from coinpurse.errors import NotFound
from coinpurse.inbox import STATES, StoredEvent

FOUND_SOMETHING = 1


@click.group()
def events() -> None:
    """Stripe's events as they were stored."""


@events.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--type", "type_", help="Only events of this type.")
@output.limit
@output.as_json
def list_(state: str | None, type_: str | None, limit: int, as_json: bool) -> None:
    """List events, newest first."""
    found = output.purse_of_environment().inbox.latest(state=state, type_=type_, limit=limit)
    output.print_rows([_summary(event) for event in found], as_json=as_json, empty="No events.")


@events.command()
@click.argument("event_id")
def show(event_id: str) -> None:
    """Show one event with its payload and, where it failed, the traceback."""
    event = output.purse_of_environment().inbox.find(event_id)
    if event is None:
        raise NotFound("event", event_id)
    output.print_json(asdict(event))


@events.command()
@click.argument("event_id")
@output.as_json
def replay(event_id: str, as_json: bool) -> None:
    """Act on one event again; harmless on one that was processed. Exits 1 if it fails."""
    event = output.purse_of_environment().inbox.process(event_id, again=True)
    output.print_rows([_summary(event)], as_json=as_json, empty="")
    if event.state == "failed":
        if not as_json:
            click.echo(event.error, err=True)
        raise SystemExit(FOUND_SOMETHING)


def _summary(event: StoredEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "state": event.state,
        "attempts": event.attempts,
        "received_at": event.received_at,
        "note": event.note,
    }
